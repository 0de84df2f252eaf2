import { isIPv6 } from 'node:net'
import type { Clock } from './clock.ts'
import { type DnsAnswer, DnsClient } from './dns-client.ts'
import type { RecordData, RecordType } from './dns-message.ts'
import { type DnsServer, socketTransport } from './dns-transport.ts'
import { type Hosts, parseHosts, parseResolvConf } from './hosts-file.ts'
import { parsedFile } from './parsed-file.ts'

const MAX_KEPT_MS = 3_600_000
/** How long a failure of the servers is kept: long enough to calm a storm, short enough to notice the repair. */
const FAILURE_MS = 5_000
const MAX_ENTRIES = 10_000

interface Kept {
  readonly answer: DnsAnswer<unknown>
  readonly untilMono: number
}

export interface ResolverOptions {
  readonly client: Pick<DnsClient, 'lookup' | 'dispose'>
  readonly clock: Clock
  /** Names that stand above DNS for A and AAAA. */
  readonly hosts?: () => Hosts
  readonly maxEntries?: number
}

/**
 * DNS with a memory. Answers are kept as long as their TTL says (at most 1 h; not at all when it is unknown),
 * failures of servers for 5 s; whoever asks the same at the same time shares one look-up.
 */
export class Resolver {
  readonly #options: ResolverOptions
  readonly #kept = new Map<string, Kept>()
  readonly #pending = new Map<string, Promise<DnsAnswer<unknown>>>()

  constructor(options: ResolverOptions) {
    this.#options = options
  }

  /** Never rejects; takes 15 s at most. The name is in A-labels. */
  async query<T extends RecordType>(name: string, type: T): Promise<DnsAnswer<RecordData[T]>> {
    const key = `${type} ${name.toLowerCase()}`
    const answer = this.#listedAnswer(name, type) ?? this.#recall(key) ?? (await this.#share(key, name, type))
    return answer as DnsAnswer<RecordData[T]> // the key holds the type
  }

  /** Whether the hosts file knows an address of the name. */
  listed(name: string): boolean {
    return this.#options.hosts?.().has(name.toLowerCase()) ?? false
  }

  /** Forgets what it knows. What is being looked up goes on. */
  flush(): void {
    this.#kept.clear()
  }

  dispose(): void {
    this.#options.client.dispose()
  }

  #listedAnswer(name: string, type: RecordType): DnsAnswer<unknown> | undefined {
    const addresses = type === 'SRV' || type === 'TLSA' ? undefined : this.#options.hosts?.().get(name.toLowerCase())
    if (addresses === undefined) return undefined
    const records = addresses.filter((a) => isIPv6(a) === (type === 'AAAA'))
    return records.length > 0 ? { status: 'ok', records, ttlMs: 0, secure: false } : { status: 'nodata', ttlMs: 0, secure: false }
  }

  #recall(key: string): DnsAnswer<unknown> | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    if (kept.untilMono > this.#options.clock.mono()) return kept.answer
    this.#kept.delete(key)
    return undefined
  }

  #share(key: string, name: string, type: RecordType): Promise<DnsAnswer<unknown>> {
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending
    const lookup = this.#options.client.lookup(name, type).then((answer) => {
      this.#pending.delete(key)
      this.#keep(key, answer)
      return answer
    })
    this.#pending.set(key, lookup)
    return lookup
  }

  #keep(key: string, answer: DnsAnswer<unknown>): void {
    const ttlMs = 'ttlMs' in answer ? Math.min(answer.ttlMs, MAX_KEPT_MS) : FAILURE_MS
    if (ttlMs <= 0) return
    const oldest = this.#kept.keys().next()
    if (this.#kept.size >= (this.#options.maxEntries ?? MAX_ENTRIES) && !oldest.done) this.#kept.delete(oldest.value)
    this.#kept.set(key, { answer, untilMono: this.#options.clock.mono() + ttlMs })
  }
}

export interface SystemResolverOptions {
  readonly clock: Clock
  /** `dns_servers`; without it those of the `resolvconf` file. */
  readonly servers?: readonly DnsServer[] | undefined
  /** `dns_trusted_servers`: whose word about DNSSEC counts; without it those on this machine. */
  readonly trusted?: readonly string[] | undefined
  /** Default `/etc/resolv.conf`. */
  readonly resolvconf?: string | undefined
  /** Default `/etc/hosts` with the system's servers, none with `servers`; false for none. */
  readonly hosts?: string | false | undefined
}

/** The resolver as the configuration describes it, over real sockets. Both files are followed when they change. */
export function openResolver({ clock, servers, trusted, resolvconf, hosts }: SystemResolverOptions): Resolver {
  const listed = servers ? () => servers : parsedFile(resolvconf ?? '/etc/resolv.conf', parseResolvConf, clock)
  const path = hosts ?? (servers ? false : '/etc/hosts')
  return new Resolver({
    client: new DnsClient({
      servers: listed,
      transport: socketTransport,
      clock,
      ...(trusted === undefined ? {} : { trusts: (address: string) => trusted.includes(address) }),
    }),
    clock,
    ...(path === false ? {} : { hosts: parsedFile(path, parseHosts, clock) }),
  })
}
