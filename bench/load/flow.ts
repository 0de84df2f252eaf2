import type { Socket } from 'node:net'
import type { Flow, FlowOrder } from './orders.ts'
import type { Tally } from './tally.ts'
import { messages } from './xml.ts'

/** So many are on their way at most: enough that a server never waits for work, and no server's queue grows without end. */
const WINDOW = 4096
const BATCH = 64
/** After so long without one more, what is missing is lost. */
const LOST_AFTER_MS = 10_000
/** Stanzas that should not come at all, such as duplicates, get so long to come. */
const SURPLUS_WITHIN_MS = 20

/** Sends messages through one socket and counts those that come out at the other end. */
export async function flow(order: FlowOrder, through: Socket, counted: Tally): Promise<Flow> {
  const before = counted.count
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const latencies = order.perSecond === undefined ? await flatOut(order, through, counted) : await paced(order, through, counted)
  const elapsedMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(cpu)
  await new Promise((resolve) => setTimeout(resolve, SURPLUS_WITHIN_MS))
  return {
    received: counted.count - before,
    elapsedMs,
    generatorCpuUs: user + system,
    ...(latencies && { latencyMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) } }),
  }
}

async function flatOut(order: FlowOrder, through: Socket, counted: Tally): Promise<undefined> {
  const batch = messages(order, BATCH)
  const goal = counted.count + order.count
  let sent = counted.count
  const pump = (): void => {
    while (sent < goal && sent - counted.count < WINDOW && !through.writableNeedDrain) {
      const many = Math.min(BATCH, goal - sent)
      through.write(batch.subarray(0, many * order.bytes))
      sent += many
    }
  }
  through.on('drain', pump)
  const arrived = arrival(counted, goal, pump)
  pump()
  await arrived
  through.off('drain', pump)
}

/** Resolves with one latency a stanza, sorted. */
async function paced(order: FlowOrder, through: Socket, counted: Tally): Promise<number[]> {
  const batch = messages(order, BATCH)
  const everyMs = 1000 / (order.perSecond ?? 1)
  const [before, startMs] = [counted.count, performance.now()]
  const latencies: number[] = []
  let sent = 0
  const arrived = arrival(counted, before + order.count, () => {
    // streams keep order: the nth that arrives is the nth that was due
    const nowMs = performance.now()
    while (latencies.length < counted.count - before) latencies.push(nowMs - startMs - latencies.length * everyMs)
  })
  const tick = (): void => {
    for (; sent < order.count && startMs + sent * everyMs <= performance.now(); sent++) {
      const at = (sent % BATCH) * order.bytes
      through.write(batch.subarray(at, at + order.bytes))
    }
    if (sent < order.count) setTimeout(tick, Math.max(1, startMs + sent * everyMs - performance.now()))
  }
  tick()
  await arrived
  return latencies.sort((a, b) => a - b)
}

/** Resolves when the tally has reached the goal, or has stood still for too long. */
function arrival(counted: Tally, goal: number, onProgress: () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(patience)
      counted.onCounted = undefined
      resolve()
    }
    const patience = setTimeout(done, LOST_AFTER_MS)
    counted.onCounted = () => {
      patience.refresh()
      onProgress()
      if (counted.count >= goal) done()
    }
  })
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
