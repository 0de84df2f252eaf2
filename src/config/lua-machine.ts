import fengari, { type LuaState } from 'fengari'
import type { Statement } from 'luaparse'
import { foldedText } from './fold.ts'
import type { Language } from './language.ts'
import { LuaBridge } from './lua-bridge.ts'
import { Fault, type Position, type Problems } from './problem.ts'
import type { Source } from './source.ts'

const { lua, lauxlib, lualib } = fengari

/** Instructions that one file may take: well under a second, and enough for thousands of hosts made in a loop. */
const MAX_INSTRUCTIONS = 500_000
const HOOK_EVERY = 1000
const MAX_REPEAT_BYTES = 4 * 1024 * 1024

/** Of the base library, what cannot reach outside, catch the end of a runaway script, or print. */
const BASE = [
  'assert',
  'error',
  'ipairs',
  'next',
  'pairs',
  'rawequal',
  'rawget',
  'rawlen',
  'rawset',
  'select',
  'tonumber',
  'tostring',
  'type',
]
const LIBRARIES = ['string', 'table', 'math', 'utf8']
const NO_CHANCE = ['random', 'randomseed']

/**
 * Runs configuration files that are programs: functions, loops, string and table functions. There is no io, no os but
 * getenv, no loading of code, and an end to endless loops. Its integers have 32 bits; products of literals are computed
 * before it runs, so that sizes such as `4*1024*1024*1024` come out right. The first fault ends a file, as in Lua.
 */
export class LuaMachine {
  run(source: Source, body: readonly Statement[], language: Language, around: { readonly problems: Problems }): void {
    const L = lauxlib.luaL_newstate()
    const bridge = new LuaBridge(L, () => position(L, source), around.problems)
    try {
      new Sandbox(L, bridge, language, around.problems, source).run(foldedText(source.text, body))
    } finally {
      lua.lua_close(L)
    }
  }
}

class Sandbox {
  readonly #L: LuaState
  readonly #bridge: LuaBridge
  readonly #language: Language
  readonly #problems: Problems
  readonly #source: Source

  constructor(L: LuaState, bridge: LuaBridge, language: Language, problems: Problems, source: Source) {
    this.#L = L
    this.#bridge = bridge
    this.#language = language
    this.#problems = problems
    this.#source = source
  }

  run(text: string): void {
    const L = this.#L
    this.#openLibraries()
    const code = Buffer.from(text, 'latin1')
    if (lauxlib.luaL_loadbuffer(L, code, code.length, bytes('=cfg')) !== lua.LUA_OK) throw this.#fault()
    this.#pushEnvironment()
    lua.lua_setupvalue(L, -2, 1)
    let steps = 0
    const count = (): void => {
      steps += HOOK_EVERY
      if (steps > MAX_INSTRUCTIONS) lauxlib.luaL_error(L, bytes('this file runs too long; is there an endless loop?'))
    }
    lua.lua_sethook(L, count, lua.LUA_MASKCOUNT, HOOK_EVERY)
    if (lua.lua_pcall(L, 0, 0, 0) !== lua.LUA_OK) throw this.#fault()
  }

  #openLibraries(): void {
    const L = this.#L
    for (const [name, open] of [
      ['_G', lualib.luaopen_base],
      ['string', lualib.luaopen_string],
      ['table', lualib.luaopen_table],
      ['math', lualib.luaopen_math],
      ['utf8', lualib.luaopen_utf8],
    ] as const) {
      lauxlib.luaL_requiref(L, bytes(name), open, 1)
      lua.lua_pop(L, 1)
    }
    lua.lua_getglobal(L, bytes('string'))
    lua.lua_pushcfunction(L, () => this.#repeat())
    lua.lua_setfield(L, -2, bytes('rep'))
    lua.lua_pushnil(L)
    lua.lua_setfield(L, -2, bytes('dump'))
    lua.lua_getglobal(L, bytes('math'))
    for (const name of NO_CHANCE) {
      lua.lua_pushnil(L)
      lua.lua_setfield(L, -2, bytes(name))
    }
    lua.lua_pop(L, 2)
  }

  /** An empty table whose reads and writes come to us: writing a global sets an option. */
  #pushEnvironment(): void {
    const L = this.#L
    lua.lua_createtable(L, 0, 0)
    lua.lua_createtable(L, 0, 2)
    lua.lua_pushcfunction(L, () => this.#readGlobal())
    lua.lua_setfield(L, -2, bytes('__index'))
    lua.lua_pushcfunction(L, () => this.#writeGlobal())
    lua.lua_setfield(L, -2, bytes('__newindex'))
    lua.lua_setmetatable(L, -2)
  }

  #readGlobal(): number {
    const L = this.#L
    const name = this.#bridge.read(2)
    const library = typeof name === 'string' && (BASE.includes(name) || LIBRARIES.includes(name))
    const found = typeof name === 'string' && !library ? this.#language.lookup(name) : undefined
    if (library) lua.lua_getglobal(L, bytes(name))
    else if (found !== undefined || typeof name !== 'string') this.#bridge.push(found)
    else {
      if (!name.startsWith('ENV_')) {
        this.#problems.warn(
          this.#bridge.here(),
          `${name} has no value here: an option cannot be read back, only a local variable can`,
        )
      }
      lua.lua_pushnil(L)
    }
    return 1
  }

  #writeGlobal(): number {
    const name = this.#bridge.read(2)
    const at = this.#bridge.here()
    const value = this.#bridge.read(3)
    if (typeof value === 'function')
      this.#problems.error(at, `a function must be local here: write local function ${String(name)}`)
    else if (typeof name === 'string') this.#bridge.guard(() => this.#language.set(name, at, value, at))
    return 0
  }

  #repeat(): number {
    const [text, count, between] = [this.#bridge.read(1), this.#bridge.readNumber(2), this.#bridge.read(3)]
    const unit = typeof text === 'string' ? text : String(this.#bridge.readNumber(1))
    const glue = typeof between === 'string' ? between : ''
    const times = Math.max(0, Math.floor(count))
    if ((unit.length + glue.length) * times > MAX_REPEAT_BYTES)
      lauxlib.luaL_error(this.#L, bytes('this text is longer than 4 MiB'))
    this.#bridge.push(times === 0 ? '' : (unit + glue).repeat(times - 1) + unit)
    return 1
  }

  #fault(): Fault {
    const value = this.#bridge.read(-1)
    const message = typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8') : 'this file cannot be run'
    const match = /^cfg:(\d+): (.*)$/s.exec(message)
    const at = match === null ? this.#source.position(1, 0) : this.#source.startOfLine(Number(match[1]))
    return new Fault(at, match?.[2] ?? message)
  }
}

/** The line of the file that is running; above it may be library functions, which have none. */
function position(L: LuaState, source: Source): Position {
  const info = new lua.lua_Debug()
  for (let level = 0; lua.lua_getstack(L, level, info) !== 0; level++) {
    lua.lua_getinfo(L, bytes('l'), info)
    if (info.currentline > 0) return source.startOfLine(info.currentline)
  }
  return source.position(1, 0)
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}
