/**
 * The part of DER (X.690) that certificates need. The reader never recurses: callers walk the structure that they
 * expect, so nesting in hostile bytes costs nothing. All it ever throws is {@link DerError}.
 */

/** Identifier octets that certificates use. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** The bytes are not the DER that was expected. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

/** One element: its identifier octet, its content, and both with the length between (`raw`). All are views, not copies. */
export interface DerValue {
  readonly tag: number
  readonly content: Uint8Array
  readonly raw: Uint8Array
}

/** Reads the elements that stand side by side in some bytes. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** The identifier octet of the next element; -1 at the end. */
  get peek(): number {
    return this.#bytes[this.#at] ?? -1
  }

  /** The next element, whatever it is. Refuses long tags, indefinite and non-minimal lengths, and what runs over the end. */
  next(): DerValue {
    const bytes = this.#bytes
    const start = this.#at
    const tag = bytes[start]
    const first = bytes[start + 1]
    if (tag === undefined || first === undefined) throw new DerError('ends early')
    if ((tag & 0x1f) === 0x1f) throw new DerError('long tag')
    let at = start + 2
    let length = first
    if (first >= 0x80) {
      const octets = first & 0x7f
      if (octets === 0 || octets > 4) throw new DerError('unusable length')
      length = 0
      for (let i = 0; i < octets; i++) length = length * 256 + (bytes[at + i] ?? 0)
      at += octets
      if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerError('length is not minimal')
    }
    const end = at + length
    if (end > bytes.length) throw new DerError('runs over the end')
    this.#at = end
    return { tag, content: bytes.subarray(at, end), raw: bytes.subarray(start, end) }
  }

  /** The next element, which must have this identifier octet. */
  expect(tag: number): DerValue {
    if (this.peek !== tag) throw new DerError(`tag ${this.peek} where ${tag} belongs`)
    return this.next()
  }

  /** The next element when it has this identifier octet. */
  optional(tag: number): DerValue | undefined {
    return this.peek === tag ? this.next() : undefined
  }

  /** A reader of the inside of the next element. */
  enter(tag: number): DerReader {
    return new DerReader(this.expect(tag).content)
  }

  /** Throws when something is left. */
  end(): void {
    if (!this.done) throw new DerError('something after the end')
  }
}

/** A reader of the inside of bytes that are exactly one element. */
export function readWhole(bytes: Uint8Array, tag: number): DerReader {
  const outer = new DerReader(bytes)
  const inner = outer.enter(tag)
  outer.end()
  return inner
}

/** The dotted text of an OID's content. Arcs over 2^53 are refused: nothing we know has one. */
export function oidText(content: Uint8Array): string {
  if (content.length === 0 || content.length > 64 || content[content.length - 1]! >= 0x80) throw new DerError('bad OID')
  const arcs: number[] = []
  let arc = 0
  for (const byte of content) {
    if (arc === 0 && byte === 0x80) throw new DerError('OID arc is not minimal')
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER) throw new DerError('OID arc too large')
    if (byte >= 0x80) continue
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)))
    else arcs.push(arc)
    arc = 0
  }
  return arcs.join('.')
}

/** A BOOLEAN's value; DER knows 00 and FF only. */
export function booleanOf(value: DerValue): boolean {
  const byte = value.content[0]
  if (value.content.length !== 1 || (byte !== 0x00 && byte !== 0xff)) throw new DerError('bad BOOLEAN')
  return byte === 0xff
}

/** A non-negative INTEGER below 2^31. */
export function smallIntegerOf(value: DerValue): number {
  const { content } = value
  if (content.length === 0 || content.length > 4 || content[0]! >= 0x80) throw new DerError('INTEGER out of range')
  if (content.length > 1 && content[0] === 0 && content[1]! < 0x80) throw new DerError('INTEGER is not minimal')
  return content.reduce((sum, byte) => sum * 256 + byte, 0)
}

/** The octets of a BIT STRING that has no unused bits (keys, signatures). */
export function octetsOfBits(value: DerValue): Uint8Array {
  if (value.content[0] !== 0) throw new DerError('bits do not fill octets')
  return value.content.subarray(1)
}

/** The set positions of a BIT STRING of named bits, at most 32 of them. */
export function namedBitsOf(value: DerValue): ReadonlySet<number> {
  const unused = value.content[0]
  const octets = value.content.subarray(1)
  if (unused === undefined || unused > 7 || octets.length > 4 || (octets.length === 0 && unused > 0))
    throw new DerError('bad BIT STRING')
  const set = new Set<number>()
  octets.forEach((octet, i) => {
    for (let bit = 0; bit < 8; bit++) if (octet & (0x80 >> bit)) set.add(i * 8 + bit)
  })
  return set
}

const TIME = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime in the one form that certificates use (RFC 5280 §4.1.2.5). */
export function timeOf(value: DerValue): number {
  const long = value.tag === TAG.generalizedTime
  if (!long && value.tag !== TAG.utcTime) throw new DerError('not a time')
  const match = value.content.length === (long ? 15 : 13) ? TIME.exec(asciiText(value.content)) : null
  if (match === null) throw new DerError('bad time')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  const date = new Date(0)
  date.setUTCFullYear(long ? year : year + (year < 50 ? 2000 : 1900), month - 1, day)
  date.setUTCHours(hour, minute, second)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    throw new DerError('no such time')
  return date.getTime()
}

/** Text of bytes that must all be ASCII. */
export function asciiText(bytes: Uint8Array): string {
  for (const byte of bytes) if (byte >= 0x80) throw new DerError('not ASCII')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Text of bytes that must be valid UTF-8. */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new DerError('not UTF-8')
  }
}
