import type { Connector, LinkEvents } from '../core/links.ts'
import type { Router } from '../core/router.ts'
import type { Clock } from '../net/clock.ts'
import { Driver, type Patience } from '../net/driver.ts'
import type { Endpoints } from '../net/endpoints.ts'
import type { Outbox } from '../net/outbox.ts'
import type { Socket } from '../net/wire.ts'
import type { Events } from '../obs/events.ts'
import { type PeerOptions, peerRules } from '../policy/peer.ts'
import { dialbackKey } from '../protocol/dialback.ts'
import type { KeyVerdict, PeerRules, Refusal } from '../protocol/s2s.ts'
import { type DialbackQuestion, S2S_IN_START, type S2sInContext, s2sIn } from '../protocol/s2s-in.ts'
import type { S2sOutContext } from '../protocol/s2s-out.ts'
import { authenticatedBudget, type Budget } from '../xmpp/framer.ts'
import { type DialEvents, Dialler } from './dialler.ts'
import { FairShare } from './fair-share.ts'
import { PeerIn, type Proof, type Recheck } from './peer-in.ts'
import type { TlsProvider } from './tls.ts'

/** What federation needs of the rest of the server; everything that a reload may change is asked each time. */
export interface PeersSetup {
  readonly router: Router
  readonly clock: Clock
  readonly outbox: Outbox
  readonly events: Events
  readonly tls: TlsProvider
  readonly randomBytes: (length: number) => Uint8Array
  /** `local`: the host that wants to dial. */
  resolve(domain: string, local: string): Promise<Endpoints>
  /** Policy of one of our hosts. */
  options(local: string): PeerOptions
  /** dialback_secret of a host (XEP-0185). */
  secret(local: string): string
  mayDial(address: string, port: number): string | undefined
  readonly anyDomain: () => string
  readonly stanzaBytes: () => number
  /** s2s_timeout: the whole negotiation. */
  readonly negotiationMs: () => number
  readonly connectTimeoutMs: () => number
  readonly patience: () => Patience
  /** What a stream may cost before it has authenticated. */
  readonly preAuthBudget: () => Budget
}

/** How many keys may be under examination at once in the whole server (security: dialback as an amplifier). */
const MOST_VERIFICATIONS = 200
/** And for one network: an attacker there leaves enough for all others. */
const MOST_VERIFICATIONS_OF_ONE = 50
const DIALBACK_MS = 25_000

/** Every stream with another server, in and out. */
export class Peers implements Connector {
  readonly #setup: PeersSetup
  readonly #rules: PeerRules
  readonly #dialler: Dialler
  readonly #incoming = new Map<PeerIn, () => void>()
  readonly #verifications = new FairShare(MOST_VERIFICATIONS, MOST_VERIFICATIONS_OF_ONE)

