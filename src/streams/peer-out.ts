import type { Source } from '../core/source.ts'
import type { Clock } from '../net/clock.ts'
import type { Driver, Port } from '../net/driver.ts'
import type { Endpoint } from '../net/endpoints.ts'
import type { Outbox } from '../net/outbox.ts'
import type { TlsSetup } from '../net/wire.ts'
import { Ledger } from '../protocol/ledger.ts'
import type { CertificateAnswer, CertificateQuestion, CertificateVerdict, KeyVerdict } from '../protocol/s2s.ts'
import type { Failure, Managed, S2sOutEvent, S2sOutState } from '../protocol/s2s-out.ts'
import { miscounted } from '../protocol/sm.ts'
import type { Element } from '../xmpp/element.ts'
import type { StreamCondition } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { Acks, type Management } from './acks.ts'
import { Outlet, type TooLarge } from './outlet.ts'
import type { Proof, Recheck } from './peer-in.ts'
import type { TlsProvider } from './tls.ts'
import { type Look, Watch } from './watch.ts'
import type { Witness } from './witness.ts'

/** How one attempt on one connection ends or goes on. `verified`, and `failed` or `ended`, at most once; `closed` is the last. */
export interface PeerOutOwner {
  ready(stream: PeerOut, via: 'external' | 'dialback', certificate: CertificateVerdict): void
  verified(verdict: KeyVerdict): void
  failed(failure: Failure): void
  /** We have ended the stream ourselves. */
  ended(why: string): void
  unsolicited(from: string, to: string): void
  drained(): void
  bug(error: unknown): void
  closed(why: string): void
}

export type PeerOutDriver = Driver<S2sOutState, CertificateAnswer, CertificateQuestion, S2sOutEvent>

/** What a stream needs to carry stanzas. */
export interface OutletSetup {
  readonly outbox: Outbox
  readonly clock: Clock
  readonly management: Management | undefined
  readonly tooLarge: TooLarge
  /** Takes what the remote sends on this stream, which is from the one to the other. */
  receive(stanza: Stanza, source: Source): void
}

/** XEP-0198 §5: a remote may keep to itself for how long it remembers. */
const UNKNOWN_RESUME_S = 300

/** A stream that we opened, for one pair of domains. */
export class PeerOut implements Source, Port<CertificateAnswer, CertificateQuestion, S2sOutEvent> {
  readonly id: string
  readonly local: string
  readonly remote: string
  readonly #tls: TlsProvider
  readonly #endpoint: Endpoint
  readonly #owner: PeerOutOwner
  #driver!: PeerOutDriver // set by `drive`, right after construction
  #witness!: Witness
  #proof: Proof | undefined
  #ready: Extract<S2sOutEvent, { event: 'ready' }> | undefined
  #outlet: Outlet | undefined
  #receive: OutletSetup['receive'] | undefined
  #pauses = 0
  #watch: Watch | undefined
  #received = 0
  #isOver = false
  /** What still comes is not looked at. */
  #isDeaf = false
  #isBroken = false
  #resumable: { readonly id: string; readonly ms: number } | undefined

  constructor(id: string, local: string, remote: string, how: { tls: TlsProvider; endpoint: Endpoint }, owner: PeerOutOwner) {
    this.id = id
    this.local = local
    this.remote = remote
    this.#tls = how.tls
    this.#endpoint = how.endpoint
    this.#owner = owner
  }

  drive(driver: PeerOutDriver, witness: Witness): void {
    this.#driver = driver
    this.#witness = witness
  }

  get tlsVersion(): string {
    return this.#driver.wire.tls?.version ?? 'none'
  }

