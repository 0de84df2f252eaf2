import type { Config } from '../config/config.ts'
import { systemClock } from '../net/clock.ts'
import { lookUpCallerTlsa, type TlsaAnswer } from '../net/dane-lookup.ts'
import type { DnsAnswer } from '../net/dns-client.ts'
import type { RecordData, RecordType } from '../net/dns-message.ts'
import { type EndpointOptions, type Endpoints, resolveEndpoints } from '../net/endpoints.ts'
import { openResolver, type Resolver } from '../net/resolver.ts'

const MOST_CALLER_LOOKUPS = 200

/** DNS as the configuration describes it, for the questions that the server has. A reload makes another. */
export class Dns {
  readonly #config: Config
  readonly #resolver: Resolver
  #asking = 0

  constructor(config: Config) {
    this.#config = config
    const servers = config.get(undefined, 'dns_servers')
    const trusted = config.get(undefined, 'dns_trusted_servers')
    const { resolvconf, hoststxt } = config.get(undefined, 'unbound')
    this.#resolver = openResolver({
      clock: systemClock,
      ...(servers === undefined ? {} : { servers }),
      ...(trusted === undefined ? {} : { trusted: [...trusted] }),
      ...(typeof resolvconf === 'string' ? { resolvconf } : {}),
      ...(hoststxt === undefined ? {} : { hosts: hoststxt === true ? '/etc/hosts' : hoststxt }),
    })
  }

  /** Where a remote domain may be reached by a host of ours. */
  endpoints(remote: string, local: string): Promise<Endpoints> {
    const options: EndpointOptions = {
      resolver: this.#resolver,
      clock: systemClock,
      random: Math.random, // spreads load over SRV weights; nothing secret
      ipv4: this.#config.get(undefined, 'use_ipv4'),
      ipv6: this.#config.get(undefined, 'use_ipv6'),
      dane: this.#config.get(local, 'use_dane'),
    }
    return resolveEndpoints(remote, options)
  }

  /**
   * What DNSSEC says about the certificates of a domain that dials a host of ours; undefined where the host does not care.
   * Anybody can make us ask about any domain: what comes above the bound stays unknown.
   */
  async callerTlsa(local: string, remote: string): Promise<TlsaAnswer | undefined> {
    if (!this.#config.get(local, 'use_dane')) return undefined
    if (this.#asking >= MOST_CALLER_LOOKUPS) return 'unknown'
    this.#asking++
    const answer = await lookUpCallerTlsa(this.#resolver, remote) // never rejects
    this.#asking--
    return answer
  }

  /** One question, with its own answer; see {@link Resolver.query}. */
  query<T extends RecordType>(name: string, type: T): Promise<DnsAnswer<RecordData[T]>> {
    return this.#resolver.query(name, type)
  }

  dispose(): void {
    this.#resolver.dispose()
  }
}
