import { domainToAscii } from '../xmpp/jid.ts'
import { isHostName } from './address.ts'
import type { Clock } from './clock.ts'
import { lookUpTlsa, tlsaName } from './dane-lookup.ts'
import { type DnsAnswer, type DnsFailure, LOOKUP_MS } from './dns-client.ts'
import type { TlsaRecord } from './dns-message.ts'
import { gather } from './gather.ts'
import type { Resolver } from './resolver.ts'
import { orderSrv, type SrvRecord } from './srv.ts'

/** One address at which a domain's server may be reached. */
export interface Endpoint {
  /** The SRV target, or the domain itself where there is no SRV: for the log, never for SNI; for certificates see `hostSecure`. */
  readonly host: string
  readonly address: string
  readonly family: 4 | 6
  readonly port: number
  readonly tls: 'direct' | 'starttls'
  readonly priority: number
  /** SRV and address are validated by DNSSEC. */
  readonly secure: boolean
  /** DNSSEC validates that the domain names this host: a certificate for it will do (RFC 7673 §4.1). */
  readonly hostSecure?: boolean
  /** Usable TLSA records (RFC 7673 §3.4): TLS is a must here, and one of them has to be about the certificate. Never empty. */
  readonly tlsa?: readonly TlsaRecord[]
}

export type LookupFailureKind =
  | 'not-a-hostname' // an IP address, a number, or no domain name at all
  | 'nxdomain'
  | 'no-service' // the domain says that it has no XMPP server (SRV target ".")
  | 'no-address'
  | 'servfail'
  | 'timeout'
  | 'bogus'

export interface LookupFailure {
  readonly kind: LookupFailureKind
  /** One plain sentence part that names the stage, fit for a bounce: no domain, no host, no address. */
  readonly text: string
  /** The same for the operator's log, with the names. */
  readonly detail: string
}

export type Endpoints =
  | { readonly endpoints: readonly Endpoint[]; readonly failure?: undefined }
  | { readonly failure: LookupFailure; readonly endpoints?: undefined }

export interface EndpointOptions {
  readonly resolver: Pick<Resolver, 'query' | 'listed'>
  readonly clock: Clock
  /** Uniform in [0, 1): draws among SRV records of one priority. */
  readonly random: () => number
  readonly ipv4: boolean
  readonly ipv6: boolean
  /** `use_dane` of the host that wants to dial. */
  readonly dane?: boolean
}

const DEFAULT_PORT = 5269
const MAX_TARGETS = 16
const MAX_ADDRESSES = 8
const MAX_ENDPOINTS = 64
/** What slower look-ups get once there is something to dial. */
const GRACE_MS = 2_000

/**
 * Finds where the server of an XMPP domain (enforced, U-labels) may be reached, in the order to try. RFC 6120 §3.2,
 * XEP-0368 §3: both SRV names in one list; addresses of the domain itself only where there is no SRV record.
 * Never rejects, takes 15 s at most, and as long again for TLSA records.
 */
export async function resolveEndpoints(domain: string, options: EndpointOptions): Promise<Endpoints> {
  const name = domainToAscii(domain)
  if (name === undefined || !isHostName(name))
    return failed('not-a-hostname', 'the domain is not a host name that may be looked up', shown(domain))
  const limitMono = options.clock.mono() + LOOKUP_MS
  const found = await findTargets(name, options, limitMono)
  if ('kind' in found) return { failure: found }
  return findAddresses(found, options, limitMono)
}

interface Target extends SrvRecord {
  readonly tls: 'direct' | 'starttls'
  readonly secure: boolean
}

/** What one of the two SRV questions has given. */
interface Service {
  /** `broken`: there are records, none can be dialled. */
  readonly state: 'usable' | 'broken' | 'declined' | 'none' | DnsFailure
  readonly name: string
  readonly targets: readonly Target[]
  readonly secure: boolean
}

