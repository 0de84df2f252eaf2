import type { Ledger } from '../protocol/ledger.ts'
import type { ResumeQuestion } from '../protocol/s2s-in.ts'
import type { StreamCondition } from '../xmpp/errors.ts'

/** A managed stream that a remote has opened: what is left of it when its connection breaks, and whose it is. */
export interface Kept {
  readonly local: string
  readonly remote: string
  readonly ledger: Ledger
  readonly resumeMs: number
  /** The connection that carries it; undefined while it is broken. */
  stream: { supersede(condition: StreamCondition, text: string): void } | undefined
  /** When (mono) it broke. */
  brokenAt: number
}

/** Broken streams that are kept, of all remotes together. */
const MOST_BROKEN = 1000

/** Streams that remotes have opened and may take up again (XEP-0198 §5), by the id that only the two sides know. */
export class KeptStreams {
  readonly #live = new Map<string, Kept>()
  readonly #broken = new Map<string, Kept>()

  keep(id: string, kept: Kept): void {
    this.#live.set(id, kept)
  }

  /** Its stream goes on over another connection, whose owner is the one that asks. A connection that it still has ends. */
  resume(question: Omit<ResumeQuestion, 'ask'>): Kept | undefined {
    const { previd, local, remote, h } = question
    const kept = this.#broken.get(previd) ?? this.#live.get(previd)
    if (kept === undefined || kept.local !== local || kept.remote !== remote || !kept.ledger.acknowledge(h)) return undefined
    this.#broken.delete(previd)
    const before = kept.stream
    kept.stream = undefined
    before?.supersede('conflict', 'the stream was resumed on another connection')
    this.#live.set(previd, kept)
    return kept
  }

  /**
   * The connection of a stream has broken.
   *
   * @returns what can be kept no longer, oldest first
   */
  broke(id: string, nowMono: number): readonly Kept[] {
    const kept = this.#live.get(id)
    if (kept === undefined) return []
    this.#live.delete(id)
    kept.stream = undefined
    kept.brokenAt = nowMono
    this.#broken.set(id, kept)
    if (this.#broken.size <= MOST_BROKEN) return []
    const [oldest] = this.#broken
    this.#broken.delete(oldest![0])
    return [oldest![1]]
  }

  /** The stream has ended for good. */
  forget(id: string): void {
    this.#live.delete(id)
    this.#broken.delete(id)
  }

  /** Takes out what nobody has taken up in time. */
  expired(nowMono: number): readonly Kept[] {
    const over = [...this.#broken].filter(([, { brokenAt, resumeMs }]) => nowMono - brokenAt > resumeMs)
    for (const [id] of over) this.#broken.delete(id)
    return over.map(([, kept]) => kept)
  }

  /** The broken streams of a pair that have stanzas of ours. */
  unsettled(local: string, remote: string): readonly string[] {
    return [...this.#broken].flatMap(([id, kept]) =>
      kept.local === local && kept.remote === remote && kept.ledger.outstanding > 0 ? [id] : [],
    )
  }

  /** Takes a broken stream out: nobody takes it up any more. */
  takeBroken(id: string): Kept | undefined {
    const kept = this.#broken.get(id)
    this.#broken.delete(id)
    return kept
  }
}
