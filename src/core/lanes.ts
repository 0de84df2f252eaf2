import type { Source } from './source.ts'

/** How many stanzas may wait in one lane before its source is no longer read. */
const LANE_LIMIT = 64

interface Lane {
  readonly waiting: (() => Promise<void> | undefined)[]
  held: boolean
}

/**
 * Keeps the order of each input stream to each recipient (RFC 6120 §10.1) where something has to wait for storage: what
 * waits takes a lane of its (stream, recipient); what comes later in that lane queues behind it, all others pass. While
 * nothing waits, a stanza costs one look at an empty map.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>()

  /** Runs `work` now, or after what waits in the same lane. `work` returns a promise only when it must wait; it never rejects. */
  run(source: Source | undefined, recipient: string, work: () => Promise<void> | undefined): void {
    if (this.#lanes.size === 0) {
      const promise = work()
      if (promise !== undefined) this.#open(source, `${source?.id ?? ''} ${recipient}`, promise)
      return
    }
    const key = `${source?.id ?? ''} ${recipient}`
    const lane = this.#lanes.get(key)
    if (lane === undefined) {
      const promise = work()
      if (promise !== undefined) this.#open(source, key, promise)
      return
    }
    this.#queue(source, lane, work)
  }

  /** Runs `work` now, or after what waits in the lane, but opens none: for work that takes a lane of its own. */
  behind(source: Source, recipient: string, work: () => void): void {
    const lane = this.#lanes.size === 0 ? undefined : this.#lanes.get(`${source.id} ${recipient}`)
    if (lane === undefined) {
      work()
      return
    }
    this.#queue(source, lane, () => {
      work()
      return undefined
    })
  }

  #queue(source: Source | undefined, lane: Lane, work: () => Promise<void> | undefined): void {
    lane.waiting.push(work)
    if (lane.waiting.length >= LANE_LIMIT && !lane.held && source !== undefined) {
      lane.held = true
      source.pause()
    }
  }

  get size(): number {
    return this.#lanes.size
  }

  #open(source: Source | undefined, key: string, first: Promise<void>): void {
    const lane: Lane = { waiting: [], held: false }
    this.#lanes.set(key, lane)
    void this.#drain(source, key, lane, first)
  }

  async #drain(source: Source | undefined, key: string, lane: Lane, first: Promise<void>): Promise<void> {
    await first
    for (let work = lane.waiting.shift(); work !== undefined; work = lane.waiting.shift()) {
      const promise = work()
      if (promise !== undefined) await promise
    }
    this.#lanes.delete(key)
    if (lane.held) source?.resume()
  }
}
