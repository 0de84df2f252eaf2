import type { AdoptedEvents, Connector, LinkEvents, LinkFailure, RemoteStream } from '../core/links.ts'
import type { Router } from '../core/router.ts'
import type { Clock, Disposable } from '../net/clock.ts'
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
import type { Stanza } from '../xmpp/stanza.ts'
import { type Management, NO_MANAGEMENT } from './acks.ts'
import { type DialEvents, Dialler } from './dialler.ts'
import { FairShare } from './fair-share.ts'
import { type Kept, KeptStreams } from './kept-streams.ts'
import { keyOf, Outgoing, tooLargeFor, UNCONFIRMED } from './outgoing.ts'
import { PeerIn, type Proof, type Recheck } from './peer-in.ts'
import type { TlsProvider } from './tls.ts'
import type { Look } from './watch.ts'
import { Witnesses } from './witness.ts'

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
  /** The secret behind dialback keys of a host (XEP-0185), and one before it that still counts. */
  secrets(local: string): { readonly current: string; readonly former: string | undefined }
  /** Gives a stanza that could not be brought over back to its sender. */
  returned(stanza: Stanza, failure: LinkFailure): void
  /** A remote domain has proven itself to us, so that it is there. */
  proven(remote: string): void
  mayDial(address: string, port: number): string | undefined
  readonly anyDomain: () => string
  readonly stanzaBytes: () => number
  /** s2s_timeout: the whole negotiation. */
  readonly negotiationMs: () => number
  readonly connectTimeoutMs: () => number
  readonly patience: () => Patience
  /** Stream management (XEP-0198) with the peers of a host; undefined: none. */
  management(local: string): Management | undefined
  /** A stream that carries nothing for so long is ended; 0: never. */
  readonly idleMs: () => number
  /** A peer that says nothing for so long is asked for a sign of life. */
  readonly silenceMs: () => number
  /** The host takes part in streams that go both ways (XEP-0288). */
  bidi(local: string): boolean
  /** Offers the link of a pair a stream that the remote has opened. */
  adopt(local: string, remote: string, stream: RemoteStream): AdoptedEvents | undefined
  /** What a stream may cost before it has authenticated. */
  readonly preAuthBudget: () => Budget
}

/** How many keys may be under examination at once in the whole server (security: dialback as an amplifier). */
const MOST_VERIFICATIONS = 200
/** And for one network: an attacker there leaves enough for all others. */
const MOST_VERIFICATIONS_OF_ONE = 50
const DIALBACK_MS = 25_000
const CHECK_MS = 1000
/** How long a remote may take to resume a stream on which we wait. */
const RESUMPTION_MS = 5000

/** Every stream with another server, in and out. */
export class Peers implements Connector {
  readonly #setup: PeersSetup
  readonly #rules: PeerRules
  readonly #dialler: Dialler
  readonly witnesses: Witnesses
  readonly #incoming = new Map<PeerIn, () => void>()
  readonly #kept = new KeptStreams()
  readonly #outgoing: Outgoing
  #checking: Disposable | undefined
  /** Pairs whose link waits for a broken stream of the remote. */
  readonly #waits = new Map<string, Disposable>()
  readonly #verifications = new FairShare(MOST_VERIFICATIONS, MOST_VERIFICATIONS_OF_ONE)

