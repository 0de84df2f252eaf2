import type { Clock } from '../net/clock.ts'
import type { Logger } from '../obs/log.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { type AdoptedEvents, type Connector, Link, type LinkFacts, type LinkOwner, type RemoteStream } from './link.ts'
import { type LinkFailure, SHUTDOWN } from './link-failure.ts'
import type { QueueBounds } from './link-queue.ts'
import { Remotes } from './remotes.ts'
import type { RemoteRoute } from './router.ts'
import type { Source } from './source.ts'

export type { AdoptedEvents, Connector, LinkEvents, LinkFacts, RemoteStream } from './link.ts'
export type { LinkFailure } from './link-failure.ts'
export type { QueueBounds } from './link-queue.ts'

export interface LinksSetup {
  readonly connector: Connector
  readonly clock: Clock
  /** Uniform in [0, 1): spreads attempts. */
  readonly random: () => number
  readonly log: Logger
  bounds(local: string): QueueBounds
  /** A stream that was ready is lost. */
  lost(local: string, remote: string): void
  /** Told of everything that goes back or, being an answer itself, is dropped. */
  bounced(stanza: Stanza, failure: LinkFailure): void
  /** Routes an error back to the sender of a stanza that could not be sent. */
  answer(stanza: Stanza): void
}

/** Every pair of a domain of ours and a remote one that has something to say. */
export class Links implements RemoteRoute {
  readonly #links = new Map<string, Map<string, Link>>()
  readonly #setup: LinksSetup
  readonly #remotes: Remotes
  readonly #owner: LinkOwner
  #closing = false
  #stopped = false

  constructor(setup: LinksSetup) {
    const { connector, clock, random, log } = setup
    this.#setup = setup
    this.#remotes = new Remotes({ clock, random, places: (local, remote) => connector.places(local, remote) })
    this.#owner = {
      connector,
      clock,
      log,
      remotes: this.#remotes,
      total: { bytes: 0 },
      bounds: (local) => setup.bounds(local),
      bounce: (stanza, failure) => this.#bounce(stanza, failure),
      forget: (local, remote) => this.#forget(local, remote),
      lost: (local, remote) => setup.lost(local, remote),
      settled: (remote, failure) => {
        for (const link of this.#linksTo(remote)) {
          if (failure === undefined) link.reconsider()
          else link.learn(failure)
        }
      },
    }
  }

  #bounce(stanza: Stanza, failure: LinkFailure): void {
    this.#setup.bounced(stanza, failure)
    if (stanza.isAnswer) return // an error or result is never answered: it ends here
    const isOurs = failure.stage === 'queue' || failure.stage === 'stanza' // nothing is wrong with the connection
    const text = isOurs ? failure.text : `Server-to-server connection failed: ${failure.text}`
    this.#setup.answer(stanza.error(new StanzaError(failure.condition, text)))
  }

  #forget(local: string, remote: string): void {
    const remotes = this.#links.get(local)
    remotes?.delete(remote)
    if (remotes?.size === 0) this.#links.delete(local)
  }

  #linksTo(remote: string): readonly Link[] {
    return [...this.#links.values()].flatMap((remotes) => remotes.get(remote) ?? [])
  }

  #all(): readonly Link[] {
    return [...this.#links.values()].flatMap((remotes) => [...remotes.values()])
  }

  send(stanza: Stanza, source: Source | undefined): void {
    const { domain } = stanza.to!
    if (this.#stopped || (this.#closing && !this.#links.get(stanza.from!.domain)?.has(domain))) {
      this.#bounce(stanza, SHUTDOWN)
      return
    }
    this.#link(stanza.from!.domain, domain).send(stanza, source)
  }

  /** A remote domain takes our stanzas on a stream that it has opened (XEP-0288). undefined: its link has one already. */
  adopt(local: string, remote: string, stream: RemoteStream): AdoptedEvents | undefined {
    return this.#stopped ? undefined : this.#link(local, remote).adopt(stream)
  }

  /** A stanza that a stream was given and could not bring over goes back to its sender. */
  returned(stanza: Stanza, failure: LinkFailure): void {
    this.#bounce(stanza, failure)
  }

  #link(local: string, remote: string): Link {
    let remotes = this.#links.get(local)
    if (remotes === undefined) this.#links.set(local, (remotes = new Map()))
    let link = remotes.get(remote)
    if (link === undefined) remotes.set(remote, (link = new Link(local, remote, this.#owner)))
    return link
  }

  /** A remote domain has proven itself on a stream to us: there is no reason to wait any longer. */
  released(remote: string): void {
    this.#remotes.released(remote)
    for (const link of this.#linksTo(remote)) link.reconsider()
  }

  /** After a reload: what failed may succeed under the new configuration. */
  releasedAll(): void {
    this.#remotes.releasedAll()
    for (const link of this.#all()) link.reconsider()
  }

  /**
   * Dials a remote domain now, for each domain of ours that has something for it, whatever has failed before.
   *
   * @param fallback the domain of ours that does it where none has
   * @returns for how many
   */
  retry(remote: string, fallback: string): number {
    this.#remotes.released(remote)
    if (this.#closing) return 0
    const links = this.#linksTo(remote)
    const chosen = links.length > 0 ? links : [this.#link(fallback, remote)]
    for (const link of chosen) link.retry()
    return chosen.length
  }

  /** Every link, for `status` and tests. */
  list(): readonly Pick<LinkFacts, 'local' | 'remote' | 'state' | 'queued'>[] {
    return this.waiting().map(({ local, remote, state, queued }) => ({ local, remote, state, queued }))
  }

  /** Every link with what waits for it. */
  waiting(): readonly LinkFacts[] {
    return this.#all().map((link) => link.facts)
  }

  /** How many remote domains are remembered for having failed. */
  get troubled(): number {
    return this.#remotes.size
  }

  /** Makes no new streams; those that are there still carry. What waits for others goes back while its senders are there. */
  closing(): void {
    this.#closing = true
    for (const link of this.#all()) if (link.state !== 'ready') link.fail(SHUTDOWN)
  }

  /** Sends back what waits and takes nothing more. */
  stop(): void {
    this.#stopped = true
    for (const link of this.#all()) link.fail(SHUTDOWN)
  }
}
