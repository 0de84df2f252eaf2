import type { Decision, Federation, QueueReport, StreamReport, TraceReport } from '../admin/federation.ts'
import type { Links } from '../core/links.ts'
import type { RemoteHistory } from '../obs/history.ts'
import type { Logger } from '../obs/log.ts'
import type { Peers } from '../streams/peers.ts'
import { prepareDomain } from '../xmpp/jid.ts'
import type { Decisions } from './decisions.ts'

/** What commands see and do of streams with other servers, on the running parts of a server. */
export class FederationControl implements Federation {
  readonly #peers: Peers
  readonly #links: Links
  readonly #past: RemoteHistory
  readonly #decisions: Decisions
  readonly #local: () => string
  readonly #decided: () => void
  readonly #log: Logger

  /** @param parts `local`: the domain of ours that speaks where none has a reason to; `decided`: decisions have changed */
  constructor(parts: {
    peers: Peers
    links: Links
    history: RemoteHistory
    decisions: Decisions
    decided: () => void
    local: () => string
    log: Logger
  }) {
    this.#peers = parts.peers
    this.#links = parts.links
    this.#past = parts.history
    this.#decisions = parts.decisions
    this.#local = parts.local
    this.#decided = parts.decided
    this.#log = parts.log
  }

  domain(typed: string, wildcard: boolean): string | undefined {
    const below = wildcard && typed.startsWith('*.')
    const domain = prepareDomain(below ? typed.slice(2) : typed)
    return below && domain !== undefined ? `*.${domain}` : domain
  }

  streams(): readonly StreamReport[] {
    return this.#peers.witnesses.list()
  }

  queues(): readonly QueueReport[] {
    return this.#links.waiting()
  }

  history(remote: string) {
    return this.#past.of(remote)
  }

  decisions(): ReadonlyMap<string, Decision> {
    return this.#decisions.all
  }

  close(remote: string, text: string): number {
    const closed = this.#peers.close(remote, text)
    this.#log.info('streams closed by command', { remote, closed })
    return closed
  }

  retry(remote: string): number {
    return this.#links.retry(remote, this.#local())
  }

  async decide(remote: string, decision: Decision | undefined): Promise<void> {
    await this.#decisions.decide(remote, decision)
    this.#log.info('decided by command', { remote, decision: decision ?? 'as the configuration says' })
    this.#decided()
    this.#peers.recheck()
  }

  trace(remote: string, bodies: boolean, write: (line: TraceReport) => void) {
    this.#log.info('trace begun by command', { remote, bodies })
    const watching = this.#peers.witnesses.traces.watch({ remote, bodies, write })
    return {
      dispose: () => {
        watching.dispose()
        this.#log.info('trace ended', { remote })
      },
    }
  }
}
