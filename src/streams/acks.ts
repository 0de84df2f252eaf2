import type { Clock } from '../net/clock.ts'
import type { Flushable, Outbox } from '../net/outbox.ts'
import type { Wire } from '../net/wire.ts'
import type { Ledger } from '../protocol/ledger.ts'
import { answerXml, requestXml, type SmNs } from '../protocol/sm.ts'
import type { Stanza } from '../xmpp/stanza.ts'

/** How one of our hosts wants its streams managed: Prosody's options `smacks_*`. */
export interface Management {
  /** A stream whose peer takes longer to acknowledge is given up; 0: never. */
  readonly maxAckDelayMs: number
  /** An acknowledgement is asked for when more than these are outstanding. */
  readonly maxUnacked: number
  /** So many may be outstanding; then the stream counts as congested. */
  readonly queueStanzas: number
  /** What a lost stream did not confirm is sent again, though it may have arrived. */
  readonly resend: boolean
  /** For how long a broken stream of a remote can be taken up again. */
  readonly resumeMs: number
}

/** For streams that have agreed on management before a reload took it from their host. */
export const NO_MANAGEMENT: Management = {
  maxAckDelayMs: 0,
  maxUnacked: 0,
  queueStanzas: 500,
  resend: false,
  resumeMs: 0,
}

/** Unacknowledged bytes above which a stream counts as congested. */
const MOST_UNACKED_BYTES = 8 * 1024 * 1024

/**
 * Acknowledgements on one stream (XEP-0198 §4). Answers and requests are written once a turn of the event loop, behind
 * all stanzas of that turn; there is no timer: whoever owns the stream calls {@link check} now and then.
 */
export class Acks implements Flushable {
  readonly ns: SmNs
  readonly ledger: Ledger
  readonly #wire: Wire
  readonly #outbox: Outbox
  readonly #clock: Clock
  readonly #management: Management
  #isGranted: boolean
  #owes = false
  #wants = false
  #isQueued = false
  /** Since when (mono) an answer is awaited, and what the count was when it was asked for. */
  #askedAt: number | undefined
  #askedFor = -1

  /** @param isGranted false: the wish for management has been sent, and its answer is awaited */
  constructor(
    setup: { readonly wire: Wire; readonly outbox: Outbox; readonly clock: Clock; readonly management: Management },
    ns: SmNs,
    ledger: Ledger,
    isGranted: boolean,
  ) {
    this.#wire = setup.wire
    this.#outbox = setup.outbox
    this.#clock = setup.clock
    this.#management = setup.management
    this.ns = ns
    this.ledger = ledger
    this.#isGranted = isGranted
    if (!isGranted) this.#askedAt = this.#clock.mono()
  }

  /** The peer has agreed. */
  granted(): void {
    this.#isGranted = true
    this.#askedAt = undefined
    this.#askIfNeeded()
  }

  /** Both sides count. */
  get isGranted(): boolean {
    return this.#isGranted
  }

  get isFull(): boolean {
    return this.ledger.outstanding >= this.#management.queueStanzas || this.ledger.bytes > MOST_UNACKED_BYTES
  }

  /** A stanza has been written. */
  sent(stanza: Stanza): void {
    this.ledger.push(stanza)
    if (this.#askedAt === undefined && !this.#wants) this.#askIfNeeded()
  }

  #askIfNeeded(): void {
    if (this.ledger.outstanding > this.#management.maxUnacked && this.ledger.sent !== this.#askedFor) this.ask()
  }

  /** Wants to know how much the peer has handled; a peer that is gone will not say. */
  ask(): void {
    if (!this.#isGranted || this.#askedAt !== undefined) return
    this.#wants = true
    this.#queue()
  }

  /** The peer wants to know how much we have handled. */
  answer(): void {
    this.#owes = true
    this.#queue()
  }

  #queue(): void {
    if (this.#isQueued) return
    this.#isQueued = true
    this.#outbox.add(this)
  }

  flush(): void {
    this.#isQueued = false
    if (this.#wire.isGone || this.#wire.isCongested) return // once there is room again, `drained` comes
    if (this.#owes) this.#wire.text(answerXml(this.ns, this.ledger.handled))
    this.#owes = false
    if (!this.#wants) return
    this.#wants = false
    this.#askedAt = this.#clock.mono()
    this.#askedFor = this.ledger.sent
    this.#wire.text(requestXml(this.ns))
  }

  /** The wire has room again. */
  drained(): void {
    if (this.#owes || this.#wants) this.#queue()
  }

  /** The peer's count. False when it is impossible. */
  acknowledged(h: number): boolean {
    if (!this.ledger.acknowledge(h)) return false
    this.#askedAt = undefined
    this.#askIfNeeded()
    return true
  }

  /** At the end of a stream: our count, so that the peer knows what has arrived. */
  lastWord(): void {
    this.#wire.text(answerXml(this.ns, this.ledger.handled))
  }

  /** To be called every second or so. False when the peer has not answered for too long. */
  check(nowMono: number): boolean {
    this.ledger.settle()
    const { maxAckDelayMs } = this.#management
    if (this.#askedAt !== undefined) return maxAckDelayMs === 0 || nowMono - this.#askedAt <= maxAckDelayMs
    if (this.ledger.outstanding > 0) this.ask()
    return true
  }
}
