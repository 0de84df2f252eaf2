import type { LinkEvents, LinkFailure } from '../core/links.ts'
import type { Source } from '../core/source.ts'
import type { Clock } from '../net/clock.ts'
import type { Outbox } from '../net/outbox.ts'
import type { Ledger } from '../protocol/ledger.ts'
import type { Resumable, S2sOutContext } from '../protocol/s2s-out.ts'
import { miscounted, type SmNs } from '../protocol/sm.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Management } from './acks.ts'
import type { Dialler } from './dialler.ts'
import type { Outlet } from './outlet.ts'
import type { PeerOut } from './peer-out.ts'

export interface OutgoingSetup {
  readonly clock: Clock
  readonly outbox: Outbox
  readonly dialler: Dialler
  /** undefined: the host wants no stream management. */
  management(local: string): Management | undefined
  context(local: string, remote: string, management: S2sOutContext['management']): S2sOutContext
  /** Takes a stanza that a remote sent on a stream of ours. */
  receive(stanza: Stanza, source: Source): void
  /** Gives a stanza that could not be brought over back to its sender. */
  returned(stanza: Stanza, failure: LinkFailure): void
}

/** What a stream has left whose remote did not acknowledge everything. */
interface Left {
  readonly ns: SmNs
  readonly ledger: Ledger
  readonly resumable: { readonly id: string; readonly ms: number } | undefined
  readonly resend: boolean
  readonly untilMono: number
}

export const UNCONFIRMED: LinkFailure = {
  stage: 'stream',
  condition: 'remote-server-timeout',
  text: 'the connection was lost before the remote server confirmed this stanza, which may have arrived',
}

/**
 * Makes the streams of links, and knows for each pair of domains what its last stream has left unacknowledged: the next
 * stream goes on with it where the remote allows that (XEP-0198 §5). Otherwise it goes back to the senders, or over the
 * new stream where the host wants that (`smacks_s2s_resend`). Nothing is lost in silence.
 */
export class Outgoing {
  readonly #setup: OutgoingSetup
  readonly #left = new Map<string, Left>()

  constructor(setup: OutgoingSetup) {
    this.#setup = setup
  }

  connect(local: string, remote: string, events: LinkEvents): void {
    const key = keyOf(local, remote)
    const left = this.#left.get(key)
    this.#left.delete(key)
    let stream: PeerOut | undefined
    void this.#setup.dialler.connect(this.#context(local, remote, left), {
      ready: (ready) => {
        stream = ready
        this.#ready(ready, left, events)
      },
      verified: () => {},
      failed: (failure) => {
        if (left !== undefined) this.#giveUp(left.ledger)
        events.failed(failure)
      },
      drained: () => events.drained(),
      lost: (why) => events.lost(why, this.#keep(key, stream!)),
    })
  }

  #context(local: string, remote: string, left: Left | undefined): S2sOutContext {
    if (this.#setup.management(local) === undefined) return this.#setup.context(local, remote, undefined)
    return this.#setup.context(local, remote, { resume: left === undefined ? undefined : resumeOf(left) })
  }

  #ready(stream: PeerOut, left: Left | undefined, events: LinkEvents): void {
    const { outbox, clock, returned } = this.#setup
    const management = this.#setup.management(stream.local)
    const tooLarge = (stanza: Stanza, maxBytes: number): void => returned(stanza, tooLargeFor(maxBytes))
    const { receive } = this.#setup
    const outlet = stream.begin({ outbox, clock, management, tooLarge, receive }, left?.ledger)
    const counted = left === undefined || this.#settle(stream, outlet, left)
    events.ready(outlet)
    if (counted) return
    const error = miscounted(left.ns, stream.managed!.h!, left.ledger.sent)
    stream.close(error.condition, error.text, error.extra)
  }

  /** What the stream before has left, before anything new is written. False when the remote's count is impossible. */
  #settle(stream: PeerOut, outlet: Outlet, left: Left): boolean {
    const { h, resumed } = stream.managed ?? {}
    const counted = h === undefined || left.ledger.acknowledge(h)
    if (resumed === true) {
      stream.resumed(left.resumable!)
      if (counted) outlet.repeat()
      return counted
    }
    if (left.resend) for (const stanza of left.ledger.giveUp()) outlet.write(stanza)
    else this.#giveUp(left.ledger)
    return true
  }

  /** A stream is over. Does something wait for the next one? */
  #keep(key: string, { acks, isBroken, isBidi, resumable, local }: PeerOut): boolean {
    // with bidi the remote too may wait for the stream to be taken up
    if (acks === undefined || (acks.ledger.outstanding === 0 && !(isBidi && isBroken))) return false
    const resend = this.#setup.management(local)?.resend ?? false
    const toResume = isBroken ? resumable : undefined
    if (toResume === undefined && (!resend || acks.ledger.outstanding === 0)) {
      this.#giveUp(acks.ledger)
      return false
    }
    const { ns, ledger } = acks
    const untilMono = this.#setup.clock.mono() + Math.min(toResume?.ms ?? MOST_KEPT_MS, MOST_KEPT_MS)
    this.#left.set(key, { ns, ledger, resumable: toResume, resend, untilMono })
    return true
  }

  #giveUp(ledger: Ledger): void {
    for (const stanza of ledger.giveUp()) this.#setup.returned(stanza, UNCONFIRMED)
  }

  /** To be called every second or so: gives back what no stream has come for. */
  check(nowMono: number): void {
    for (const [key, left] of this.#left) {
      if (left.untilMono > nowMono) continue
      this.#left.delete(key)
      this.#giveUp(left.ledger)
    }
  }
}

/** How long what is not acknowledged waits for another stream. */
const MOST_KEPT_MS = 60_000

function resumeOf({ resumable, ns, ledger }: Left): Resumable | undefined {
  return resumable === undefined ? undefined : { ns, previd: resumable.id, h: ledger.handled }
}

/** Domains hold no space. */
export const keyOf = (local: string, remote: string): string => `${local} ${remote}`

export const tooLargeFor = (maxBytes: number): LinkFailure => ({
  stage: 'stanza',
  condition: 'policy-violation',
  text: `The remote server takes no stanza of more than ${maxBytes} bytes`,
})
