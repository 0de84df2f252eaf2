import type { Bytes } from './bytes.ts'
import { StreamError } from './errors.ts'

/** The longest XML declaration that we read, in bytes. */
const LONGEST = 256
const OPEN = Buffer.from('<?xml')
const SPACE = '[ \\t\\r\\n]'
const quoted = (value: string): string => `(?:"(${value})"|'(${value})')`
/** XML 1.0 §2.8. Never applied to more than {@link LONGEST} bytes. */
const DECLARATION = new RegExp(
  `^${SPACE}+version${SPACE}*=${SPACE}*${quoted('1\\.[0-9]+')}` +
    `(?:${SPACE}+encoding${SPACE}*=${SPACE}*${quoted('[A-Za-z][A-Za-z0-9._-]*')})?` +
    `(?:${SPACE}+standalone${SPACE}*=${SPACE}*${quoted('yes|no')})?${SPACE}*$`,
)

const wrongEncoding = (): StreamError => new StreamError('unsupported-encoding', 'the encoding is UTF-8')
const malformed = (text: string): StreamError => new StreamError('not-well-formed', text)

/**
 * Reads what may stand at the very start of a stream. The position behind a byte order mark or an XML declaration,
 * 'none' when another thing begins here, 'more' when that cannot be said yet.
 *
 * @param marked was there a byte order mark already? It is accepted once.
 */
export function readDeclaration(buf: Bytes, p: number, limit: number, marked: boolean): number | 'none' | 'more' | StreamError {
  const c = buf[p]!
  if (c === 0xef && !marked) return byteOrderMark(buf, p, limit)
  if (c === 0xfe || c === 0xff || c === 0) return wideEncoding(buf, p, limit)
  if (c !== 0x3c) return 'none'
  if (p + 1 >= limit) return 'more'
  if (buf[p + 1] === 0) return wrongEncoding() // UTF-16, little end first
  if (buf[p + 1] !== 0x3f) return 'none'
  for (let i = 2; i < OPEN.length; i++) {
    if (p + i >= limit) return 'more'
    if (buf[p + i] !== OPEN[i]) return new StreamError('restricted-xml', 'processing instructions are not allowed')
  }
  return declaration(buf, p, limit)
}

function byteOrderMark(buf: Bytes, p: number, limit: number): number | 'more' | StreamError {
  if (p + 1 < limit && buf[p + 1] !== 0xbb) return malformed('there is no element at the start')
  if (p + 2 < limit && buf[p + 2] !== 0xbf) return malformed('there is no element at the start')
  return p + 2 < limit ? p + 3 : 'more'
}

function wideEncoding(buf: Bytes, p: number, limit: number): 'more' | StreamError {
  if (p + 1 >= limit) return 'more'
  const pair = (buf[p]! << 8) | buf[p + 1]!
  const wide = pair === 0xfeff || pair === 0xfffe || pair === 0x003c || pair === 0
  return wide ? wrongEncoding() : malformed('there is no element at the start')
}

function declaration(buf: Bytes, p: number, limit: number): number | 'more' | StreamError {
  const stop = Math.min(limit, p + LONGEST)
  for (let i = p + OPEN.length; i + 1 < stop; i++) {
    if (buf[i] === 0x3f && buf[i + 1] === 0x3e) return judge(buf.latin1Slice(p + OPEN.length, i)) ?? i + 2
  }
  return stop < p + LONGEST ? 'more' : malformed('the XML declaration is too long')
}

function judge(text: string): StreamError | undefined {
  const match = DECLARATION.exec(text)
  if (match === null) {
    // a target that only begins like ours is a processing instruction (`<?xml-stylesheet ?>`)
    const target = text === '' || ' \t\r\n'.includes(text[0]!)
    return target
      ? malformed('the XML declaration is not one')
      : new StreamError('restricted-xml', 'processing instructions are not allowed')
  }
  if ((match[1] ?? match[2]) !== '1.0') return new StreamError('bad-format', 'the XML version is 1.0')
  const encoding = match[3] ?? match[4]
  return encoding === undefined || encoding.toLowerCase() === 'utf-8' ? undefined : wrongEncoding()
}
