import { randomInt } from 'node:crypto'
import { isLoopback } from './address.ts'
import type { Clock } from './clock.ts'
import {
  decodeReply,
  encodeQuery,
  isQueryName,
  type Query,
  RCODE,
  type RecordData,
  type RecordType,
  type Reply,
} from './dns-message.ts'
import type { DnsServer, DnsTransport } from './dns-transport.ts'

/**
 * What a look-up gave. `ttlMs` says how long it may be kept, 0 for not at all. `secure`: validated by DNSSEC, as a
 * server says that is believed in this (by default one on this machine); others are not.
 */
export type DnsAnswer<R> =
  | { readonly status: 'ok'; readonly records: readonly R[]; readonly ttlMs: number; readonly secure: boolean }
  | { readonly status: 'nodata' | 'nxdomain'; readonly ttlMs: number; readonly secure: boolean }
  | { readonly status: DnsFailure }

/** Nobody knows whether there are records: the servers failed, stayed silent, would not answer, or DNSSEC forbids to believe them. */
export type DnsFailure = 'servfail' | 'timeout' | 'refused' | 'bogus'

export const QUERY_MS = 5_000
export const LOOKUP_MS = 15_000
const MAX_CNAMES = 8
const NEGATIVE_MAX_MS = 60_000

export interface DnsClientOptions {
  /** Asked for at each look-up, so that the list may change. */
  readonly servers: () => readonly DnsServer[]
  readonly transport: DnsTransport
  readonly clock: Clock
  /** Whose word about DNSSEC counts, by address; that of this machine's own servers unless told otherwise. */
  readonly trusts?: (address: string) => boolean
  /** Message ids, 0..65535; from the CSPRNG unless a test says otherwise. */
  readonly randomId?: () => number
}

/** Docker's own resolver: it is on loopback, and passes on what unknown servers have said over the network. */
const FORWARDER = '127.0.0.11'

const onThisMachine = (address: string): boolean => isLoopback(address) && address !== FORWARDER

/**
 * A stub resolver (RFC 1034 §5.3.1): asks recursive servers in turn, 5 s each and 15 s in all, over UDP and, where
 * an answer does not fit, TCP. Keeps nothing.
 */
export class DnsClient {
  readonly #options: DnsClientOptions
  readonly #randomId: () => number
  readonly #trusts: (address: string) => boolean
  readonly #open = new Set<() => void>()
  /** The server that answered last: a dead one before it in the list is not waited for each time. */
  #preferred: DnsServer | undefined
  #disposed = false

  constructor(options: DnsClientOptions) {
    this.#options = options
    this.#randomId = options.randomId ?? (() => randomInt(0x10000))
    this.#trusts = options.trusts ?? onThisMachine
  }

  /** Never rejects. A name that cannot stand in a question does not exist. */
  async lookup<T extends RecordType>(name: string, type: T): Promise<DnsAnswer<RecordData[T]>> {
    const deadline = this.#options.clock.mono() + LOOKUP_MS
    const chain: Chain = { owner: name.toLowerCase(), aliases: 0, ttlMs: Number.POSITIVE_INFINITY, secure: true }
    for (;;) {
      if (!isQueryName(chain.owner)) return { status: 'nxdomain', ttlMs: 0, secure: false }
      const aliasesBefore = chain.aliases
      const got = await this.#ask(chain.owner, type, deadline)
      if (typeof got === 'string') return { status: got }
      chain.secure &&= got.reply.authenticated && this.#trusts(got.server.address)
      const records = follow(chain, got.reply, type)
      if (records.length > 0) return { status: 'ok', records, ttlMs: chain.ttlMs, secure: chain.secure }
      if (chain.aliases > MAX_CNAMES) break
      const ended = chain.aliases === aliasesBefore || got.reply.negativeTtlMs !== undefined || got.reply.rcode === RCODE.nxDomain
      if (ended) return negative(chain, got.reply)
    }
    return { status: 'servfail' } // an endless chain of aliases
  }

