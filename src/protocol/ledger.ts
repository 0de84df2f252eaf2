import type { Stanza } from '../xmpp/stanza.ts'

/** Acknowledged places at the front that are cut off at once. */
const COMPACT_AT = 256
const MODULUS = 2 ** 32

/**
 * What both sides of one managed stream have counted (XEP-0198 §4), with the stanzas that are not acknowledged yet. It
 * outlives the connection: a resumed stream goes on with it. Counts are modulo 2^32.
 */
export class Ledger {
  /** Stanzas of the peer that we have taken responsibility for. */
  handled = 0
  #acknowledged = 0
  #stanzas: Stanza[] = []
  /** Where the unacknowledged ones begin in `#stanzas`. */
  #first = 0
  /** So many of the unacknowledged ones own their bytes. */
  #settled = 0
  #bytes = 0

  /** A ledger of a stream on which so many have been acknowledged. */
  static startingAt(acknowledged: number): Ledger {
    const ledger = new Ledger()
    ledger.#acknowledged = acknowledged
    return ledger
  }

  countHandled(): void {
    this.handled = (this.handled + 1) % MODULUS
  }

  /** A stanza was written. */
  push(stanza: Stanza): void {
    this.#stanzas.push(stanza)
    this.#bytes += stanza.inside.length
  }

  get outstanding(): number {
    return this.#stanzas.length - this.#first
  }

  /** The insides of what is outstanding. */
  get bytes(): number {
    return this.#bytes
  }

  /** How many were written in all. */
  get sent(): number {
    return (this.#acknowledged + this.outstanding) % MODULUS
  }

  /** The peer says how many it has handled. False when that cannot be: more than were sent, or fewer than it said before. */
  acknowledge(h: number): boolean {
    const count = (h - this.#acknowledged + MODULUS) % MODULUS
    if (count > this.outstanding) return false
    const end = this.#first + count
    for (let i = this.#first; i < end; i++) this.#bytes -= this.#stanzas[i]!.inside.length
    this.#first = end
    this.#acknowledged = h
    this.#settled = Math.max(0, this.#settled - count)
    if (this.#first === this.#stanzas.length) this.#stanzas = []
    else if (this.#first >= COMPACT_AT) this.#stanzas = this.#stanzas.slice(this.#first)
    else return true
    this.#first = 0
    return true
  }

  /** Gives what stays for longer bytes of its own, so that a small stanza does not keep a whole network buffer alive. */
  settle(): void {
    for (let i = this.#first + this.#settled; i < this.#stanzas.length; i++) this.#stanzas[i] = this.#stanzas[i]!.settled()
    this.#settled = this.outstanding
  }

  /** The unacknowledged stanzas, oldest first, for a resumed stream. They stay. */
  unacknowledged(): readonly Stanza[] {
    return this.#stanzas.slice(this.#first)
  }

  /** Takes the unacknowledged stanzas out: nobody waits for their acknowledgement any more. */
  giveUp(): readonly Stanza[] {
    const left = this.unacknowledged()
    this.#stanzas = []
    this.#first = 0
    this.#settled = 0
    this.#bytes = 0
    return left
  }
}
