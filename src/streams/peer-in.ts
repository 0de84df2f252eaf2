import type { AdoptedEvents, RemoteStream } from '../core/links.ts'
import type { Router } from '../core/router.ts'
import type { Source } from '../core/source.ts'
import type { Clock } from '../net/clock.ts'
import type { Driver, Port } from '../net/driver.ts'
import type { Outbox } from '../net/outbox.ts'
import type { TlsSetup } from '../net/wire.ts'
import type { Events } from '../obs/events.ts'
import { Ledger } from '../protocol/ledger.ts'
import type { CertificateVerdict, KeyVerdict } from '../protocol/s2s.ts'
import type { DialbackQuestion, Pair, S2sInAnswer, S2sInEvent, S2sInQuestion, S2sInState } from '../protocol/s2s-in.ts'
import { miscounted, type SmNs } from '../protocol/sm.ts'
import type { Element } from '../xmpp/element.ts'
import type { StreamCondition } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { Acks, type Management } from './acks.ts'
import type { Kept, KeptStreams } from './kept-streams.ts'
import { Outlet, type TooLarge } from './outlet.ts'
import type { TlsProvider } from './tls.ts'
import { type Look, Watch } from './watch.ts'
import type { Witness } from './witness.ts'

/** How a pair of domains came to be allowed on a stream: what a new policy judges again. */
export interface Proof {
  readonly via: 'external' | 'dialback'
  readonly encrypted: boolean
  readonly certificate: CertificateVerdict
}

/** Why a pair may no longer be used; undefined when it may. Without a proof: why there may be no stream at all. */
export type Recheck = (
  direction: 'in' | 'out',
  local: string,
  remote: string,
  proof: Proof | undefined,
) => { readonly condition: StreamCondition; readonly text: string } | undefined

export interface PeerInSetup {
  readonly router: Router
  readonly events: Events
  readonly tls: TlsProvider
  /** Asks the authoritative server of the domain; never over this stream. */
  verify(question: DialbackQuestion): Promise<KeyVerdict>
  readonly tooLarge: TooLarge
  /** Offers a way out to the link of a pair; undefined: it has one, or may not use this one. */
  adopt(local: string, remote: string, stream: RemoteStream, proof: Proof): AdoptedEvents | undefined
  /** What an ended stream has not brought over. */
  unsettled(ledger: Ledger): void
  /** A broken stream that may be resumed. */
  broke(id: string): void
  readonly kept: KeptStreams
  /** Asked only where the machine was told that there is some. */
  management(local: string): Management
  readonly outbox: Outbox
  readonly clock: Clock
  /** A pair of domains may be used from now on. */
  authenticated(local: string, remote: string): void
  forget(stream: PeerIn): void
}

export type PeerInDriver = Driver<S2sInState, S2sInAnswer, S2sInQuestion, S2sInEvent>

/** A stream that a remote server opened: stanzas pass for the pairs of domains that are proven on it, and no others. */
export class PeerIn implements Source, Port<S2sInAnswer, S2sInQuestion, S2sInEvent> {
  readonly id: string
  readonly #setup: PeerInSetup
  /** Our domain -> remote domain that may speak to it here -> how it has proven who it is. */
  readonly #pairs = new Map<string, Map<string, Proof>>()
  #driver!: PeerInDriver // set by `drive`, right after construction
  #witness!: Witness
  #host: string | undefined
  #remote = ''
  #lang: string | undefined
  #pauses = 0
  /** The stream ended with an error: what still comes is not looked at. */
  #isDeaf = false
  #acks: Acks | undefined
  /** The id under which the peer may take this stream up again. */
  #resumeId: string | undefined
  /** The earlier stream that this one goes on for. */
  #taken: { readonly kept: Kept; readonly id: string } | undefined
  #isSuperseded = false
  #hasEnded = false
  #received = 0
  /** Since the first pair is proven. */
  #watch: Watch | undefined
  #outlet: Outlet | undefined
  /** Links that send over this stream, by their pair. */
  readonly #links = new Map<string, AdoptedEvents>()
  /** Nobody has ended the stream: it may be taken up again. */
  #isBroken = false

