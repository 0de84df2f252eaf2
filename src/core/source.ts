/** The stream that a stanza came in on, as far as the core may know it: order is kept per source, and it can be slowed. */
export interface Source {
  readonly id: string
  /** Stops reading from it; counted, so that several full targets may each ask. */
  pause(): void
  resume(): void
}

/**
 * What makes sources wait while a target (a socket, a queue) is full. Each source is paused at most once by one valve
 * and resumed when the target has room again or is gone.
 */
export class Valve {
  readonly #waiting = new Set<Source>()

  hold(source: Source): void {
    if (this.#waiting.has(source)) return
    this.#waiting.add(source)
    source.pause()
  }

  release(): void {
    if (this.#waiting.size === 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const source of waiting) source.resume()
  }
}