async function findTargets(
  domain: string,
  options: EndpointOptions,
  limitMono: number,
): Promise<readonly Target[] | LookupFailure> {
  const questions = [
    { name: `_xmpps-server._tcp.${domain}`, tls: 'direct' },
    { name: `_xmpp-server._tcp.${domain}`, tls: 'starttls' },
  ] as const
  const tasks = questions.map(async ({ name, tls }) => readService(name, tls, await options.resolver.query(name, 'SRV')))
  const got = await gather(
    options.clock,
    tasks,
    limits(options, limitMono, (service: Service) => service.state === 'usable'),
  )
  const services = got.map((s, i): Service => s ?? { state: 'timeout', name: questions[i]!.name, targets: [], secure: false })
  const targets = orderSrv(
    services.flatMap((s) => s.targets),
    options.random,
  )
  if (targets.length > 0) return targets.slice(0, MAX_TARGETS)
  const own: Target = {
    target: domain,
    port: DEFAULT_PORT,
    priority: 0,
    weight: 0,
    tls: 'starttls',
    secure: services.every((s) => s.secure),
  }
  return noTargets(domain, services, options.resolver.listed(domain)) ?? [own]
}

/** Why there is nowhere to go although one may have asked rightly; undefined when there is no SRV record at all. */
function noTargets(domain: string, services: readonly Service[], listed: boolean): LookupFailure | undefined {
  for (const { state, name } of services) {
    // what the operator has written into the hosts file holds without DNS too
    if (isFailure(state) && !listed) return failure(kindOf(state), `SRV look-up: ${FAILURE_TEXT[state]}`, name)
  }
  // XEP-0368 §3: "." rules out the addresses of the domain, whichever of the two services says it
  if (services.some((s) => s.state === 'declined')) {
    return failure('no-service', 'the domain says in DNS that it offers no XMPP service to other servers', domain)
  }
  const broken = services.find((s) => s.state === 'broken')
  return broken && failure('no-address', 'the SRV records name no host that could be dialled', broken.name)
}

function readService(name: string, tls: Target['tls'], answer: DnsAnswer<SrvRecord>): Service {
  const secure = 'secure' in answer && answer.secure
  const nothing = { name, secure, targets: [] }
  if (answer.status === 'nodata' || answer.status === 'nxdomain') return { ...nothing, state: 'none' }
  if (answer.status !== 'ok') return { ...nothing, state: answer.status }
  if (answer.records.every((r) => r.target === '.')) return { ...nothing, state: 'declined' }
  const targets = answer.records.filter((r) => r.port > 0 && isHostName(r.target)).map((r): Target => ({ ...r, tls, secure }))
  return { name, secure, targets, state: targets.length > 0 ? 'usable' : 'broken' }
}

/** What is known of one target's addresses. */
interface Addresses {
  readonly endpoints: readonly Endpoint[]
  /** Both families do not exist; or the first failure of a server. */
  readonly trouble: 'nxdomain' | DnsFailure | undefined
}

async function findAddresses(targets: readonly Target[], options: EndpointOptions, limitMono: number): Promise<Endpoints> {
  const tasks = targets.map((target) => addressesOf(target, options, limitMono))
  const got = await gather(
    options.clock,
    tasks,
    limits(options, limitMono, (a: Addresses) => a.endpoints.length > 0),
  )
  const all = got.map((a): Addresses => a ?? { endpoints: [], trouble: 'timeout' })
  const endpoints = distinct(all.flatMap((a) => a.endpoints)).slice(0, MAX_ENDPOINTS)
  if (endpoints.length > 0) return options.dane === true ? withTlsa(endpoints, options) : { endpoints }
  const hosts = [...new Set(targets.map((t) => t.target))].slice(0, 3).join(', ')
  const trouble = all.find((a) => isFailure(a.trouble))?.trouble
  if (isFailure(trouble)) return failed(kindOf(trouble), `address look-up: ${FAILURE_TEXT[trouble]}`, hosts)
  if (all.every((a) => a.trouble === 'nxdomain')) return failed('nxdomain', 'address look-up: no such name in DNS', hosts)
  return failed('no-address', 'address look-up: no address', hosts)
}

