import { Buffer } from 'node:buffer'
import { asBytes, type Bytes, roomFor } from './bytes.ts'
import { CLASS, charLength, codePoint, isNameChar, isXmlChar, NAME, NAME_START } from './chars.ts'
import { el } from './element.ts'
import { StreamError } from './errors.ts'
import type { Budget } from './framer.ts'
import { NS } from './ns.ts'

/** What one step of scanning came to. */
export const GO = 0
export const MORE = 1
export const FAULT = 2
export const HEADER = 3
export const ITEM = 4
export const END = 5
export type Signal = typeof GO | typeof MORE | typeof FAULT | typeof HEADER | typeof ITEM | typeof END

const EMPTY = roomFor(0)
const LONGEST_REFERENCE = 32
const ENTITIES: readonly Uint8Array[] = ['amp;', 'lt;', 'gt;', 'apos;', 'quot;'].map((name) => Buffer.from(name))

/**
 * The bytes that were pushed and not yet taken, in one piece, and how far they are scanned. Scanners go on where they
 * stopped; only what is short (a UTF-8 sequence, a reference, `<![CDATA[`) is looked at from its start again.
 *
 * Methods that return a position return 0 for "more bytes are needed" and -1 for a fault.
 */
export class Reader {
  buf: Bytes = EMPTY
  /** Where the bytes begin that an event may still need. Offsets that outlive a push count from here. */
  origin = 0
  pos = 0
  end = 0
  /** Where the budget makes scanning stop; `end` when it does not. */
  limit = 0
  error: StreamError | undefined
  budget: Budget
  /** May the bytes of the current stanza be passed on as they are, on any stream? */
  plain = true
  #owned = false
  #totalEnd: number

  constructor(budget: Budget) {
    this.budget = budget
    this.#totalEnd = budget.totalBytes
  }

  feed(chunk: Uint8Array): void {
    const held = this.end - this.origin
    const shift = this.origin
    if (held === 0) {
      this.buf = asBytes(chunk)
      this.#owned = false
      this.end = chunk.length
    } else if (this.#owned && this.end + chunk.length <= this.buf.length) {
      this.buf.set(chunk, this.end) // nobody has seen the memory behind `end`
      this.end += chunk.length
      return
    } else {
      const next = roomFor(Math.max(held + chunk.length, held * 2))
      next.set(this.buf.subarray(this.origin, this.end))
      next.set(chunk, held)
      this.buf = next
      this.#owned = true
      this.end = held + chunk.length
    }
    this.origin = 0
    this.pos -= shift
    this.#totalEnd -= shift
  }

  /** Lets go of everything that was pushed. */
  drop(): void {
    this.origin = this.end
    this.release()
  }

  /** When all is taken: lets go of the memory, so that an idle stream holds none. */
  release(): void {
    this.#totalEnd -= this.origin
    this.buf = EMPTY
    this.origin = this.pos = this.end = this.limit = 0
    this.#owned = false
  }

  setBudget(budget: Budget): void {
    this.budget = budget
    this.#totalEnd = this.origin + budget.totalBytes
  }

