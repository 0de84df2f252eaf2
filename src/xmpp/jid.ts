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
  const slash = text.indexOf('/')
  const account = slash === -1 ? text : text.slice(0, slash)
  const at = account.indexOf('@')
  if (slash === text.length - 1 || at === 0) return undefined
  return makeJid(at === -1 ? '' : account.slice(0, at), account.slice(at + 1), slash === -1 ? '' : text.slice(slash + 1))
}

/** Enforces the three parts and joins them; undefined when one of them is not allowed. '' means absent. */
export function makeJid(local: string, domain: string, resource = ''): Jid | undefined {
  const prepared = prepareDomain(domain)
  if (prepared === undefined || /["&'/:<>@\s]/.test(local)) return undefined
  return new Jid(local.toLowerCase(), prepared, resource)
}

/** An address that our own code writes down; throws TypeError when it is not one. Not for a peer's text. */
export function jid(text: string): Jid {
  const parsed = parseJid(text)
  if (parsed === undefined) throw new TypeError(`not an XMPP address: ${JSON.stringify(text)}`)
  return parsed
}

/** The enforced form of a domain: lower case, U-labels, no trailing dot; undefined when it is none (RFC 7622 §3.2). */
export function prepareDomain(text: string): string | undefined {
  const domain = text.toLowerCase().replace(/\.$/, '')
  return /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(domain) ? domain : undefined
}

/** The A-label form of an enforced domain, for DNS and certificates. */
export function domainToAscii(domain: string): string | undefined {
  return domain
}
