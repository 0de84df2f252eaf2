import type { Stanza } from '../xmpp/stanza.ts'
import { type LinkFailure, QUEUE_FULL, SHARE_FULL } from './link-failure.ts'

/** How much may wait for one pair of domains, and how long. */
export interface QueueBounds {
  readonly stanzas: number
  readonly bytes: number
  readonly ageMs: number
}

/** What waits for all pairs together. */
export interface QueueTotal {
  bytes: number
}

/** So many stanzas of one address may wait for one pair of domains: nobody fills a queue alone. */
export const MOST_OF_SENDER = 1000
/** Everything that waits for other servers. */
export const MAX_QUEUED_BYTES = 256 * 1024 * 1024

interface Entry {
  readonly stanza: Stanza
  readonly sender: string
  readonly sinceMono: number
}

/** What waits for a stream, in order: bounded in stanzas, in bytes, for each sender, and for the whole server. */
export class LinkQueue {
  readonly #total: QueueTotal
  #entries: Entry[] = []
  /** Where the queue begins in `#entries`: what is before has left. */
  #head = 0
  #bytes = 0
  #senders: Map<string, number> | undefined

  constructor(total: QueueTotal) {
    this.#total = total
  }

  get length(): number {
    return this.#entries.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** How many addresses it is from. */
  get senders(): number {
    return this.#senders?.size ?? 0
  }

  /** When the oldest came. */
  get sinceMono(): number | undefined {
    return this.#entries[this.#head]?.sinceMono
  }

  /** Has this sender (a bare address) as much waiting as one may have? */
  isShareFull(sender: string): boolean {
    return (this.#senders?.get(sender) ?? 0) >= MOST_OF_SENDER
  }

  /** Keeps a stanza at the end, or says why not. */
  push(stanza: Stanza, nowMono: number, bounds: QueueBounds): LinkFailure | undefined {
    const size = queuedBytes(stanza)
    if (this.length >= bounds.stanzas || this.#bytes + size > bounds.bytes) return QUEUE_FULL
    if (this.#total.bytes + size > MAX_QUEUED_BYTES) return QUEUE_FULL
    const sender = stanza.from!.bare.toString()
    if (this.isShareFull(sender)) return SHARE_FULL
    this.#senders ??= new Map()
    this.#senders.set(sender, (this.#senders.get(sender) ?? 0) + 1)
    this.#entries.push({ stanza: stanza.settled(), sender, sinceMono: nowMono })
    this.#count(size)
    return undefined
  }

  /** Takes the oldest. There is one. */
  shift(): Stanza {
    const { stanza, sender } = this.#entries[this.#head++]!
    this.#count(-queuedBytes(stanza))
    const held = this.#senders!.get(sender)! - 1
    if (held === 0) this.#senders!.delete(sender)
    else this.#senders!.set(sender, held)
    if (this.#head === this.#entries.length) this.#clear()
    else if (this.#head > 1000 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return stanza
  }

  /** Takes what came before a time. */
  takeOlder(mono: number): readonly Stanza[] {
    const taken: Stanza[] = []
    while ((this.sinceMono ?? Number.POSITIVE_INFINITY) <= mono) taken.push(this.shift())
    return taken
  }

  takeAll(): readonly Stanza[] {
    const taken = this.#entries.slice(this.#head).map(({ stanza }) => stanza)
    this.#count(-this.#bytes)
    this.#clear()
    return taken
  }

  #clear(): void {
    this.#entries = []
    this.#head = 0
    this.#senders = undefined
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#total.bytes += bytes
  }
}

/** What a waiting stanza counts for: its bytes, and a round figure for its start tag and the objects around it. */
function queuedBytes(stanza: Stanza): number {
  return stanza.inside.length + 200
}
