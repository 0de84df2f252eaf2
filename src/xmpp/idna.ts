import { createRequire } from 'node:module'
import { BoundedMemo } from './bounded-memo.ts'
import { codePointsOf, isIdentifier, mapWidth } from './precis.ts'

/** Octets of a whole name and of one label in A-label form (RFC 1035 §2.3.4). */
const MAX_NAME = 253
const MAX_LABEL = 63
/** UTF-16 units of input that are looked at: a decomposed spelling is longer than the name it stands for. */
const MAX_INPUT = 1023
const DOT = 0x2e
const HYPHEN = 0x2d

interface Tr46Options {
  readonly checkBidi: boolean
  readonly checkJoiners: boolean
}
const require = createRequire(import.meta.url)

/** What we use of the package, which has no types. */
interface Tr46 {
  toASCII(name: string, options: Tr46Options): string | null
  toUnicode(name: string, options: Tr46Options): { readonly domain: string; readonly error: boolean }
}
const STRICT: Tr46Options = { checkBidi: true, checkJoiners: true }

/**
 * The enforced form of a domain: lower case, U-labels, no trailing dot (RFC 7622 §3.2); undefined when it is none.
 *
 * Labels hold letters, digits, hyphens and, because DNS hosts use them, underscores; a label that is not ASCII must be
 * legal under IDNA2008 (so no symbols or emoji). IPv4 and [IPv6] are domains in their one normal spelling only; other
 * names whose last label is a number (127.1, 0x7f.1, 2130706433) are none, because resolvers take them for addresses.
 */
export function prepareDomain(text: string): string | undefined {
  if (text.length <= MAX_INPUT && isAscii(text)) {
    const lower = text.toLowerCase()
    if (lower.startsWith('[')) return isIPv6Literal(lower) ? lower : undefined
    const name = withoutTrailingDot(lower)
    if (!hasALabel(name)) return isHostName(name) ? name : undefined
  }
  return international.get(text)?.unicode
}

/** The A-label form of an enforced domain, for DNS and certificates; undefined when it is not a domain. */
export function domainToAscii(domain: string): string | undefined {
  return isAscii(domain) ? prepareDomain(domain) : international.get(domain)?.ascii
}

/** Whether an enforced domain is an IPv4 address or an [IPv6] address. */
export function isAddressLiteral(domain: string): boolean {
  return domain.startsWith('[') || isIPv4(domain)
}

interface InternationalName {
  readonly unicode: string
  readonly ascii: string
}

/** Pure memoisation: the conversion costs tens of microseconds, and a link asks for the same name again and again. */
const international = new BoundedMemo<InternationalName>(convert, 1024, MAX_NAME)

/** Both forms of a name that has U-labels or A-labels, proven by a round trip. */
function convert(text: string): InternationalName | undefined {
  if (text.length > MAX_INPUT) return undefined
  const name = withoutTrailingDot(mapForLookup(text))
  const ascii = tr46().toASCII(name, STRICT)
  if (ascii === null || !isHostName(ascii) || isIPv4(ascii)) return undefined
  const { domain: unicode, error } = tr46().toUnicode(ascii, STRICT)
  if (error) return undefined
  const given = name.split('.')
  const aLabels = ascii.split('.')
  const uLabels = unicode.split('.')
  // what the package mapped beyond RFC 5895 (circled digits, soft hyphens, symbols) shows up as a third spelling
  const faithful = given.every((label, index) => label === uLabels[index] || label === aLabels[index])
  return faithful && uLabels.every(isLegalLabel) ? { unicode, ascii } : undefined
}

/** RFC 5895 §2: lower case, width, NFC, ideographic full stop. Case by code point: a sigma at the end is no final sigma. */
function mapForLookup(text: string): string {
  const lower = Array.from(mapWidth(text), (char) => char.toLowerCase()).join('')
  return lower.normalize('NFC').replaceAll('\u3002', '.')
}

/** RFC 5891 §4.2.3; beginning with a mark and the bidi rule of the whole name are the package's to refuse. */
function isLegalLabel(label: string): boolean {
  if (isAscii(label)) return true
  if (label.startsWith('-') || label.endsWith('-') || label.slice(2, 4) === '--' || label.includes('_')) return false
  return isIdentifier(codePointsOf(label))
}

/** Labels, lengths and characters of a lower-case ASCII name; a name that ends in a number must be an IPv4 address. */
function isHostName(name: string): boolean {
  if (name.length > MAX_NAME) return false
  let start = 0
  for (let index = 0; index <= name.length; index++) {
    const unit = index === name.length ? DOT : name.charCodeAt(index)
    if (unit !== DOT) {
      if (!isLabelUnit(unit)) return false
      continue
    }
    if (index === start || index - start > MAX_LABEL) return false
    if (name.charCodeAt(start) === HYPHEN || name.charCodeAt(index - 1) === HYPHEN) return false
    if (index < name.length) start = index + 1
  }
  return !isDigit(name.charCodeAt(start)) || !/^(?:\d+|0x[\da-f]*)$/.test(name.slice(start)) || isIPv4(name)
}

function isLabelUnit(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || isDigit(unit) || unit === HYPHEN || unit === 0x5f
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}

function isIPv4(name: string): boolean {
  if (name.length > 15) return false
  const bytes = name.split('.')
  return bytes.length === 4 && bytes.every((byte) => /^(?:0|[1-9]\d{0,2})$/.test(byte) && Number(byte) <= 255)
}

/** Only the spelling of RFC 5952, without zone and without dotted tail: the URL parser must give it back unchanged. */
function isIPv6Literal(text: string): boolean {
  if (text.length > 41 || !/^\[[\da-f:]+\]$/.test(text)) return false
  return URL.parse(`http://${text}/`)?.hostname === text
}

function hasALabel(name: string): boolean {
  return name.startsWith('xn--') || name.includes('.xn--')
}

function withoutTrailingDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

/** Loaded at the first name that needs it: its tables take 20 ms, which a short command must not pay. */
function tr46(): Tr46 {
  return require('tr46') as Tr46 // Node caches it; the interface above says what is used of it
}
