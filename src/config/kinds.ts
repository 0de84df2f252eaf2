import { resolve } from 'node:path'
import { type Jid, parseJid, prepareDomain } from '../xmpp/jid.ts'
import { type Kind, scalar } from './kind.ts'
import { isNumber, type LuaValue, numberOf, parseNumber, toText } from './lua-value.ts'
import { parseBytes, parsePeriodMs, parseRate } from './units.ts'

/** Prosody's spellings of a boolean; a variable of the environment is always text. */
export const flag: Kind<boolean> = scalar('true or false', (value) => {
  const word = isNumber(value) ? String(numberOf(value)) : value
  if (word === true || word === 'true' || word === '1') return true
  return word === false || word === 'false' || word === '0' ? false : undefined
})

export const text: Kind<string> = scalar('text in quotes', (value) => asText(value))

/** What nobody may guess. A short one is used, since it is what was written, and the reader is told. */
export const secret: Kind<string> = {
  says: text.says,
  read(given, reading) {
    const value = text.read(given, reading)
    if (value !== undefined && value.length < 32)
      reading.warn(given.at, 'this secret is short enough to be guessed; use 32 random characters')
    return value
  },
}

/** Where somebody can be reached. Text that is no URI is told, since whoever reads it could not follow it, and kept. */
export const contactUri: Kind<string> = {
  says: 'a URI such as "mailto:abuse@example.com" or "xmpp:admin@example.com"',
  read(given, reading) {
    const value = text.read(given, reading)
    if (value !== undefined && !/^[a-z][a-z0-9+.-]{0,30}:\S/i.test(value)) {
      reading.warn(given.at, `${JSON.stringify(value)} is no URI: write mailto:, xmpp: or https: before it`)
    }
    return value
  },
}

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  const says = words.length === 1 ? JSON.stringify(words[0]) : `one of ${words.map((w) => JSON.stringify(w)).join(', ')}`
  return scalar(says, (value) => words.find((word) => word === value))
}

/** A whole number; text that spells one will do. */
export function whole(min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return scalar(`a whole number ${range}`, (value) => {
    const n = asNumber(value)
    return n !== undefined && Number.isInteger(n) && n >= min && n <= max ? n : undefined
  })
}

/** 0: any port that is free, for tests and for programs that embed the server. */
export const port: Kind<number> = whole(0, 65_535)

/** Milliseconds. In the file: a number of seconds, or text with a unit. */
export function period(minMs = 0): Kind<number> {
  const least = minMs === 0 ? '' : `, at least ${minMs / 1000} s`
  return scalar(`a period such as 30 (seconds), "5 min", "2 days" or "1w"${least}`, (value) => {
    const ms = typeof value === 'string' ? parsePeriodMs(value) : isNumber(value) ? Math.round(numberOf(value) * 1000) : undefined
    return ms !== undefined && ms >= minMs && Number.isFinite(ms) ? ms : undefined
  })
}

/** Bytes. In the file: a number of bytes, or text with a unit. */
export function size(minBytes: number): Kind<number> {
  return scalar(`a size such as 65536 (bytes), "64 KiB" or "1 MB", at least ${minBytes}`, (value) => {
    const bytes = typeof value === 'string' ? parseBytes(value) : asNumber(value)
    return bytes !== undefined && Number.isInteger(bytes) && bytes >= minBytes ? bytes : undefined
  })
}

/** Bytes a second. */
export const rate: Kind<number> = scalar('a rate such as "10kb/s"', (value) =>
  typeof value === 'string' ? parseRate(value) : undefined,
)

/** An absolute path; a relative one starts in the folder of the configuration file. */
export const path: Kind<string> = scalar('a path in quotes', (value, reading) => {
  const written = typeof value === 'string' ? asText(value) : undefined
  return written === undefined || written === '' || written.includes('\0') ? undefined : resolve(reading.folder, written)
})

/** A prepared domain. */
export const domain: Kind<string> = scalar('a domain name in quotes', (value) => {
  const written = typeof value === 'string' ? asText(value) : undefined
  return written === undefined || written.length > 1023 ? undefined : prepareDomain(written)
})

export const address: Kind<Jid> = scalar('an XMPP address such as "user@example.com"', (value) => {
  const written = typeof value === 'string' ? asText(value) : undefined
  return written === undefined || written.length > 3071 ? undefined : parseJid(written)
})

/** An address to listen on. `*` and `::` mean all of IPv4 and all of IPv6. */
export const interfaceAddress: Kind<string> = scalar('an IP address, "*" or "::"', (value) => {
  const written = typeof value === 'string' ? asText(value)?.replace(/^\[(.*)\]$/, '$1') : undefined
  return written === '*' || (written !== undefined && isIp(written)) ? written : undefined
})

export const ipAddress: Kind<string> = scalar('an IP address in quotes', (value) => {
  const written = typeof value === 'string' ? asText(value)?.replace(/^\[(.*)\]$/, '$1') : undefined
  return written !== undefined && isIp(written) ? written : undefined
})

export interface SocketAddress {
  readonly address: string
  readonly port: number
}

/** `127.0.0.1`, `127.0.0.1:5353`, `::1`, `[::1]:5353`; the port is 53 when none is written. */
export const nameServer: Kind<SocketAddress> = scalar(
  'an IP address with or without a port, such as "127.0.0.1", "127.0.0.1:5353" or "[::1]:5353"',
  (value) => {
    const written = typeof value === 'string' ? asText(value) : undefined
    if (written === undefined) return undefined
    if (isIp(written)) return { address: written, port: 53 }
    const match = /^(?:\[([^\]]{2,60})\]|([\d.]{7,15}))(?::(\d{1,5}))?$/.exec(written)
    const ip = match?.[1] ?? match?.[2]
    const number = match?.[3] === undefined ? 53 : Number(match[3])
    return ip !== undefined && isIp(ip) && number >= 1 && number <= 65_535 ? { address: ip, port: number } : undefined
  },
)

export function isIp(written: string): boolean {
  return isIpv4(written) || isIpv6(written)
}

function isIpv4(written: string): boolean {
  const parts = written.split('.')
  return parts.length === 4 && parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255)
}

/** RFC 4291 §2.2, with an optional zone (RFC 4007 §11). */
function isIpv6(written: string): boolean {
  const [plain = '', zone, ...rest] = written.split('%')
  if (rest.length > 0 || zone === '' || plain.length > 45) return false
  const halves = plain.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1) ?? ''
  const embedded = last.includes('.') ? 1 : 0
  if (embedded === 1 && (!isIpv4(last) || halves[1] === '')) return false
  const words = embedded === 1 ? groups.slice(0, -1) : groups
  const count = words.length + embedded * 2
  return words.every((w) => /^[0-9a-f]{1,4}$/i.test(w)) && (halves.length === 2 ? count <= 7 : count === 8)
}

function asText(value: LuaValue): string | undefined {
  if (isNumber(value)) return String(numberOf(value))
  return typeof value === 'string' ? toText(value) : undefined
}

function asNumber(value: LuaValue): number | undefined {
  const n = typeof value === 'string' ? parseNumber(value) : value
  return isNumber(n) ? numberOf(n) : undefined
}
