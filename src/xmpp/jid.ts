import { Buffer } from 'node:buffer'
import { BoundedMemo } from './bounded-memo.ts'
import { prepareDomain } from './idna.ts'
import { enforceOpaque, enforceUsername } from './precis.ts'

export { domainToAscii, isAddressLiteral, prepareDomain } from './idna.ts'

/** Octets of UTF-8 in a localpart or resource, after enforcement (RFC 7622 §3.3, §3.4). */
const MAX_PART = 1023

/**
 * An XMPP address (RFC 7622), always in enforced form: two equal addresses have equal text.
 * Made by {@link parseJid} and {@link makeJid} only; `local` and `resource` are '' when absent.
 */
export class Jid {
  readonly local: string
  readonly domain: string
  readonly resource: string
  /** The address without its resource; itself when it has none. */
  readonly bare: Jid
  readonly #text: string

  constructor(local: string, domain: string, resource: string, bare?: Jid) {
    this.local = local
    this.domain = domain
    this.resource = resource
    const account = local === '' ? domain : `${local}@${domain}`
    this.#text = resource === '' ? account : `${account}/${resource}`
    this.bare = resource === '' ? this : (bare ?? new Jid(local, domain, ''))
  }

  get isBare(): boolean {
    return this.resource === ''
  }

  equals(other: Jid | undefined): boolean {
    return other !== undefined && this.#text === other.#text
  }

  toString(): string {
    return this.#text
  }
}

/** Parses and enforces an address; undefined when it is not one. Repeated addresses come from a bounded cache. */
export function parseJid(text: string): Jid | undefined {
  return parsed.get(text)
}

/** Enforces the three parts and joins them; undefined when one of them is not allowed. '' means absent. */
export function makeJid(local: string, domain: string, resource = ''): Jid | undefined {
  const preparedDomain = prepareDomain(domain)
  if (preparedDomain === undefined) return undefined
  const preparedLocal = local === '' ? '' : prepareLocal(local)
  const preparedResource = resource === '' ? '' : prepareResource(resource)
  if (preparedLocal === undefined || preparedResource === undefined) return undefined
  return new Jid(preparedLocal, preparedDomain, preparedResource)
}

/** An address that our own code writes down; throws TypeError when it is not one. Not for a peer's text. */
export function jid(text: string): Jid {
  const address = parseJid(text)
  if (address === undefined) throw new TypeError(`not an XMPP address: ${JSON.stringify(text)}`)
  return address
}

/** Pure memoisation: an address means the same at any time and to any caller. At most 16384 texts of up to 512 units. */
const parsed = new BoundedMemo<Jid>(parseAfresh, 8192, 512)

/** Splits at the first `/`, then at the first `@` (RFC 7622 §3.2). The bare part comes from the cache: accounts repeat. */
function parseAfresh(text: string): Jid | undefined {
  if (text.length > 3 * MAX_PART + 2) return undefined
  const slash = text.indexOf('/')
  if (slash === -1) return parseBare(text)
  const bare = parseJid(text.slice(0, slash))
  const resource = prepareResource(text.slice(slash + 1))
  return bare === undefined || resource === undefined ? undefined : new Jid(bare.local, bare.domain, resource, bare)
}

function parseBare(text: string): Jid | undefined {
  const at = text.indexOf('@')
  return at === 0 ? undefined : makeJid(text.slice(0, Math.max(at, 0)), text.slice(at + 1))
}

/** RFC 7622 §3.3 and §3.3.1: what XEP-0106 escapes is excluded after the mappings too (U+FF20 is an @). */
function prepareLocal(text: string): string | undefined {
  const local = withinLimit(text, enforceUsername)
  return local === undefined || /["&'/:<>@]/.test(local) ? undefined : local
}

/** RFC 7622 §3.4. Spaces may stand anywhere, also in front, whatever its example 18 says: OpaqueString has no such rule. */
function prepareResource(text: string): string | undefined {
  return withinLimit(text, enforceOpaque)
}

/** The length counts after enforcement; what is longer in UTF-16 units is not even looked at. */
function withinLimit(text: string, enforce: (text: string) => string | undefined): string | undefined {
  if (text.length > MAX_PART) return undefined
  const part = enforce(text)
  return part !== undefined && Buffer.byteLength(part) <= MAX_PART ? part : undefined
}