  constructor(id: string, setup: PeerInSetup) {
    this.id = id
    this.#setup = setup
  }

  drive(driver: PeerInDriver, witness: Witness): void {
    this.#driver = driver
    this.#witness = witness
  }

  pause(): void {
    if (this.#pauses++ === 0) this.#driver.pause()
  }

  resume(): void {
    if (--this.#pauses === 0) this.#driver.resume()
  }

  /** The domains that are proven here, for `status`. */
  get pairs(): readonly { readonly local: string; readonly remote: string }[] {
    return [...this.#pairs].flatMap(([local, remotes]) => [...remotes.keys()].map((remote) => ({ local, remote })))
  }

  /** Proven for the remote domain, or claiming to be it while nothing is proven. */
  isWith(remote: string): boolean {
    if (this.#pairs.size === 0) return this.#remote === remote
    return [...this.#pairs.values()].some((remotes) => remotes.has(remote))
  }

  /** After a reload: drops the pairs that are refused now, and ends when none is left (with this condition, or its own). */
  recheck(judge: Recheck, condition?: StreamCondition): void {
    const host = this.#host
    let refusal = host === undefined || this.#pairs.size > 0 ? undefined : judge('in', host, this.#remote, undefined)
    for (const [local, remotes] of this.#pairs) {
      for (const [remote, proof] of remotes) {
        const refused = judge('in', local, remote, proof)
        if (refused === undefined) continue
        refusal = refused
        remotes.delete(remote)
        this.#witness.dropped(local, remote)
        const key = `${local} ${remote}`
        this.#links.get(key)?.lost(refused.text)
        this.#links.delete(key)
      }
      if (remotes.size === 0) this.#pairs.delete(local)
    }
    if (refusal !== undefined && this.#pairs.size === 0) this.close(condition ?? refusal.condition, refusal.text)
  }

  close(condition?: StreamCondition, text?: string, extra?: Element): void {
    this.#driver.feed({ on: 'close', condition, text, extra })
  }

  /** The stream goes on over another connection: nothing that still comes here counts. */
  supersede(condition: StreamCondition, text: string): void {
    this.#resumeId = undefined
    this.#isSuperseded = true
    this.close(condition, text)
  }

  ask(question: S2sInQuestion, answer: (a: S2sInAnswer) => void): void {
    if (question.ask === 'resume') {
      const kept = this.#setup.kept.resume(question)
      this.#taken = kept === undefined ? undefined : { kept, id: question.previd }
      answer({ resumed: kept?.ledger.handled })
      return
    }
    if (question.ask === 'certificate') {
      void this.#setup.tls.judge({ ...question, direction: 'in' }).then(
        (certificate) => answer({ certificate }),
        (error: unknown) => {
          this.bug(error)
          answer({ certificate: 'unvalidated' })
        },
      )
    } else {
      void this.#setup.verify(question).then((dialback) => answer({ dialback }))
    }
  }

  tell(event: S2sInEvent): void {
    const { events } = this.#setup
    switch (event.event) {
      case 'opened':
        this.#host = event.local
        this.#remote = event.remote ?? ''
        this.#lang = event.lang
        this.#witness.named(event.local, this.#remote)
        return
      case 'authorised': {
        let remotes = this.#pairs.get(event.local)
        if (remotes === undefined) this.#pairs.set(event.local, (remotes = new Map()))
        const { local, remote, via, encrypted, certificate } = event
        remotes.set(remote, { via, encrypted, certificate })
        this.#witness.proven({ local, remote, via, certificate })
        this.#watch ??= new Watch(this.#setup.clock.mono())
        if (certificate === 'valid') this.#watch.restsOn(this.#driver.wire.tls?.peerChain ?? [])
        const tls = this.#driver.wire.tls?.version ?? 'none'
        events.peerAuthenticated({ id: this.id, direction: 'in', local, remote, via, tls, certificate })
        this.#setup.authenticated(local, remote)
        return
      }
      case 'refused':
        events.peerRefused({ id: this.id, direction: 'in', ...pick(event) })
        return
      case 'unsolicited':
        events.peerUnsolicited(this.id, event.from ?? '', event.to ?? '')
        return
      case 'ended':
        // RFC 6120 §4.4: after an end without a fault what comes until the peer's own end still counts
        // unless stanzas are counted: then the peer knows from our last count what has not been taken
        this.#isDeaf =
          this.#acks !== undefined || (event.end.condition !== undefined && event.end.condition !== 'system-shutdown')
        // a peer whose acknowledgements were late sees a network that we do not
        this.#isBroken = event.end.broken === true || (event.end.condition === 'connection-timeout' && event.end.by === 'peer')
        events.peerEnded(this.id, 'in', this.#remote, event.end.by, event.end.condition ?? '', event.end.text)
        this.#isOver(event.end.text || 'the stream has ended')
        return
      case 'certificate':
        this.#witness.judged(event.remote, event.certificate)
        return
      case 'managed':
        this.#manage(event)
        return
      case 'resumed': {
        const { kept, id } = this.#taken!
        kept.stream = this
        this.#resumeId = id
        this.#useAcks(event.ns, kept.ledger)
        return
      }
      case 'way-out':
        this.#openWay(event.pairs, event.maxBytes)
        return
      case 'ack-wanted':
        this.#acks?.answer()
        return
      case 'acknowledged':
        this.#acknowledged(event.h)
        return
      case 'ending':
        this.#acks?.lastWord()
        return
      default:
        event satisfies never
    }
  }

  #manage({ ns, id, local, remote }: Extract<S2sInEvent, { event: 'managed' }>): void {
    const ledger = new Ledger()
    this.#useAcks(ns, ledger)
    this.#resumeId = id
    const { resumeMs } = this.#setup.management(local)
    if (id !== undefined) this.#setup.kept.keep(id, { local, remote, ledger, resumeMs, stream: this, brokenAt: 0 })
  }

  #useAcks(ns: SmNs, ledger: Ledger): void {
    const { outbox, clock } = this.#setup
    const management = this.#setup.management(this.#host!)
    this.#acks = new Acks({ wire: this.#driver.wire, outbox, clock, management }, ns, ledger, true)
    if (this.#outlet === undefined) return
    this.#outlet.acks = this.#acks // asked for late
    this.#outlet.repeat()
  }

  /** XEP-0288: our stanzas for these pairs may leave here. What an earlier stream has not brought over goes first. */
  #openWay(pairs: readonly Pair[], maxBytes: number | undefined): void {
    if (this.#outlet === undefined) {
      this.#outlet = new Outlet(this.#driver.wire, this.#witness, this.#acks, this.#setup.tooLarge, maxBytes)
      this.#outlet.repeat()
    }
    for (const { local, remote } of pairs) {
      const proof = this.#pairs.get(local)?.get(remote)
      const events = proof === undefined ? undefined : this.#setup.adopt(local, remote, this.#outlet, proof)
      if (events !== undefined) this.#links.set(`${local} ${remote}`, events)
    }
  }

  /** No more of ours can leave here. */
  #closeWay(why: string): void {
    const links = [...this.#links.values()]
    this.#links.clear()
    for (const link of links) link.lost(why)
  }

  #acknowledged(h: number): void {
    const acks = this.#acks
    if (acks === undefined) return
    const wasFull = acks.isFull
    if (acks.acknowledged(h)) {
      if (wasFull) for (const link of this.#links.values()) link.drained()
      return
    }
    const error = miscounted(acks.ns, h, acks.ledger.sent)
    this.close(error.condition, error.text, error.extra)
  }

  /** To be called every second or so. */
  check(look: Look): void {
    const acks = this.#acks
    const watch = this.#watch
    if (watch === undefined || this.#hasEnded) return
    if (acks?.check(look.nowMono) === false) {
      this.close('connection-timeout', 'You did not acknowledge what you were sent')
      return
    }
    const { wire, reads } = this.#driver
    watch.look(look.nowMono, (this.#outlet?.written ?? 0) + this.#received, reads)
    if (watch.isIdle(look) && !wire.isBlocked && (acks?.ledger.outstanding ?? 0) === 0) this.close()
    else if (watch.isSilent(look)) {
      if (acks === undefined) wire.text(' ')
      else acks.ask()
    }
    if (watch.hasExpired(look)) this.#judgeAgain(look.recheck)
  }

  /** The certificate on which the stream rests has ended: each pair is looked at again. */
  #judgeAgain(recheck: Recheck): void {
    const { tls } = this.#driver.wire
    if (tls === undefined) return
    for (const { local, remote } of this.pairs) {
      this.ask({ ask: 'certificate', local, remote, tls }, (answer) => {
        const remotes = this.#pairs.get(local)
        const proof = remotes?.get(remote)
        if (remotes === undefined || proof === undefined || !('certificate' in answer)) return
        remotes.set(remote, { ...proof, certificate: answer.certificate })
        this.recheck(recheck, 'reset')
      })
    }
  }

  /** RFC 6120 §8.1.1.2, §8.1.2.2: both addresses are there, ours is ours, and this pair of domains is proven here. */
  stanza(stanza: Stanza): void {
    if (this.#isDeaf) return
    this.#witness.stanzaIn()
    const { to, from } = stanza
    if (to === undefined || from === undefined) {
      this.close('improper-addressing', `a stanza between servers has a valid '${to === undefined ? 'to' : 'from'}'`)
      return
    }
    if (this.#pairs.get(to.domain)?.has(from.domain) === true) {
      // RFC 6120 §4.7.4: what has no language of its own is in the stream's
      const stamped = stanza.lang === undefined && this.#lang !== undefined ? stanza.with({ lang: this.#lang }) : stanza
      this.#received++
      this.#setup.router.fromRemote(stamped, this)
      this.#acks?.ledger.countHandled()
      return
    }
    if (!this.#setup.router.isLocal(to)) this.close('host-unknown', `${to.domain} is not served here`)
    else if ([...this.#pairs.values()].some((remotes) => remotes.has(from.domain))) {
      this.close('host-unknown', `this stream is not authenticated for ${to.domain}`)
    } else this.close('invalid-from', `this stream is not authenticated for ${from.domain}`)
  }

  tls(): TlsSetup {
    this.#witness.securing()
    return this.#setup.tls.acceptServer(this.#host)
  }

  drained(): void {
    this.#acks?.drained()
    for (const link of this.#links.values()) link.drained()
  }

  /** Nothing leaves here any more. */
  #isOver(why: string): void {
    this.#hasEnded = true
    const { ledger } = this.#acks ?? {}
    const id = this.#resumeId
    this.#resumeId = undefined
    if (id !== undefined && this.#isBroken) this.#setup.broke(id)
    else if (id !== undefined) this.#setup.kept.forget(id)
    this.#closeWay(why)
    const isKept = this.#isSuperseded || (id !== undefined && this.#isBroken)
    if (ledger !== undefined && !isKept) this.#setup.unsettled(ledger)
  }

  bug(error: unknown): void {
    this.#setup.events.bug(`incoming stream ${this.id}`, error)
  }

  closed(why: string): void {
    this.#pairs.clear()
    this.#witness.closed(why)
    this.#setup.events.peerClosed(this.id, 'in', this.#remote, why)
    this.#setup.forget(this)
  }
}

function pick({ local, remote, because, text }: { local: string; remote: string; because: string; text: string }) {
  return { local, remote, because, text }
}
