import type { Config } from '../config/config.ts'
import { EvidenceMemory } from '../core/evidence.ts'
import { type Disposable, systemClock } from '../net/clock.ts'
import type { Endpoint, Endpoints } from '../net/endpoints.ts'
import { Outbox } from '../net/outbox.ts'
import { type Advice, adviceOn, isReason } from '../policy/advice.ts'
import { peerRules } from '../policy/peer.ts'
import { domainToAscii } from '../xmpp/jid.ts'
import { Dns } from './dns.ts'
import { PeerTls } from './peer-tls.ts'
import { Policies } from './policies.ts'
import { type EndpointReport, probe } from './probe.ts'
import { TlsStore } from './tls-store.ts'

/** One question to DNS. */
export interface DnsReport {
  readonly name: string
  readonly type: 'SRV' | 'A' | 'AAAA'
  readonly tookMs: number
  /** Records as text; or what there is instead. */
  readonly found: readonly string[]
  readonly secure: boolean
}

/** A live look at a remote domain from one of our hosts. */
export interface Examination {
  readonly local: string
  readonly remote: string
  readonly dns: readonly DnsReport[]
  /** Why there is nowhere to go. */
  readonly lookupFailure: string | undefined
  /** In the order in which the server would try them. */
  readonly endpoints: readonly (EndpointReport & { readonly advice: Advice | undefined })[]
  /** Our policy lets us speak to it at one of them. */
  readonly reachable: boolean
}

/** More say nothing new. */
const MOST_ENDPOINTS = 8
const MOST_TARGETS = 8
const CLOSE_MS = 1_000

/** Everything of a configuration that looks at other servers, without a server of its own. Dispose it. */
export class Examiner implements Disposable {
  readonly config: Config
  readonly policies: Policies
  readonly tls: TlsStore
  readonly #dns: Dns
  readonly #outbox = new Outbox()

  constructor(config: Config) {
    const isLocal = (domain: string): boolean => config.hosts.some((host) => host.domain === domain)
    this.config = config
    this.tls = new TlsStore(config, systemClock.now)
    this.policies = new Policies(config, this.tls, isLocal, () => undefined)
    this.#dns = new Dns(config)
  }

  dispose(): void {
    this.#dns.dispose()
  }

  /** Where a domain may be reached by a host of ours. Never rejects. */
  endpoints(domain: string, local: string): Promise<Endpoints> {
    return this.#dns.endpoints(domain, local)
  }

  /** Names in enforced form. Never rejects. */
  async examine(local: string, remote: string): Promise<Examination> {
    const dns = await this.#lookUp(remote)
    const found = await this.endpoints(remote, local)
    const lookupFailure = found.failure && `${found.failure.text} (${found.failure.detail})`
    const endpoints = []
    for (const endpoint of (found.endpoints ?? []).slice(0, MOST_ENDPOINTS)) {
      const report = await this.#probe(local, remote, endpoint)
      const condition = report.failure?.condition
      const advice = condition !== undefined && isReason(condition) ? adviceOn(condition) : undefined
      endpoints.push({ ...report, advice })
    }
    return { local, remote, dns, lookupFailure, endpoints, reachable: endpoints.some((e) => e.ok) }
  }

  #probe(local: string, remote: string, endpoint: Endpoint): Promise<EndpointReport> {
    const { config, policies, tls } = this
    return probe(local, remote, endpoint, {
      clock: systemClock,
      outbox: this.#outbox,
      tls: new PeerTls({
        tls,
        policies: () => policies,
        evidence: new EvidenceMemory(),
        now: systemClock.now,
        callerTlsa: () => Promise.resolve(undefined), // nobody dials us here
      }),
      rules: peerRules((host) => policies.peer(host)),
      connectTimeoutMs: config.get(undefined, 'network_settings').connect_timeout ?? 20_000,
      negotiationMs: policies.serverNegotiationMs,
      patience: { ...policies.patience('s2s'), closeMs: CLOSE_MS },
    })
  }

  /** The questions of the look-up, each with its time: the resolver keeps the answers for the look-up itself. */
  async #lookUp(remote: string): Promise<readonly DnsReport[]> {
    const name = domainToAscii(remote) ?? remote
    const services = [`_xmpps-server._tcp.${name}`, `_xmpp-server._tcp.${name}`]
    const asked = await Promise.all(services.map((service) => this.#ask(service, 'SRV')))
    const targets = asked.flatMap(({ records }) => records.map((r) => (typeof r === 'string' ? r : r.target)))
    const hosts = [...new Set(targets.length === 0 ? [name] : targets)].filter((host) => host !== '.').slice(0, MOST_TARGETS)
    const addresses = await Promise.all(hosts.flatMap((host) => [this.#ask(host, 'AAAA'), this.#ask(host, 'A')]))
    return [...asked, ...addresses].map(({ report }) => report)
  }

  async #ask(name: string, type: DnsReport['type']) {
    const startMono = systemClock.mono()
    const answer = await this.#dns.query(name, type)
    const records = answer.status === 'ok' ? answer.records : []
    const found = records.map((r) => (typeof r === 'string' ? r : `${r.priority} ${r.weight} ${r.port} ${r.target}`))
    const report: DnsReport = {
      name,
      type,
      tookMs: Math.round(systemClock.mono() - startMono),
      found: found.length === 0 ? [NOTHING.get(answer.status) ?? answer.status] : found,
      secure: 'secure' in answer && answer.secure,
    }
    return { report, records }
  }
}

const NOTHING: ReadonlyMap<string, string> = new Map([
  ['nodata', 'no such record'],
  ['nxdomain', 'no such name'],
  ['timeout', 'no answer in time'],
  ['servfail', 'the name server failed'],
  ['refused', 'the name server refused to answer'],
  ['bogus', 'not to be believed: DNSSEC validation failed'],
])
