import { isNumber, LuaTable, type LuaValue, luaType, numberOf, toText } from './lua-value.ts'
import type { Position, Problems } from './problem.ts'
import { didYouMean } from './suggest.ts'

/** A value as it stands in the file. */
export interface Given {
  readonly value: Exclude<LuaValue, undefined>
  readonly at: Position
}

/** One option being read: where its complaints go, and the folder that relative paths start from. */
export class Reading {
  readonly name: string
  readonly folder: string
  readonly #problems: Problems

  constructor(name: string, folder: string, problems: Problems) {
    this.name = name
    this.folder = folder
    this.#problems = problems
  }

  error(at: Position, message: string): undefined {
    this.#problems.error(at, `${this.name}: ${message}`)
    return undefined
  }

  warn(at: Position, message: string): undefined {
    this.#problems.warn(at, `${this.name}: ${message}`)
    return undefined
  }

  /** The same option, one level deeper: complaints name the field. */
  inside(field: string): Reading {
    return new Reading(`${this.name}.${field}`, this.folder, this.#problems)
  }
}

/** What an option's value must be. `read` returns undefined after it has told what is wrong. */
export interface Kind<T> {
  /** Completes "expected …"; the options reference prints it. */
  readonly says: string
  read(given: Given, reading: Reading): T | undefined
}

export type ValueOf<K> = K extends Kind<infer T> ? T : never

export function describe(value: LuaValue): string {
  if (typeof value === 'string') {
    const text = toText(value) ?? '(not UTF-8)'
    return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
  }
  if (isNumber(value)) return String(numberOf(value))
  return typeof value === 'boolean' ? String(value) : `a ${luaType(value)}`
}

export function expected(kind: { readonly says: string }, given: Given, reading: Reading): undefined {
  return reading.error(given.at, `expected ${kind.says} and got ${describe(given.value)}`)
}

/** A kind for single values: `parse` returns undefined for what does not fit. */
export function scalar<T>(says: string, parse: (value: LuaValue, reading: Reading) => T | undefined): Kind<T> {
  const kind: Kind<T> = { says, read: (given, reading) => parse(given.value, reading) ?? expected(kind, given, reading) }
  return kind
}

/** Some of the items of a list fit: the rest was told, and the list as a whole is refused. */
export function listOf<T>(item: Kind<T>): Kind<readonly T[]> {
  const says = `a list, each ${item.says}`
  return {
    says,
    read(given, reading) {
      const { value } = given
      // a single value stands for a list of one, as in Prosody
      if (!(value instanceof LuaTable)) {
        const one = item.read(given, reading)
        return one === undefined ? undefined : [one]
      }
      const stray = value.fields[0]
      if (stray !== undefined)
        return reading.error(stray[1].at, `expected ${says}, and ${describe(stray[0])} = … is no list item`)
      const read = value.items.map((entry) => item.read(entry, reading))
      const good = read.filter((one) => one !== undefined)
      return good.length === read.length ? good : undefined
    },
  }
}

export function setOf<T>(item: Kind<T>): Kind<ReadonlySet<T>> {
  const list = listOf(item)
  return {
    says: list.says,
    read(given, reading) {
      const items = list.read(given, reading)
      return items === undefined ? undefined : new Set(items)
    },
  }
}

/** A table with a fixed choice of named fields, all optional. A field that is not known is a warning. */
export function fieldsOf<F extends Readonly<Record<string, Kind<unknown>>>>(
  fields: F,
): Kind<{ readonly [K in keyof F]?: ValueOf<F[K]> }> {
  const known = new Map<string, Kind<unknown>>(Object.entries(fields))
  const kind: Kind<{ readonly [K in keyof F]?: ValueOf<F[K]> }> = {
    says: `a table with any of ${[...known.keys()].join(', ')}`,
    read(given, reading) {
      if (!(given.value instanceof LuaTable)) return expected(kind, given, reading)
      const result = new Map<string, unknown>()
      let good = true
      for (const [key, entry] of given.value.entries) {
        const field = typeof key === 'string' ? known.get(key) : undefined
        if (field === undefined) {
          reading.warn(entry.at, `${describe(key)} is not known here and has no effect${didYouMean(String(key), known.keys())}`)
          continue
        }
        const value = field.read(entry, reading.inside(String(key)))
        if (value === undefined) good = false
        else result.set(String(key), value)
      }
      // the map holds, for each name in F, what the kind of that name returned
      return good ? (Object.fromEntries(result) as { readonly [K in keyof F]?: ValueOf<F[K]> }) : undefined
    },
  }
  return kind
}

/** A table of names that are free to choose. */
export function mapOf<T>(item: Kind<T>): Kind<ReadonlyMap<string, T>> {
  const kind: Kind<ReadonlyMap<string, T>> = {
    says: `a table of names, each with ${item.says}`,
    read(given, reading) {
      if (!(given.value instanceof LuaTable)) return expected(kind, given, reading)
      const result = new Map<string, T>()
      let good = true
      for (const [key, entry] of given.value.entries) {
        const value = typeof key === 'string' ? item.read(entry, reading.inside(key)) : expected(kind, entry, reading)
        if (value === undefined) good = false
        else result.set(String(key), value)
      }
      return good ? result : undefined
    },
  }
  return kind
}

/** The first kind whose Lua types fit reads the value. */
export function either<A, B>(first: Kind<A>, types: readonly string[], second: Kind<B>): Kind<A | B> {
  return {
    says: `${first.says}, or ${second.says}`,
    read: (given, reading) => (types.includes(luaType(given.value)) ? first : second).read(given, reading),
  }
}