  constructor(setup: PeersSetup) {
    this.#setup = setup
    this.#rules = peerRules((local) => setup.options(local))
    this.#dialler = new Dialler({
      clock: setup.clock,
      outbox: setup.outbox,
      events: setup.events,
      tls: setup.tls,
      randomId: () => this.#randomId(8),
      resolve: (domain, local) => setup.resolve(domain, local),
      connectTimeoutMs: setup.connectTimeoutMs,
      patience: setup.patience,
      preAuthBudget: setup.preAuthBudget,
      mayDial: (address, port) => setup.mayDial(address, port),
    })
  }

  #randomId(bytes: number): string {
    return Buffer.from(this.#setup.randomBytes(bytes)).toString('hex')
  }

  /** Takes an accepted connection. `direct`: TLS from the first byte. */
  accept(socket: Socket, direct: boolean): void {
    const { router, events, tls, clock, outbox } = this.#setup
    const stream = new PeerIn(this.#randomId(8), {
      router,
      events,
      tls,
      verify: (question) => this.#verify(question, driver.wire.remoteAddress),
      forget: (gone) => void this.#incoming.delete(gone),
    })
    const driver = new Driver(socket, {
      step: s2sIn(this.#inContext()),
      state: S2S_IN_START,
      port: stream,
      clock,
      outbox,
      budget: this.#setup.preAuthBudget(),
      patience: this.#setup.patience(),
    })
    stream.drive(driver)
    this.#incoming.set(stream, () => driver.wire.destroy())
    events.peerAccepted(stream.id, driver.wire.remoteAddress, direct)
    driver.open(direct)
  }

  #inContext(): S2sInContext {
    return {
      serves: (domain) => this.#setup.router.hosts.has(domain),
      defaultHost: this.#setup.anyDomain(),
      rules: this.#rules,
      dialbackKey: (receiving, originating, id) => this.#key(receiving, originating, id),
      randomId: () => this.#randomId(16),
      budget: authenticatedBudget(this.#setup.stanzaBytes()),
      negotiationMs: this.#setup.negotiationMs(),
      dialbackMs: this.#dialbackMs,
      limits: { maxBytes: this.#setup.stanzaBytes(), idleSeconds: undefined },
    }
  }

  get #dialbackMs(): number {
    return Math.min(DIALBACK_MS, this.#setup.negotiationMs())
  }

  #key(receiving: string, originating: string, id: string): string {
    return dialbackKey(this.#setup.secret(originating), receiving, originating, id)
  }

  /** Connector: makes the stream of a link. */
  connect(local: string, remote: string, events: LinkEvents): void {
    const refusal = this.#rules.contact(local, remote, 'out')
    if (refusal !== undefined) {
      events.failed({ stage: 'policy', condition: 'not-allowed', text: refusal.toSender })
      return
    }
    void this.#dialler.connect(this.#outContext(local, remote, { is: 'link' }), {
      ready: (stream) => events.ready(stream),
      verified: () => {},
      failed: (failure) => events.failed(failure),
      drained: () => events.drained(),
      lost: (why) => events.lost(why),
    })
  }

  #outContext(local: string, remote: string, purpose: S2sOutContext['purpose']): S2sOutContext {
    return {
      local,
      remote,
      purpose,
      rules: this.#rules,
      dialbackKey: (receiving, originating, id) => this.#key(receiving, originating, id),
      budget: authenticatedBudget(this.#setup.stanzaBytes()),
      negotiationMs: this.#setup.negotiationMs(),
    }
  }

  /** Asks the authoritative server, found by DNS, over a connection of its own. Never rejects. */
  #verify({ from, to, streamId, key }: DialbackQuestion, asker: string): Promise<KeyVerdict> {
    const free = this.#verifications.take(asker)
    if (free === undefined) {
      return Promise.resolve({ error: 'resource-constraint', text: 'too many dialback keys are being verified; try again later' })
    }
    // whoever asked has its answer by then; what goes on behind it would only cost
    const deadline = new AbortController()
    const timer = this.#setup.clock.after(this.#dialbackMs, () => deadline.abort())
    const { promise, resolve } = Promise.withResolvers<KeyVerdict>()
    const events: DialEvents = {
      ready: () => {},
      verified: (verdict) => resolve(verdict),
      failed: ({ condition, text }) => resolve({ error: condition, text }),
      drained: () => {},
      lost: () => {},
    }
    void this.#dialler.connect(this.#outContext(to, from, { is: 'verify', streamId, key }), events, deadline.signal)
    return promise.finally(() => {
      timer.dispose()
      free()
    })
  }

  /** After a reload: ends what the new policy refuses. A certificate keeps the verdict that it got. */
  recheck(): void {
    for (const stream of [...this.#incoming.keys()]) stream.recheck(this.#refusal)
    for (const stream of [...this.#dialler.streams]) stream.recheck(this.#refusal)
  }

  readonly #refusal: Recheck = (direction, local, remote, proof) => {
    if (!this.#setup.router.hosts.has(local)) return { condition: 'host-gone', text: `${local} is no longer served here` }
    const refusal =
      proof === undefined ? this.#rules.contact(local, remote, direction) : this.#judge(direction, local, remote, proof)
    return refusal === undefined ? undefined : { condition: refusal.condition, text: refusal.toPeer }
  }

  #judge(direction: 'in' | 'out', local: string, remote: string, { via, encrypted, certificate }: Proof): Refusal | undefined {
    const dialback = via === 'dialback' ? 'valid' : 'untried'
    const verdict = this.#rules.judge(local, remote, { direction, encrypted, certificate, asked: via, dialback })
    return verdict.allow ? undefined : verdict
  }

  list() {
    const incoming = [...this.#incoming.keys()].flatMap((stream) =>
      stream.pairs.map((pair) => ({ id: stream.id, direction: 'in' as const, ...pair })),
    )
    const outgoing = [...this.#dialler.streams].map(({ id, local, remote }) => ({ id, direction: 'out' as const, local, remote }))
    return [...incoming, ...outgoing]
  }

  get size(): number {
    return this.#incoming.size + this.#dialler.streams.size
  }

  /** Ends every stream with `system-shutdown`. */
  stop(text: string): void {
    this.#dialler.stop(text)
    for (const stream of [...this.#incoming.keys()]) stream.close('system-shutdown', text)
  }

  destroy(): void {
    this.#dialler.destroy()
    for (const destroy of [...this.#incoming.values()]) destroy()
  }
}
