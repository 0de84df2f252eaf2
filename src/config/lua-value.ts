import type { Position } from './problem.ts'

/**
 * A value of the configuration language. Text is held as bytes, one character each (0-255), until it leaves the
 * evaluator: `#` and escapes count bytes. nil is undefined; a plain number is an integer, a float is a {@link Float}.
 */
export type LuaValue = undefined | boolean | number | string | Float | LuaTable | LuaFunction
export type LuaFunction = (args: readonly LuaValue[], at: Position) => LuaValue
export type LuaKey = string | number | boolean

/** A number of Lua's float subtype: it prints with `.0` when it is whole. */
export class Float {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

export interface Entry {
  readonly value: Exclude<LuaValue, undefined>
  readonly at: Position
}

/** A table that remembers where each of its entries was written. */
export class LuaTable {
  readonly entries = new Map<LuaKey, Entry>()

  get(key: LuaKey): LuaValue {
    return this.entries.get(key)?.value
  }

  set(key: LuaKey, value: LuaValue, at: Position): void {
    if (value === undefined) this.entries.delete(key)
    else this.entries.set(key, { value, at })
  }

  /** How many entries stand at 1, 2, 3, … without a gap. */
  get length(): number {
    let n = 0
    while (this.entries.has(n + 1)) n++
    return n
  }

  /** The entries at 1, 2, 3, … */
  get items(): readonly Entry[] {
    return Array.from({ length: this.length }, (_, i) => this.entries.get(i + 1)!)
  }

  /** What is not an item: entries with a name, or a number after a gap. */
  get fields(): readonly (readonly [LuaKey, Entry])[] {
    const length = this.length
    return [...this.entries].filter(([key]) => !(typeof key === 'number' && key >= 1 && key <= length && Number.isInteger(key)))
  }
}

export type LuaType = 'nil' | 'boolean' | 'number' | 'string' | 'table' | 'function'

export function luaType(value: LuaValue): LuaType {
  if (value === undefined) return 'nil'
  if (value instanceof LuaTable) return 'table'
  if (value instanceof Float) return 'number'
  // what is left are the JavaScript types of the union, whose names are Lua's
  return typeof value as 'boolean' | 'number' | 'string' | 'function'
}

export function isTrue(value: LuaValue): boolean {
  return value !== undefined && value !== false
}

export function isNumber(value: LuaValue): value is number | Float {
  return typeof value === 'number' || value instanceof Float
}

export function numberOf(value: number | Float): number {
  return typeof value === 'number' ? value : value.value
}

/** A value as a table key: a whole float is the integer. undefined where Lua refuses (nil, NaN) and for tables and functions. */
export function keyOf(value: LuaValue): LuaKey | undefined {
  if (isNumber(value)) return Number.isNaN(numberOf(value)) ? undefined : numberOf(value)
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined
}

/** Text as bytes, the form in which the language holds it. */
export function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** Bytes as text; undefined when they are not UTF-8. */
export function toText(bytes: string): string | undefined {
  if (/^[\x00-\x7f]*$/.test(bytes)) return bytes
  const buffer = Buffer.from(bytes, 'latin1')
  const text = buffer.toString('utf8')
  return Buffer.from(text, 'utf8').equals(buffer) ? text : undefined
}

/** A number as Lua 5.3 and later write it (`%.14g`, whole floats with `.0`). */
export function formatNumber(value: number | Float): string {
  const n = numberOf(value)
  if (Number.isNaN(n)) return 'nan'
  if (!Number.isFinite(n)) return n > 0 ? 'inf' : '-inf'
  if (typeof value === 'number') return String(n)
  const short = general(n)
  return /^-?\d+$/.test(short) ? `${short}.0` : short
}

/** C's `%.14g`. */
function general(n: number): string {
  if (n === 0) return Object.is(n, -0) ? '-0' : '0'
  const [mantissa = '', exponent = '0'] = n.toExponential(13).split('e')
  const e = Number(exponent)
  const trim = (digits: string): string => (digits.includes('.') ? digits.replace(/0+$/, '').replace(/\.$/, '') : digits)
  if (e >= -4 && e < 14) return trim(n.toFixed(13 - e))
  return `${trim(mantissa)}e${e < 0 ? '-' : '+'}${String(Math.abs(e)).padStart(2, '0')}`
}

/** The number that a text spells in Lua (decimal or hexadecimal, blanks around it allowed); undefined when it spells none. */
export function parseNumber(text: string): number | Float | undefined {
  const word = text.trim()
  if (word.length > 200) return undefined
  if (/^[+-]?\d+$/.test(word)) {
    const n = Number(word)
    return Number.isSafeInteger(n) ? n : new Float(n)
  }
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return new Float(Number(word))
  if (/^[+-]?0x[0-9a-f]+$/i.test(word)) return word.startsWith('-') ? -Number(word.slice(1)) : Number(word.replace('+', ''))
  return undefined
}
