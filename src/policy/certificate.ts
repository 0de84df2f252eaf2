import { domainToAscii, prepareDomain } from '../xmpp/jid.ts'

/** The names in a certificate's subjectAltName, as written there. There is no field for the common name: it is no name. */
export interface CertificateNames {
  /** dNSName. */
  readonly dns: readonly string[]
  /** SRVName (RFC 4985), `_service.domain`. */
  readonly srv: readonly string[]
  /** id-on-xmppAddr (RFC 6120 §13.7.1.4). */
  readonly xmpp: readonly string[]
}

export type XmppService = 'xmpp-server' | 'xmpp-client'

/** The name that made a certificate match, for the log. */
export interface MatchedName {
  readonly form: 'dns' | 'wildcard' | 'srv' | 'xmpp'
  readonly name: string
}

/**
 * Which name of a certificate says that it is this domain's; undefined when none does.
 * RFC 6120 §13.7.1.2 and §13.7.2, RFC 9525 §6. A `*` stands for exactly one whole label, the first, above a name
 * of two labels or more, in dNSName only. U-labels equal their A-labels.
 *
 * @param domain enforced, as {@link prepareDomain} gives it
 * @param service what a SRVName must be about
 */
export function nameFor(names: CertificateNames, domain: string, service: XmppService = 'xmpp-server'): MatchedName | undefined {
  const ascii = domainToAscii(domain)?.toLowerCase()
  if (ascii === undefined || !isHostName(ascii)) return undefined
  const exact = names.dns.find((name) => name.toLowerCase() === ascii)
  if (exact !== undefined) return { form: 'dns', name: exact }
  const srv = names.srv.find((name) => name.toLowerCase() === `_${service}.${ascii}`)
  if (srv !== undefined) return { form: 'srv', name: srv }
  const address = names.xmpp.find((name) => prepareDomain(name) === domain)
  if (address !== undefined) return { form: 'xmpp', name: address }
  const parent = ascii.slice(ascii.indexOf('.') + 1)
  const wildcard = parent !== ascii && parent.includes('.') ? `*.${parent}` : undefined
  const starred = names.dns.find((name) => name.toLowerCase() === wildcard)
  return starred === undefined ? undefined : { form: 'wildcard', name: starred }
}

/** Whether a certificate says that it is this domain's; see {@link nameFor}. */
export function namesDomain(names: CertificateNames, domain: string, service: XmppService = 'xmpp-server'): boolean {
  return nameFor(names, domain, service) !== undefined
}

/** Labels of letters, digits and hyphens, and no IP address: those have a name form of their own. */
function isHostName(ascii: string): boolean {
  const labels = ascii.split('.')
  return labels.every((label) => /^[a-z0-9-]{1,63}$/.test(label)) && !/^\d+$/.test(labels.at(-1)!)
}
