import { isIPv4, isIPv6 } from 'node:net'

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** A name that ends so is an IPv4 address to many a parser: `127.1`, `2130706433`, `0x7f000001`. */
const NUMERIC = /^(?:[0-9]+|0x[0-9a-f]*)$/

/** Whether a lower-case A-label name without trailing dot may name a host (RFC 1123 §2.1); never true for anything numeric. */
export function isHostName(name: string): boolean {
  if (name.length > 253) return false
  const labels = name.split('.')
  return labels.every((label) => LABEL.test(label)) && !NUMERIC.test(labels.at(-1)!)
}

/** The 4 or 16 bytes of an IP address, the zone left out; undefined when the text is none. */
export function addressBytes(address: string): readonly number[] | undefined {
  if (isIPv4(address)) return address.split('.').map(Number)
  if (!isIPv6(address)) return undefined
  const text = address
    .replace(/%.*$/, '')
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${hex(+a * 256 + +b)}:${hex(+c * 256 + +d)}`)
  const [head = '', tail] = text.split('::')
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(16 - left.length - right.length).fill(0)
  return [...left, ...zeros, ...right]
}

const hex = (n: number): string => n.toString(16)

function groups(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

/** Prefixes whose last 32 bits are an IPv4 address: mapped, translated, NAT64 (RFC 6052) and its local form (RFC 8215), compatible. */
const CARRIES_V4 = ['0:0:0:0:0:ffff', '0:0:0:0:ffff:0', '64:ff9b:0:0:0:0', '64:ff9b:1:0:0:0', '0:0:0:0:0:0'].map((prefix) => [
  ...groups(prefix),
])

/**
 * The address that a packet to this one would reach: the IPv4 address inside a mapped, NAT64, 6to4 or
 * compatible IPv6 address, the same bytes otherwise. Judge this, not the text.
 */
export function reachedBytes(address: string): readonly number[] | undefined {
  const bytes = addressBytes(address)
  if (bytes === undefined || bytes.length === 4) return bytes
  if (bytes[0] === 0x20 && bytes[1] === 0x02) return bytes.slice(2, 6)
  const own = bytes.slice(0, 15).every((b) => b === 0) // :: and ::1
  const carrier = !own && CARRIES_V4.some((prefix) => prefix.every((b, i) => bytes[i] === b))
  return carrier ? bytes.slice(12) : bytes
}

/** Where clouds keep the credentials of a machine, as far as it is not link-local. */
const METADATA = ['100.100.100.200', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'].map((a) => addressBytes(a)!.join())

/** Why no server is ever dialled at this address, whatever the configuration; undefined when one may be. */
export function neverDial(address: string): string | undefined {
  const bytes = reachedBytes(address)
  if (bytes === undefined) return 'not an IP address'
  if (METADATA.includes(bytes.join())) return 'metadata address'
  const [a = 0, b = 0] = bytes
  if (bytes.length === 4) {
    if (a === 0) return 'unspecified address'
    if (a === 169 && b === 254) return 'link-local address'
    return a >= 224 ? 'multicast or reserved address' : undefined
  }
  if (bytes.every((byte) => byte === 0)) return 'unspecified address'
  if (a === 0xff) return 'multicast address'
  return a === 0xfe && (b & 0x80) === 0x80 ? 'link-local address' : undefined // fe80::/10 and the old site-local fec0::/10
}

/** Whether the address is this machine's loopback. */
export function isLoopback(address: string): boolean {
  const bytes = reachedBytes(address)
  if (bytes === undefined) return false
  return bytes.length === 4 ? bytes[0] === 127 : bytes.at(-1) === 1 && bytes.slice(0, 15).every((byte) => byte === 0)
}
