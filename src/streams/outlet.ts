import type { RemoteStream } from '../core/links.ts'
import type { Wire } from '../net/wire.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Acks } from './acks.ts'
import type { Witness } from './witness.ts'

/** A stanza that is larger than the remote takes (XEP-0478 §4): not a byte of it was sent, and nothing was counted. */
export type TooLarge = (stanza: Stanza, maxBytes: number) => void

/** The way out of a stream that may carry our stanzas. */
export class Outlet implements RemoteStream {
  /** Present while stanzas are to be acknowledged. */
  acks: Acks | undefined
  /** How many stanzas were written. */
  written = 0
  readonly #wire: Wire
  readonly #tooLarge: TooLarge
  readonly #maxBytes: number
  readonly #witness: Witness

  /** @param maxBytes the largest stanza that the remote takes; undefined when it has not said so */
  constructor(wire: Wire, witness: Witness, acks: Acks | undefined, tooLarge: TooLarge, maxBytes: number | undefined) {
    this.#wire = wire
    this.#witness = witness
    this.acks = acks
    this.#tooLarge = tooLarge
    this.#maxBytes = maxBytes ?? Number.POSITIVE_INFINITY
  }

  write(stanza: Stanza): void {
    if (!stanza.writeWithin(this.#wire, this.#maxBytes)) {
      this.#tooLarge(stanza, this.#maxBytes)
      return
    }
    this.written++
    this.#witness.stanzaOut(stanza)
    this.acks?.sent(stanza)
  }

  /** Sends again what an earlier connection of this stream has not brought over; it stays counted as it was. */
  repeat(): void {
    for (const stanza of this.acks?.ledger.unacknowledged() ?? []) {
      stanza.writeTo(this.#wire)
      this.#witness.stanzaOut(stanza)
    }
    this.acks?.ask()
  }

  get isCongested(): boolean {
    return this.#wire.isCongested || this.acks?.isFull === true
  }
}