async function addressesOf(target: Target, options: EndpointOptions, limitMono: number): Promise<Addresses> {
  const types = [...(options.ipv6 ? ['AAAA' as const] : []), ...(options.ipv4 ? ['A' as const] : [])]
  const tasks = types.map((type): Promise<DnsAnswer<string>> => options.resolver.query(target.target, type))
  const got = await gather(
    options.clock,
    tasks,
    limits(options, limitMono, (a: DnsAnswer<string>) => a.status === 'ok'),
  )
  const answers = got.map((a): DnsAnswer<string> => a ?? { status: 'timeout' })
  const families = answers.map((answer, i) =>
    answer.status === 'ok' ? endpointsOf(target, types[i] === 'A' ? 4 : 6, answer) : [],
  )
  const failure = answers.map((a) => a.status).find(isFailure)
  const missing = answers.length > 0 && answers.every((a) => a.status === 'nxdomain')
  return { endpoints: interleave(families), trouble: failure ?? (missing ? 'nxdomain' : undefined) }
}

function endpointsOf(
  target: Target,
  family: 4 | 6,
  answer: { records: readonly string[]; secure: boolean },
): readonly Endpoint[] {
  const { target: host, port, tls, priority } = target
  const secure = target.secure && answer.secure
  return [...new Set(answer.records)]
    .slice(0, MAX_ADDRESSES)
    .map((address) => ({ host, address, family, port, tls, priority, secure, ...(target.secure ? { hostSecure: true } : {}) }))
}

/** RFC 7673 §3.4: where nobody can say whether there are TLSA records, nobody is dialled. */
async function withTlsa(endpoints: readonly Endpoint[], { resolver }: EndpointOptions): Promise<Endpoints> {
  const names = new Set(endpoints.filter((e) => e.secure).map((e) => tlsaName(e.host, e.port)))
  const found = new Map(await Promise.all([...names].map(async (name) => [name, await lookUpTlsa(resolver, name)] as const)))
  const usable = endpoints.flatMap((endpoint): Endpoint[] => {
    const tlsa = endpoint.secure ? (found.get(tlsaName(endpoint.host, endpoint.port)) ?? []) : []
    if (tlsa === 'unknown') return []
    return [tlsa.length === 0 ? endpoint : { ...endpoint, tlsa }]
  })
  if (usable.length > 0) return { endpoints: usable }
  return failed('bogus', 'TLSA look-up: no answer that could be believed', [...names].slice(0, 3).join(', '))
}

/** Records that name the same place twice must not have it dialled twice; the first stays. */
function distinct(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const places = new Map<string, Endpoint>()
  for (const endpoint of endpoints) {
    const place = `${endpoint.tls} ${endpoint.address} ${endpoint.port}`
    if (!places.has(place)) places.set(place, endpoint)
  }
  return [...places.values()]
}

/** RFC 8305 §4: one of each family in turn, IPv6 first. */
function interleave(families: readonly (readonly Endpoint[])[]): readonly Endpoint[] {
  const longest = Math.max(0, ...families.map((f) => f.length))
  return Array.from({ length: longest }, (_, i) => families.flatMap((family) => family[i] ?? [])).flat()
}

function limits<T>(options: EndpointOptions, limitMono: number, usable: (result: T) => boolean) {
  return { usable, graceMs: GRACE_MS, limitMs: Math.max(limitMono - options.clock.mono(), 0) }
}

const FAILURE_TEXT: Readonly<Record<DnsFailure, string>> = {
  timeout: 'the name servers do not answer',
  servfail: 'the name servers report a failure',
  refused: 'the name servers refuse to answer',
  bogus: 'the answer does not pass DNSSEC validation',
}

function isFailure(state: string | undefined): state is DnsFailure {
  return state !== undefined && Object.hasOwn(FAILURE_TEXT, state)
}

function kindOf(failure: DnsFailure): LookupFailureKind {
  return failure === 'refused' ? 'servfail' : failure
}

function failed(kind: LookupFailureKind, text: string, about: string): Endpoints {
  return { failure: failure(kind, text, about) }
}

/** @param about the names that only the log may tell */
function failure(kind: LookupFailureKind, text: string, about: string): LookupFailure {
  return { kind, text, detail: `${text} (${about})` }
}

/** A peer's word in our sentence: bounded, and nothing that could break a line. */
function shown(domain: string): string {
  return JSON.stringify(domain.slice(0, 100))
}
