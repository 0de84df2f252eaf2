import { dirname, resolve } from 'node:path'
import type { Disk } from './disk.ts'
import type { Document, Section } from './document.ts'
import {
  formatNumber,
  isNumber,
  type LuaFunction,
  LuaTable,
  type LuaValue,
  luaType,
  parseNumber,
  toBytes,
  toText,
} from './lua-value.ts'
import { Fault, type Position, type Problems } from './problem.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What the functions of the language work on. */
export interface Surroundings {
  readonly document: Document
  readonly problems: Problems
  readonly disk: Disk
  readonly env: Environment
  /** Reads one more file, or all that a pattern names. */
  include(pattern: string, from: string, at: Position): void
}

/** The current section of one file and the functions that a configuration may call there. A file starts in the global section. */
export class Language {
  readonly #around: Surroundings
  readonly #file: string
  #section: Section
  readonly #functions: ReadonlyMap<string, LuaFunction>

  constructor(file: string, around: Surroundings) {
    this.#around = around
    this.#file = file
    this.#section = around.document.global
    this.#functions = this.#table()
  }

  /** A global that the language defines: a function, `os`, or a variable of the environment as `ENV_NAME`. */
  lookup(name: string): LuaValue {
    if (name.startsWith('ENV_')) return this.#variable(name.slice(4))
    if (name !== 'os') return this.#functions.get(name)
    const os = new LuaTable()
    os.set('getenv', this.#functions.get('os.getenv'), { file: this.#file, line: 1, column: 1 })
    return os
  }

  set(name: string, at: Position, value: LuaValue, valueAt: Position): void {
    if (typeof value === 'function') throw new Fault(valueAt, `${name} is set to a function, which is not a value for an option`)
    this.#around.document.set(this.#section, { name, at, value, valueAt })
  }

  #table(): ReadonlyMap<string, LuaFunction> {
    const virtualHost: LuaFunction = ([name], at) => this.#open('virtual', name, at)
    const component: LuaFunction = ([name], at) => this.#open('component', name, at)
    const include: LuaFunction = ([pattern], at) => {
      this.#around.include(this.#text(pattern, 'Include', at), this.#file, at)
      return undefined
    }
    return new Map<string, LuaFunction>([
      ['VirtualHost', virtualHost],
      ['Host', virtualHost],
      ['host', virtualHost],
      ['Component', component],
      ['component', component],
      ['Include', include],
      ['include', include],
      ['RunScript', (_, at) => this.#refuse(at, 'RunScript is not supported: put the settings into a file and Include it')],
      ['os.getenv', ([name], at) => this.#variable(this.#text(name, 'os.getenv', at))],
      ['FileContents', ([path], at) => this.#read(path, 'FileContents', at)],
      ['FileLine', ([path], at) => this.#read(path, 'FileLine', at).split('\n', 1)[0]],
      ['FileLines', ([path], at) => this.#lines(path, at)],
      ['Credential', ([name], at) => this.#credential(name, at)],
      ['tonumber', ([value, base], at) => tonumber(value, base, at)],
      ['tostring', ([value]) => tostring(value)],
    ])
  }

  #open(kind: 'virtual' | 'component', name: LuaValue, at: Position): LuaFunction {
    const section = this.#around.document.open(kind, name, at)
    this.#section = section
    const options: LuaFunction = ([table], tableAt) => this.#options(section, table, tableAt)
    if (kind === 'virtual') return options
    return ([module], moduleAt) => {
      if (typeof module !== 'string') return options([module], moduleAt)
      section.module = this.#text(module, 'Component', moduleAt)
      section.moduleAt = moduleAt
      return options
    }
  }

  /** `VirtualHost "x" { … }`: the options in the braces, then the global section again. */
  #options(section: Section, table: LuaValue, at: Position): undefined {
    this.#section = this.#around.document.global
    if (!(table instanceof LuaTable)) {
      const module = typeof table === 'string' ? '; a VirtualHost takes no module name, a Component does' : ''
      return this.#refuse(at, `options in braces are expected here and not a ${luaType(table)}${module}`)
    }
    for (const [key, entry] of table.entries) {
      if (typeof key === 'string')
        this.#around.document.set(section, { name: key, at: entry.at, value: entry.value, valueAt: entry.at })
      else this.#around.problems.error(entry.at, `in braces after ${section.domain} only name = value is allowed`)
    }
    return undefined
  }

  #variable(name: string): string | undefined {
    const value = Object.hasOwn(this.#around.env, name) ? this.#around.env[name] : undefined
    return value === undefined ? undefined : toBytes(value)
  }

  #credential(name: LuaValue, at: Position): string {
    const folder = this.#variable('CREDENTIALS_DIRECTORY')
    if (folder === undefined) {
      throw new Fault(at, 'Credential reads from the folder in $CREDENTIALS_DIRECTORY, which is not set; systemd sets it')
    }
    const file = this.#text(name, 'Credential', at)
    return this.#readFile(resolve(toText(folder) ?? folder, file), at)
  }

  #read(path: LuaValue, who: string, at: Position): string {
    return this.#readFile(resolve(dirname(this.#file), this.#text(path, who, at)), at)
  }

  #readFile(path: string, at: Position): string {
    try {
      return Buffer.from(this.#around.disk.readFile(path)).toString('latin1')
    } catch (error) {
      throw new Fault(at, `${path} cannot be read: ${reason(error)}`)
    }
  }

  #lines(path: LuaValue, at: Position): LuaTable {
    const lines = this.#read(path, 'FileLines', at).split('\n')
    if (lines.at(-1) === '') lines.pop()
    const table = new LuaTable()
    for (const [i, line] of lines.entries()) table.set(i + 1, line.replace(/\r$/, ''), at)
    return table
  }

  #text(value: LuaValue, who: string, at: Position): string {
    const text = typeof value === 'string' ? toText(value) : undefined
    if (text === undefined || text.includes('\0')) throw new Fault(at, `${who} needs text in quotes and got ${luaType(value)}`)
    return text
  }

  #refuse(at: Position, message: string): undefined {
    this.#around.problems.error(at, message)
    return undefined
  }
}

function tonumber(value: LuaValue, base: LuaValue, at: Position): LuaValue {
  if (base !== undefined) throw new Fault(at, 'tonumber takes one value here')
  if (isNumber(value)) return value
  return typeof value === 'string' ? parseNumber(value) : undefined
}

function tostring(value: LuaValue): string {
  if (value === undefined) return 'nil'
  if (isNumber(value)) return formatNumber(value)
  return typeof value === 'object' || typeof value === 'function' ? luaType(value) : String(value)
}

/** A system error in words; paths stay out of it, the caller names them. */
export function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOENT':
      return 'it does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a folder'
    case 'ENOTDIR':
      return 'a part of the path is not a folder'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
