import { TAG } from './der.ts'

/** Writing DER: each function returns one element. Our own values only, so they throw RangeError on misuse. */

/** An element with this identifier octet around these contents. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, c) => sum + c.length, 0)
  return Buffer.concat([Uint8Array.of(tag), lengthOctets(length), ...contents])
}

function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return Uint8Array.of(0x80 | octets.length, ...octets)
}

export const sequence = (...contents: readonly Uint8Array[]): Uint8Array => tlv(TAG.sequence, ...contents)
export const setOf = (...contents: readonly Uint8Array[]): Uint8Array => tlv(TAG.set, ...contents)
export const octetString = (content: Uint8Array): Uint8Array => tlv(TAG.octetString, content)
export const bitString = (octets: Uint8Array): Uint8Array => tlv(TAG.bitString, Uint8Array.of(0), octets)
export const derBoolean = (value: boolean): Uint8Array => tlv(TAG.boolean, Uint8Array.of(value ? 0xff : 0))
export const derNull = (): Uint8Array => tlv(TAG.null)
export const utf8String = (text: string): Uint8Array => tlv(TAG.utf8, Buffer.from(text))

/** `[number]` with an element inside (explicit), or with several contents. */
export const tagged = (number: number, ...contents: readonly Uint8Array[]): Uint8Array => tlv(0xa0 | number, ...contents)
/** `[number]` in place of a primitive's own tag (implicit). */
export const implicit = (number: number, content: Uint8Array): Uint8Array => tlv(0x80 | number, content)

/** A positive INTEGER from its big-endian octets. */
export function integer(octets: Uint8Array): Uint8Array {
  let start = 0
  while (start < octets.length - 1 && octets[start] === 0) start++
  const body = octets.subarray(start)
  return (body[0] ?? 0) >= 0x80 || body.length === 0 ? tlv(TAG.integer, Uint8Array.of(0), body) : tlv(TAG.integer, body)
}

export function smallInteger(value: number): Uint8Array {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(value)
  return integer(octets)
}

/** A BIT STRING of named bits, trailing zeros removed. */
export function namedBits(positions: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...positions)
  const octets = new Uint8Array(Math.floor(last / 8) + 1)
  for (const p of positions) octets[p >> 3] = octets[p >> 3]! | (0x80 >> (p & 7))
  return tlv(TAG.bitString, Uint8Array.of(last < 0 ? 0 : 7 - (last & 7)), octets)
}

export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tlv(TAG.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

function base128(arc: number): number[] {
  const octets = [arc % 128]
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) octets.unshift(0x80 | (left % 128))
  return octets
}

/** A time as certificates write it: UTCTime until 2049, GeneralizedTime after. Fractions of a second are cut. */
export function time(ms: number): Uint8Array {
  const digits = new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '')
  const year = Number(digits.slice(0, 4))
  const short = year >= 1950 && year < 2050
  return tlv(short ? TAG.utcTime : TAG.generalizedTime, Buffer.from(short ? digits.slice(2) : digits, 'latin1'))
}