  /** Ends all exchanges; what was asked is answered with `timeout`. */
  dispose(): void {
    this.#disposed = true
    for (const end of [...this.#open]) end()
  }

  async #ask(name: string, type: RecordType, deadline: number): Promise<{ reply: Reply; server: DnsServer } | DnsFailure> {
    const { clock, servers } = this.#options
    const listed = servers()
    let candidates = listed.filter((s) => s === this.#preferred).concat(listed.filter((s) => s !== this.#preferred))
    let failure: DnsFailure = 'timeout'
    while (candidates.length > 0) {
      const silent: DnsServer[] = []
      for (const server of candidates) {
        const leftMs = deadline - clock.mono()
        if (leftMs <= 0 || this.#disposed) return failure
        const reply = await this.#askServer(server, encodeQuery(this.#randomId(), name, type), Math.min(leftMs, QUERY_MS))
        if (typeof reply !== 'string') {
          this.#preferred = server
          return { reply, server }
        }
        if (reply === 'bogus' && this.#trusts(server.address)) return reply // another one may only not have looked
        if (reply === 'timeout') silent.push(server)
        failure = worse(failure, reply)
      }
      candidates = silent // who has said no is not asked again
    }
    return listed.length === 0 ? 'refused' : failure
  }

  async #askServer(server: DnsServer, query: Query, waitMs: number): Promise<Reply | DnsFailure> {
    const started = this.#options.clock.mono()
    let reply = await this.#exchange('udp', server, query, waitMs)
    if (typeof reply !== 'string' && reply.truncated) {
      const leftMs = waitMs - (this.#options.clock.mono() - started)
      reply = await this.#exchange('tcp', server, query, Math.max(leftMs, 1))
    }
    if (typeof reply === 'string') return reply
    if (reply.rcode === RCODE.noError || reply.rcode === RCODE.nxDomain) return reply.truncated ? 'servfail' : reply
    return reply.bogus ? 'bogus' : reply.rcode === RCODE.refused ? 'refused' : 'servfail'
  }

  #exchange(via: 'udp' | 'tcp', server: DnsServer, query: Query, waitMs: number): Promise<Reply | DnsFailure> {
    const { clock, transport } = this.#options
    return new Promise((resolve) => {
      const finish = (result: Reply | DnsFailure): void => {
        timer.dispose()
        exchange.dispose()
        this.#open.delete(abandon)
        resolve(result)
      }
      const abandon = (): void => finish('timeout')
      const timer = clock.after(waitMs, abandon)
      const exchange = transport[via](server, query.bytes, {
        message: (bytes) => {
          const reply = decodeReply(query, bytes)
          if (reply !== undefined) finish(reply) // anything else may be forged: keep waiting for the real one
        },
        failed: () => finish('refused'),
      })
      this.#open.add(abandon)
    })
  }
}

/** How far the aliases have led, and what is known about the way. */
interface Chain {
  owner: string
  aliases: number
  ttlMs: number
  secure: boolean
}

/** Follows the aliases that are in the reply; gives the records at their end, if they are there too. */
function follow<T extends RecordType>(chain: Chain, reply: Reply, type: T): readonly RecordData[T][] {
  for (;;) {
    const found = reply.answers.filter((r) => r.owner === chain.owner && r.type === type)
    if (found.length > 0) {
      chain.ttlMs = Math.min(chain.ttlMs, ...found.map((r) => r.ttlMs))
      return found.map((r) => r.data as RecordData[T]) // filtered by type above
    }
    const alias = reply.answers.find((r) => r.owner === chain.owner && r.type === 'CNAME')
    if (alias?.type !== 'CNAME' || chain.aliases > MAX_CNAMES) return []
    chain.owner = alias.data
    chain.aliases += 1
    chain.ttlMs = Math.min(chain.ttlMs, alias.ttlMs)
  }
}

function negative(chain: Chain, reply: Reply): DnsAnswer<never> {
  const ttlMs = Math.min(chain.ttlMs, reply.negativeTtlMs ?? 0, NEGATIVE_MAX_MS)
  return { status: reply.rcode === RCODE.nxDomain ? 'nxdomain' : 'nodata', ttlMs, secure: chain.secure }
}

const BY_WEIGHT: readonly DnsFailure[] = ['timeout', 'refused', 'servfail', 'bogus']

/** Of two failures the one that says more. */
function worse(a: DnsFailure, b: DnsFailure): DnsFailure {
  return BY_WEIGHT.indexOf(a) > BY_WEIGHT.indexOf(b) ? a : b
}
