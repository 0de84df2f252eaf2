import type { RemoteStream } from '../core/links.ts'
import type { Wire } from '../net/wire.ts'
import type { Stanza } from '../xmpp/stanza.ts'

/** What an outlet needs of its owner. */
export interface OutletOwner {
  /** A stanza that is larger than the remote takes (XEP-0478 §4): not a byte of it was sent. */
  tooLarge(stanza: Stanza, maxBytes: number): void
}

/** The way out of a stream that may carry our stanzas. */
export class Outlet implements RemoteStream {
  readonly #wire: Wire
  readonly #owner: OutletOwner
  readonly #maxBytes: number

  /** @param maxBytes the largest stanza that the remote takes; undefined when it has not said so */
  constructor(wire: Wire, owner: OutletOwner, maxBytes: number | undefined) {
    this.#wire = wire
    this.#owner = owner
    this.#maxBytes = maxBytes ?? Number.POSITIVE_INFINITY
  }

  write(stanza: Stanza): void {
    if (!stanza.writeWithin(this.#wire, this.#maxBytes)) this.#owner.tooLarge(stanza, this.#maxBytes)
  }

  get isCongested(): boolean {
    return this.#wire.isCongested
  }
}