  /** Sets `limit`, for a place inside a first-level element or a stream header, or between two. */
  protected bound(inside: boolean): void {
    let limit = this.end
    if (this.#totalEnd < limit) limit = this.#totalEnd
    if (inside && this.origin + this.budget.stanzaBytes < limit) limit = this.origin + this.budget.stanzaBytes
    this.limit = limit
  }

  /** The fault of a scan that stood at `limit` and needed more although there are more bytes. */
  protected overrun(): typeof FAULT {
    if (this.limit === this.#totalEnd) return this.violation('too many bytes')
    this.error = new StreamError('policy-violation', 'XML stanza is too big', el('stanza-too-big', NS.errors))
    return FAULT
  }

  protected violation(text: string): typeof FAULT {
    this.error = new StreamError('policy-violation', text)
    return FAULT
  }

  protected malformed(text: string): typeof FAULT {
    this.error = new StreamError('not-well-formed', text)
    return FAULT
  }

  protected restricted(text: string): typeof FAULT {
    this.error = new StreamError('restricted-xml', text)
    return FAULT
  }

  /** The position behind the character at `p`, which is neither plain nor markup. */
  protected character(p: number): number {
    const c = this.buf[p]!
    if (c < 0x80) {
      if (c === 0x0d) {
        this.plain = false
        return p + 1
      }
      if (c >= 0x20 || c === 0x09 || c === 0x0a) return p + 1
      this.malformed('a control character is not allowed')
      return -1
    }
    const length = charLength(this.buf, p, this.limit)
    if (length > 0) return p + length
    if (length < 0) this.malformed('invalid UTF-8')
    return length
  }

  /** The position behind the reference that begins at `p`. */
  protected reference(p: number): number {
    const { buf, limit } = this
    if (p + 1 >= limit) return 0
    if (buf[p + 1] === 0x23) return this.#characterReference(p)
    let longest = 0
    for (const name of ENTITIES) {
      let i = 0
      while (i < name.length && p + 1 + i < limit && buf[p + 1 + i] === name[i]) i++
      if (i === name.length) return p + 1 + i
      if (p + 1 + i >= limit) return 0
      if (i > longest) longest = i
    }
    const other = buf[p + 1 + longest]!
    if (other >= 0x80 || (CLASS[other]! & NAME) !== 0) this.restricted('entity references are not allowed')
    else this.malformed('a reference is not complete')
    return -1
  }

  #characterReference(p: number): number {
    const { buf, limit } = this
    const hex = p + 2 < limit && buf[p + 2] === 0x78
    const first = hex ? p + 3 : p + 2
    let code = 0
    for (let i = first; i < limit; i++) {
      const c = buf[i]!
      if (c === 0x3b && i > first) {
        if (isXmlChar(code)) return i + 1
        this.malformed('a reference to a character that is not allowed')
        return -1
      }
      const digit = digitOf(c, hex)
      if (digit === -1 || i - p >= LONGEST_REFERENCE) {
        this.malformed('a character reference is not one')
        return -1
      }
      code = Math.min(code * (hex ? 16 : 10) + digit, 0x110000)
    }
    return 0
  }

  /** Where the colon of the current name stands, from `origin`; 0 when there is none. */
  protected colon = 0

  /** Runs `pos` on through a qualified name that began at `start`, to the first byte that is not in it. */
  protected name(start: number): typeof GO | typeof MORE | typeof FAULT {
    const signal = this.#nameBytes(start)
    if (this.pos - start > this.budget.nameBytes) return this.violation('a name is too long')
    return signal === FAULT ? this.malformed('a name is not one') : signal
  }

  #nameBytes(start: number): typeof GO | typeof MORE | typeof FAULT {
    const { buf, limit, origin } = this
    let p = this.pos
    for (;;) {
      const first = p === start || (this.colon !== 0 && p === origin + this.colon + 1)
      if (!first) while (p < limit && (CLASS[buf[p]!]! & NAME) !== 0) p++
      this.pos = p
      if (p >= limit) return MORE
      const c = buf[p]!
      if (c >= 0x80) {
        const length = charLength(buf, p, limit)
        if (length === 0) return MORE
        if (length < 0 || !isNameChar(codePoint(buf, p, length), first)) return FAULT
        p += length
      } else if (first) {
        if ((CLASS[c]! & NAME_START) === 0) return FAULT
        p++
      } else if (c === 0x3a) {
        if (this.colon !== 0) return FAULT
        this.colon = p++ - origin
      } else return GO
    }
  }
}

function digitOf(c: number, hex: boolean): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  if (!hex) return -1
  if (c >= 0x61 && c <= 0x66) return c - 0x57
  return c >= 0x41 && c <= 0x46 ? c - 0x37 : -1
}
