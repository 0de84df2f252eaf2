/** Something to undo: a timer, a listener, a registration. */
export interface Disposable {
  dispose(): void
}

/** Time as an argument: deadlines use `mono`, dates and certificates use `now`. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  now(): number
  /** Monotonic milliseconds; the zero is arbitrary. */
  mono(): number
  after(delayMs: number, run: () => void): Disposable
  every(periodMs: number, run: () => void): Disposable
}

export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return { dispose: () => clearTimeout(timer) }
  },
  every: (periodMs, run) => {
    const timer = setInterval(run, periodMs)
    return { dispose: () => clearInterval(timer) }
  },
}