  constructor(setup: PeersSetup) {
    this.#setup = setup
    this.#rules = peerRules((local) => setup.options(local))
    this.witnesses = new Witnesses(setup.clock, setup.events)
    this.#dialler = new Dialler({
      witnesses: this.witnesses,
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
    this.#outgoing = new Outgoing({
      clock: setup.clock,
      outbox: setup.outbox,
      dialler: this.#dialler,
      management: (local) => setup.management(local),
      context: (local, remote, management) => this.#outContext(local, remote, { is: 'link' }, management),
      receive: (stanza, source) => setup.router.fromRemote(stanza, source),
      returned: (stanza, failure) => setup.returned(stanza, failure),
    })
  }

  /** Begins to look after the streams; until then nothing keeps the process. */
  start(): void {
    this.#checking = this.#setup.clock.every(CHECK_MS, () => this.#check())
  }

  /** One look a second at all streams, instead of timers of their own. */
  #check(): void {
    const { clock, idleMs, silenceMs } = this.#setup
    const nowMono = clock.mono()
    const look: Look = { nowMono, now: clock.now(), idleMs: idleMs(), silenceMs: silenceMs(), recheck: this.#refusal }
    for (const stream of [...this.#incoming.keys()]) stream.check(look)
    for (const stream of [...this.#dialler.streams]) stream.check(look)
    this.#outgoing.check(nowMono)
    this.#giveBack(this.#kept.expired(nowMono))
  }

  /** Streams that nobody takes up any more: what they did not bring over goes back. */
  #giveBack(streams: readonly Pick<Kept, 'ledger'>[]): void {
    for (const stanza of streams.flatMap(({ ledger }) => ledger.giveUp())) {
      if (this.#setup.management(stanza.from!.domain)?.resend === true) this.#setup.router.send(stanza)
      else this.#setup.returned(stanza, UNCONFIRMED)
    }
  }

  #randomId(bytes: number): string {
    return Buffer.from(this.#setup.randomBytes(bytes)).toString('hex')
  }

  /** Takes an accepted connection. `direct`: TLS from the first byte. */
  accept(socket: Socket, direct: boolean): void {
    const { router, events, tls, clock, outbox } = this.#setup
    const id = this.#randomId(8)
    const stream = new PeerIn(id, {
      router,
      events,
      tls,
      outbox,
      clock,
      kept: this.#kept,
      management: (local) => this.#setup.management(local) ?? NO_MANAGEMENT,
      tooLarge: (stanza, maxBytes) => this.#setup.returned(stanza, tooLargeFor(maxBytes)),
      adopt: (local, remote, way, proof) => this.#adopt(local, remote, way, proof),
      unsettled: (ledger) => this.#giveBack([{ ledger }]),
      broke: (id) => this.#giveBack(this.#kept.broke(id, clock.mono())),
      verify: (question) => this.#verify(question, driver.wire.remoteAddress),
      authenticated: (_, remote) => this.#setup.proven(remote),
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
    stream.drive(driver, this.witnesses.open({ id, direction: 'in', direct, local: '', remote: '' }, driver))
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
      formerDialbackKey: (receiving, originating, id) => this.#formerKey(receiving, originating, id),
      randomId: () => this.#randomId(16),
      budget: authenticatedBudget(this.#setup.stanzaBytes()),
      negotiationMs: this.#setup.negotiationMs(),
      dialbackMs: this.#dialbackMs,
      limits: { maxBytes: this.#setup.stanzaBytes(), idleSeconds: Math.floor(this.#setup.idleMs() / 1000) || undefined },
      bidi: (local) => this.#setup.bidi(local),
      management: (local) => {
        const management = this.#setup.management(local)
        return management === undefined ? undefined : { resumeSeconds: Math.floor(management.resumeMs / 1000) }
      },
    }
  }

  get #dialbackMs(): number {
    return Math.min(DIALBACK_MS, this.#setup.negotiationMs())
  }

  #key(receiving: string, originating: string, id: string): string {
    return dialbackKey(this.#setup.secrets(originating).current, receiving, originating, id)
  }

  #formerKey(receiving: string, originating: string, id: string): string | undefined {
    const { former } = this.#setup.secrets(originating)
    return former === undefined ? undefined : dialbackKey(former, receiving, originating, id)
  }

  /** Connector: makes the stream of a link. */
  connect(local: string, remote: string, events: LinkEvents): void {
    const refusal = this.#rules.contact(local, remote, 'out')
    if (refusal !== undefined) {
      events.failed({ stage: 'policy', condition: 'not-allowed', text: refusal.toSender })
      return
    }
    const broken = this.#kept.unsettled(local, remote)
    if (broken.length === 0) this.#outgoing.connect(local, remote, events)
    else this.#awaitResumption(broken, local, remote, events)
  }

  /**
   * The remote's own stream has broken, with stanzas of ours on it that are not acknowledged: they go before anything new,
   * so it gets a moment to take it up again. Where it does, the link adopts it and wants no other.
   */
  #awaitResumption(broken: readonly string[], local: string, remote: string, events: LinkEvents): void {
    const key = keyOf(local, remote)
    this.#waits.get(key)?.dispose()
    const timer = this.#setup.clock.after(RESUMPTION_MS, () => {
      this.#waits.delete(key)
      this.#outgoing.connect(local, remote, events)
      this.#giveBack(broken.flatMap((id) => this.#kept.takeBroken(id) ?? []))
    })
    this.#waits.set(key, timer)
  }

  /** May our stanzas for this pair leave over the stream that the remote has opened? */
  #adopt(local: string, remote: string, stream: RemoteStream, proof: Proof): AdoptedEvents | undefined {
    if (this.#judge('out', local, remote, proof) !== undefined) return undefined
    const key = keyOf(local, remote)
    this.#waits.get(key)?.dispose()
    this.#waits.delete(key)
    return this.#setup.adopt(local, remote, stream)
  }

  /** Connector: where DNS leads now. */
  places(local: string, remote: string): Promise<string> {
    return this.#dialler.places(remote, local)
  }

  #outContext(
    local: string,
    remote: string,
    purpose: S2sOutContext['purpose'],
    management?: S2sOutContext['management'],
  ): S2sOutContext {
    return {
      local,
      remote,
      purpose,
      rules: this.#rules,
      dialbackKey: (receiving, originating, id) => this.#key(receiving, originating, id),
      budget: authenticatedBudget(this.#setup.stanzaBytes()),
      negotiationMs: this.#setup.negotiationMs(),
      management,
      bidi: purpose.is === 'link' && this.#setup.bidi(local),
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

  /** Ends what there is with a remote domain, with these words. Returns how many streams. */
  close(remote: string, text: string): number {
    const incoming = [...this.#incoming.keys()].filter((stream) => stream.isWith(remote))
    const outgoing = [...this.#dialler.streams].filter((stream) => stream.remote === remote)
    for (const stream of [...incoming, ...outgoing]) stream.close('undefined-condition', text)
    return incoming.length + outgoing.length
  }

  /** Ends every stream with `system-shutdown`. */
  stop(text: string): void {
    this.#dialler.stop(text)
    for (const stream of [...this.#incoming.keys()]) stream.close('system-shutdown', text)
  }

  destroy(): void {
    this.#checking?.dispose()
    for (const wait of this.#waits.values()) wait.dispose()
    this.#dialler.destroy()
    for (const destroy of [...this.#incoming.values()]) destroy()
  }
}
