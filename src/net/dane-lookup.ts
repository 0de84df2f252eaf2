import { domainToAscii } from '../xmpp/jid.ts'
import { isHostName } from './address.ts'
import { usableTlsa } from './dane.ts'
import type { DnsAnswer } from './dns-client.ts'
import type { TlsaRecord } from './dns-message.ts'
import type { Resolver } from './resolver.ts'
import type { SrvRecord } from './srv.ts'

type Asks = Pick<Resolver, 'query'>

/**
 * The usable records of a service, none where there are none or where DNSSEC does not vouch for them. `unknown`: the
 * question failed, so that records may be there that somebody hides (RFC 7673 §3.4).
 */
export type TlsaAnswer = readonly TlsaRecord[] | 'unknown'

const DEFAULT_PORT = 5269
const MAX_TARGETS = 8

/** Ask only for a host whose addresses are secure: other name servers may choke on the question (RFC 7672 §2.2.2). */
export async function lookUpTlsa(resolver: Asks, name: string): Promise<TlsaAnswer> {
  const answer = await resolver.query(name, 'TLSA')
  if (answer.status === 'nodata' || answer.status === 'nxdomain') return []
  if (answer.status !== 'ok') return 'unknown'
  return answer.secure ? usableTlsa(answer.records) : []
}

export const tlsaName = (host: string, port: number): string => `_${port}._tcp.${host}`

/**
 * Records about the certificate that a domain's server shows when it dials us: those of every place where the domain says
 * in secure SRV records that it may be reached, and those of `_xmpp-server.<domain>`. RFC 7712 §5.1.
 *
 * @returns undefined where DNSSEC says nothing about the domain
 */
export async function lookUpCallerTlsa(resolver: Asks, domain: string): Promise<TlsaAnswer | undefined> {
  const ascii = domainToAscii(domain)
  if (ascii === undefined || !isHostName(ascii)) return undefined
  const services = ['_xmpp-server', '_xmpps-server'].map((service) => resolver.query(`${service}._tcp.${ascii}`, 'SRV'))
  const answers = await Promise.all(services)
  // both names are in one zone: where one answer needs no proof, there is none to hide
  if (answers.some((answer) => 'secure' in answer && !answer.secure)) return undefined
  if (!answers.every(isSecure)) return 'unknown'
  const found = await Promise.all([
    lookUpTlsa(resolver, `_xmpp-server.${ascii}`),
    ...placesOf(ascii, answers).map((place) => lookUpPlace(resolver, place)),
  ])
  return found.includes('unknown') ? 'unknown' : found.filter((answer) => answer !== 'unknown').flat()
}

const isSecure = (answer: DnsAnswer<unknown>): boolean => 'secure' in answer && answer.secure

interface Place {
  readonly target: string
  readonly port: number
}

/** Where the domain's server is. */
function placesOf(domain: string, answers: readonly DnsAnswer<SrvRecord>[]): readonly Place[] {
  if (answers.every((answer) => answer.status !== 'ok')) return [{ target: domain, port: DEFAULT_PORT }]
  return answers
    .flatMap((answer) => (answer.status === 'ok' ? answer.records : []))
    .filter(({ target, port }) => port > 0 && isHostName(target))
    .slice(0, MAX_TARGETS)
}

async function lookUpPlace(resolver: Asks, { target, port }: Place): Promise<TlsaAnswer> {
  const addresses = await Promise.all([resolver.query(target, 'A'), resolver.query(target, 'AAAA')])
  return addresses.some(isSecure) ? lookUpTlsa(resolver, tlsaName(target, port)) : []
}