  /**
   * Begins to carry stanzas, once the stream is ready. A ledger is what an earlier stream of this pair has left; where the
   * remote does not take that one up, the stream counts anew.
   */
  begin({ outbox, clock, management, tooLarge, receive }: OutletSetup, earlier: Ledger | undefined): Outlet {
    const { managed, maxBytes } = this.#ready!
    const { wire } = this.#driver
    this.#receive = receive
    this.#watch = new Watch(clock.mono())
    if (this.#proof?.certificate === 'valid') this.#watch.restsOn(wire.tls?.peerChain ?? [])
    let acks: Acks | undefined
    if (managed !== undefined && management !== undefined) {
      const ledger = managed.resumed && earlier !== undefined ? earlier : new Ledger()
      acks = new Acks({ wire, outbox, clock, management }, managed.ns, ledger, managed.resumed)
    }
    this.#outlet = new Outlet(wire, this.#witness, acks, tooLarge, maxBytes)
    return this.#outlet
  }

  /** Did the remote take up the stream that this one was to go on for, and how much of it does it say it has handled? */
  get managed(): Managed | undefined {
    return this.#ready?.managed
  }

  /** How the remote knows this stream, and for how long after a loss. */
  get resumable(): { readonly id: string; readonly ms: number } | undefined {
    return this.#resumable
  }

  /** The remote has taken an earlier stream up, which keeps its id. */
  resumed(resumable: { readonly id: string; readonly ms: number }): void {
    this.#resumable = resumable
  }

  /** The remote may send here too. */
  get isBidi(): boolean {
    return this.#ready?.bidi === true
  }

  /** Can the stream be taken up again? Only when neither side has ended it. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  get acks(): Acks | undefined {
    return this.#outlet?.acks
  }

  /** To be called every second or so. */
  check(look: Look): void {
    const watch = this.#watch
    if (watch === undefined || this.#isOver) return
    const { acks } = this
    if (acks?.check(look.nowMono) === false) {
      this.#isBroken = true // the remote may never hear of it
      this.close('connection-timeout', 'You did not acknowledge what you were sent')
      return
    }
    const { wire, reads } = this.#driver
    watch.look(look.nowMono, (this.#outlet?.written ?? 0) + this.#received, reads)
    if (watch.isIdle(look) && !wire.isBlocked && (acks?.ledger.outstanding ?? 0) === 0) {
      this.close(undefined, 'nothing was said for too long')
    } else if (watch.isSilent(look)) {
      if (acks?.isGranted === true) acks.ask()
      else wire.text(' ')
    }
    if (watch.hasExpired(look)) this.#judgeAgain(look.recheck)
  }

  /** The certificate on which the stream rests has ended: what it rests on now may not suffice. */
  #judgeAgain(recheck: Recheck): void {
    const { tls } = this.#driver.wire
    if (tls === undefined) return
    this.ask({ ask: 'certificate', local: this.local, remote: this.remote, tls }, ({ certificate }) => {
      if (this.#proof === undefined || this.#isOver) return
      this.#proof = { ...this.#proof, certificate }
      const refusal = recheck('out', this.local, this.remote, this.#proof)
      if (refusal !== undefined) this.close('reset', refusal.text)
    })
  }

  close(condition?: StreamCondition, text?: string, extra?: Element): void {
    // RFC 6120 §4.4: after an end without a fault what comes still counts; where it is numbered, our last count says all
    this.#isOver = true
    this.#isDeaf = this.acks !== undefined || (condition !== undefined && condition !== 'system-shutdown')
    this.#driver.feed({ on: 'close', condition, text, extra })
    this.#owner.ended(text ?? 'ended here')
  }

  destroy(): void {
    this.#driver.wire.destroy()
  }

  ask(question: CertificateQuestion, answer: (a: CertificateAnswer) => void): void {
    const shown = { ...question, direction: 'out', endpoint: this.#endpoint } as const
    void this.#tls.judge(shown).then(
      (certificate) => answer({ certificate }),
      (error: unknown) => {
        this.bug(error)
        answer({ certificate: 'unvalidated' })
      },
    )
  }

  tell(event: S2sOutEvent): void {
    switch (event.event) {
      case 'ready':
        this.#proof = { via: event.via, encrypted: this.#driver.wire.tls !== undefined, certificate: event.certificate }
        this.#witness.proven({ local: this.local, remote: this.remote, via: event.via, certificate: event.certificate })
        this.#ready = event
        this.#owner.ready(this, event.via, event.certificate)
        return
      case 'verified':
        this.#owner.verified(event.verdict)
        return
      case 'failed':
        this.#isOver = true
        this.#isBroken = event.failure.broken === true
        this.#owner.failed(event.failure)
        return
      case 'unsolicited':
        this.#owner.unsolicited(event.from ?? '', event.to ?? '')
        return
      case 'certificate':
        this.#witness.judged(this.remote, event.certificate)
        return
      case 'enabled':
        if (event.id !== undefined) this.#resumable = { id: event.id, ms: (event.maxSeconds ?? UNKNOWN_RESUME_S) * 1000 }
        this.acks?.granted()
        return
      case 'unmanaged':
        this.#outlet!.acks = undefined
        this.#owner.drained() // what was full is not any more
        return
      case 'ack-wanted':
        this.acks?.answer()
        return
      case 'acknowledged':
        this.#acknowledged(event.h)
        return
      case 'ending':
        this.acks?.lastWord()
        return
      default:
        event satisfies never
    }
  }

  #acknowledged(h: number): void {
    const { acks } = this
    if (acks === undefined) return
    const wasFull = acks.isFull
    if (acks.acknowledged(h)) {
      if (wasFull) this.#owner.drained()
      return
    }
    const error = miscounted(acks.ns, h, acks.ledger.sent)
    this.close(error.condition, error.text, error.extra)
  }

  /** After a reload. */
  recheck(judge: Recheck): void {
    if (this.#proof === undefined) return // what is not ready yet asks the new policy by itself
    const refusal = judge('out', this.local, this.remote, this.#proof)
    if (refusal !== undefined) this.close(refusal.condition, refusal.text)
  }

  /** Only with bidi may anything come this way (RFC 6120 §4.5, XEP-0288 §2.2), and only from the one to the other. */
  stanza(stanza: Stanza): void {
    if (this.#isDeaf) return
    this.#witness.stanzaIn()
    if (this.#ready?.bidi !== true) {
      this.close('not-authorized', 'this stream is for our stanzas only; open one of your own')
      return
    }
    const { to, from } = stanza
    if (to === undefined || from === undefined) {
      this.close('improper-addressing', `a stanza between servers has a valid '${to === undefined ? 'to' : 'from'}'`)
    } else if (from.domain !== this.remote) this.close('invalid-from', `this stream is not authenticated for ${from.domain}`)
    else if (to.domain !== this.local) this.close('host-unknown', `this stream is not authenticated for ${to.domain}`)
    else {
      const { lang } = this.#ready
      this.#received++
      this.#receive!(stanza.lang === undefined && lang !== undefined ? stanza.with({ lang }) : stanza, this)
      if (this.acks?.isGranted === true) this.acks.ledger.countHandled()
    }
  }

  pause(): void {
    if (this.#pauses++ === 0) this.#driver.pause()
  }

  resume(): void {
    if (--this.#pauses === 0) this.#driver.resume()
  }

  tls(): TlsSetup {
    this.#witness.securing()
    return this.#tls.dialServer(this.local, this.remote)
  }

  drained(): void {
    this.acks?.drained()
    this.#owner.drained()
  }

  bug(error: unknown): void {
    this.#owner.bug(error)
  }

  closed(why: string): void {
    this.#witness.closed(why)
    this.#owner.closed(why)
  }
}
