import type { Metrics } from './metrics.ts'

const PERIOD_MS = 250

/** Looks how late timers come: what keeps the event loop busy keeps everybody waiting. `every` and `mono` are a clock's. */
export function watchLoopLag(
  clock: { every(periodMs: number, run: () => void): { dispose(): void }; mono(): number },
  metrics: Metrics,
): { dispose(): void } {
  let lastMono = clock.mono()
  return clock.every(PERIOD_MS, () => {
    const now = clock.mono()
    metrics.observe('entente_event_loop_lag_seconds', {}, Math.max(now - lastMono - PERIOD_MS, 0) / 1000)
    lastMono = now
  })
}
