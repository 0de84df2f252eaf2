/** What a byte may be, as bits of {@link CLASS}. Bytes from 0x80 are in no class: {@link charLength} judges them. */
export const TEXT = 1
export const VALUE = 2
export const NAME_START = 4
export const NAME = 8
export const SPACE = 16

function classify(c: number): number {
  const letter = (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || c === 0x5f
  const legal = c >= 0x20 || c === 0x09 || c === 0x0a
  let bits = 0
  if (legal && c !== 0x26 && c !== 0x3c && c !== 0x3e) bits |= TEXT
  if (c >= 0x20 && c !== 0x26 && c !== 0x3c && c !== 0x22 && c !== 0x27) bits |= VALUE
  if (letter) bits |= NAME_START | NAME
  if ((c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x2e) bits |= NAME
  if (c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d) bits |= SPACE
  return bits
}

/**
 * The classes of each byte. TEXT and VALUE hold what a scanner may run over without a look: legal ASCII that means
 * nothing special in character data, or between quotes.
 */
export const CLASS: Uint8Array = Uint8Array.from({ length: 256 }, (_, c) => (c < 0x80 ? classify(c) : 0))

/**
 * Judges the UTF-8 sequence that begins at `p` with a byte from 0x80: its length in bytes, 0 when it is right so far
 * but goes on behind `end`, -1 when it is not UTF-8 (RFC 3629: overlong, surrogate, beyond U+10FFFF) or no XML character
 * (U+FFFE, U+FFFF).
 */
export function charLength(b: Uint8Array, p: number, end: number): number {
  const c = b[p]!
  if (c < 0xc2 || c > 0xf4) return -1
  if (p + 1 >= end) return 0
  const d = b[p + 1]!
  if (c < 0xe0) return (d & 0xc0) === 0x80 ? 2 : -1
  const low = c === 0xe0 ? 0xa0 : c === 0xf0 ? 0x90 : 0x80
  const high = c === 0xed ? 0x9f : c === 0xf4 ? 0x8f : 0xbf
  if (d < low || d > high) return -1
  if (p + 2 >= end) return 0
  const e = b[p + 2]!
  if ((e & 0xc0) !== 0x80) return -1
  if (c < 0xf0) return c === 0xef && d === 0xbf && e >= 0xbe ? -1 : 3
  if (p + 3 >= end) return 0
  return (b[p + 3]! & 0xc0) === 0x80 ? 4 : -1
}

/** The code point of a sequence that {@link charLength} found to be `length` bytes long. */
export function codePoint(b: Uint8Array, p: number, length: number): number {
  const c = b[p]!
  if (length === 2) return ((c & 0x1f) << 6) | (b[p + 1]! & 0x3f)
  if (length === 3) return ((c & 0x0f) << 12) | ((b[p + 1]! & 0x3f) << 6) | (b[p + 2]! & 0x3f)
  return ((c & 0x07) << 18) | ((b[p + 1]! & 0x3f) << 12) | ((b[p + 2]! & 0x3f) << 6) | (b[p + 3]! & 0x3f)
}

/** Ranges, both ends included, of NameStartChar beyond ASCII (XML 1.0 §2.3). */
const NAME_START_RANGES: readonly number[] = [
  0xc0, 0xd6, 0xd8, 0xf6, 0xf8, 0x2ff, 0x370, 0x37d, 0x37f, 0x1fff, 0x200c, 0x200d, 0x2070, 0x218f, 0x2c00, 0x2fef, 0x3001,
  0xd7ff, 0xf900, 0xfdcf, 0xfdf0, 0xfffd, 0x10000, 0xeffff,
]
/** What NameChar has beside. */
const NAME_MORE_RANGES: readonly number[] = [0xb7, 0xb7, 0x300, 0x36f, 0x203f, 0x2040]

function within(ranges: readonly number[], c: number): boolean {
  for (let i = 0; i < ranges.length; i += 2) if (c >= ranges[i]! && c <= ranges[i + 1]!) return true
  return false
}

/** May a character beyond ASCII stand in a name; at its beginning? */
export function isNameChar(c: number, first: boolean): boolean {
  return within(NAME_START_RANGES, c) || (!first && within(NAME_MORE_RANGES, c))
}

/** XML 1.0 §2.2: may the character be in a document, by reference or itself? */
export function isXmlChar(c: number): boolean {
  if (c < 0x20) return c === 0x09 || c === 0x0a || c === 0x0d
  return c <= 0xd7ff || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff)
}
