import fengari, { type LuaState } from 'fengari'
import { Float, isNumber, keyOf, type LuaFunction, type LuaKey, LuaTable, type LuaValue, numberOf } from './lua-value.ts'
import { Fault, type Position, type Problems } from './problem.ts'

const { lua } = fengari

/** Carries values between our functions and the Lua machine's stack. */
export class LuaBridge {
  readonly #L: LuaState
  readonly #here: () => Position
  readonly #problems: Problems

  constructor(L: LuaState, here: () => Position, problems: Problems) {
    this.#L = L
    this.#here = here
    this.#problems = problems
  }

  /** Where the running Lua code is. */
  here(): Position {
    return this.#here()
  }

  /** Runs one of our functions: its fault becomes a problem, and the Lua code goes on with nil. */
  guard<T>(run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#problems.error(error.at, error.message)
      return undefined
    }
  }

  push(value: LuaValue): void {
    const L = this.#L
    if (value === undefined) lua.lua_pushnil(L)
    else if (typeof value === 'string') lua.lua_pushstring(L, Buffer.from(value, 'latin1'))
    else if (typeof value === 'boolean') lua.lua_pushboolean(L, value)
    else if (typeof value === 'function') this.#pushFunction(value)
    else if (value instanceof LuaTable) this.#pushTable(value)
    else if (value === (numberOf(value) | 0))
      lua.lua_pushinteger(L, value as number) // a Float is never equal to a number
    else lua.lua_pushnumber(L, numberOf(value))
  }

  /** The value at a place of the stack. Tables are copied; one that occurs twice, or in itself, is copied once. */
  read(index: number): LuaValue {
    return this.#read(index, new Map())
  }

  readNumber(index: number): number {
    return lua.lua_tonumber(this.#L, index)
  }

  #pushFunction(run: LuaFunction): void {
    const L = this.#L
    lua.lua_pushcfunction(L, () => {
      const args = Array.from({ length: lua.lua_gettop(L) }, (_, i) => this.read(i + 1))
      this.push(this.guard(() => run(args, this.#here())))
      return 1
    })
  }

  #pushTable(table: LuaTable): void {
    lua.lua_createtable(this.#L, table.length, table.entries.size)
    for (const [key, entry] of table.entries) {
      this.push(key)
      this.push(entry.value)
      lua.lua_settable(this.#L, -3)
    }
  }

  #read(index: number, seen: Map<object, LuaTable>): LuaValue {
    const L = this.#L
    switch (lua.lua_type(L, index)) {
      case lua.LUA_TBOOLEAN:
        return lua.lua_toboolean(L, index)
      case lua.LUA_TNUMBER:
        return lua.lua_isinteger(L, index) ? lua.lua_tonumber(L, index) : new Float(lua.lua_tonumber(L, index))
      case lua.LUA_TSTRING:
        return Buffer.from(lua.lua_tostring(L, index) ?? []).toString('latin1')
      case lua.LUA_TTABLE:
        return this.#readTable(index, seen)
      case lua.LUA_TNIL:
        return undefined
      default:
        return () => undefined // a Lua function: no option takes one, and the setter says so
    }
  }

  #readTable(index: number, seen: Map<object, LuaTable>): LuaTable {
    const L = this.#L
    const identity = lua.lua_topointer(L, index)
    const known = identity === null ? undefined : seen.get(identity)
    if (known !== undefined) return known
    const table = new LuaTable()
    if (identity !== null) seen.set(identity, table)
    const at = this.#here()
    const pairs: (readonly [LuaKey, LuaValue])[] = []
    lua.lua_pushvalue(L, index)
    lua.lua_pushnil(L)
    while (lua.lua_next(L, -2) !== 0) {
      const key = keyOf(this.#read(-2, seen))
      const value = this.#read(-1, seen)
      if (key !== undefined) pairs.push([key, value])
      lua.lua_pop(L, 1)
    }
    lua.lua_pop(L, 1)
    // Lua's order is arbitrary: numbers first, so that problems and lists come out the same every time
    pairs.sort(([a], [b]) => rank(a) - rank(b))
    for (const [key, value] of pairs) table.set(key, value, at)
    return table
  }
}

function rank(key: LuaKey): number {
  return isNumber(key) ? key : Number.POSITIVE_INFINITY
}
