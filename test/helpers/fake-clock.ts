import type { Clock, Disposable } from '../../src/net/clock.ts'

interface Timer {
  at: number
  readonly run: () => void
  readonly periodMs: number | undefined
}

/** A clock that stands still until a test moves it; timers run in order of their time. */
export class FakeClock implements Clock {
  #monoMs = 0
  readonly #timers = new Set<Timer>()

  now(): number {
    return 1_750_000_000_000 + this.#monoMs
  }

  mono(): number {
    return this.#monoMs
  }

  after(delayMs: number, run: () => void): Disposable {
    return this.#add({ at: this.#monoMs + delayMs, run, periodMs: undefined })
  }

  every(periodMs: number, run: () => void): Disposable {
    return this.#add({ at: this.#monoMs + periodMs, run, periodMs })
  }

  /** How many timers are waiting: 0 when nothing was forgotten. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Moves time on; after each timer the promises that it settled get to run. */
  async advance(ms: number): Promise<void> {
    const end = this.#monoMs + ms
    await settled()
    for (;;) {
      const due = [...this.#timers].filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#monoMs = due.at
      if (due.periodMs === undefined) this.#timers.delete(due)
      else due.at += due.periodMs
      due.run()
      await settled()
    }
    this.#monoMs = end
  }

  #add(timer: Timer): Disposable {
    this.#timers.add(timer)
    return { dispose: () => this.#timers.delete(timer) }
  }
}

/** All promise reactions that are ready have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
