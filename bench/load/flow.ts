import type { Socket } from 'node:net'
import type { Flow, FlowOrder } from './orders.ts'
import type { Tally } from './tally.ts'
import { messages, resembles } from './xml.ts'

/** So much is on its way at most: enough that a server never waits for work, and no server's queue grows without end. */
const WINDOW_BYTES = 1_000_000
/** In one write: many TLS records, few system calls. */
const BATCH_BYTES = 64_000
/** Paced messages have so many different ids. */
const PACED_IDS = 64
/** After so long without one more, what is missing is lost. */
const LOST_AFTER_MS = 10_000
/** Stanzas that should not come at all, such as duplicates, get so long to come. */
const SURPLUS_WITHIN_MS = 20

/** Sends messages through one socket and counts those that come out at the other end. */
export async function flow(order: FlowOrder, through: Socket, counted: Tally): Promise<Flow> {
  const before = counted.count
  counted.keepNext()
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  const done = order.perSecond === undefined ? await flatOut(order, through, counted) : await paced(order, through, counted)
  const elapsedMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(cpu)
  await new Promise((resolve) => setTimeout(resolve, SURPLUS_WITHIN_MS))
  if (counted.count > before && !resembles(counted.sample, order))
    throw new Error(`not what was sent: ${counted.sample.slice(0, 1000)}`)
  return { ...done, received: counted.count - before, elapsedMs, generatorCpuUs: user + system }
}

async function flatOut(order: FlowOrder, through: Socket, counted: Tally): Promise<{ sent: number }> {
  const atOnce = Math.floor(BATCH_BYTES / order.bytes)
  const onTheirWay = Math.floor(WINDOW_BYTES / order.bytes)
  const batch = messages(order, atOnce)
  const before = counted.count
  const plan = planOf(order.amount)
  let sent = 0
  const pump = (): void => {
    while (sent - (counted.count - before) < onTheirWay && !through.writableNeedDrain) {
      const many = Math.min(atOnce, plan.left(sent))
      if (many === 0) return
      through.write(batch.subarray(0, many * order.bytes))
      sent += many
    }
  }
  through.on('drain', pump)
  const arrived = arrival(counted, () => {
    pump()
    return plan.left(sent) === 0 && counted.count - before >= sent
  })
  pump()
  await arrived
  through.off('drain', pump)
  return { sent }
}

async function paced(order: FlowOrder, through: Socket, counted: Tally): Promise<Pick<Flow, 'sent' | 'latencyMs'>> {
  const batch = messages(order, PACED_IDS)
  const plan = planOf(order.amount)
  const everyMs = 1000 / (order.perSecond ?? 1)
  const [before, startMs] = [counted.count, performance.now()]
  const latencies: number[] = []
  let sent = 0
  const arrived = arrival(counted, () => {
    // streams keep order: the nth that arrives is the nth that was due
    const nowMs = performance.now()
    while (latencies.length < counted.count - before) latencies.push(nowMs - startMs - latencies.length * everyMs)
    return plan.left(sent) === 0 && latencies.length >= sent
  })
  const tick = (): void => {
    for (; plan.left(sent) > 0 && startMs + sent * everyMs <= performance.now(); sent++) {
      const at = (sent % PACED_IDS) * order.bytes
      through.write(batch.subarray(at, at + order.bytes))
    }
    if (plan.left(sent) > 0) setTimeout(tick, Math.max(1, startMs + sent * everyMs - performance.now()))
  }
  tick()
  await arrived
  latencies.sort((a, b) => a - b)
  return { sent, latencyMs: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) } }
}

/** How many are still to be sent; once it is none, it stays none. */
function planOf(amount: FlowOrder['amount']): { left(sent: number): number } {
  if ('count' in amount) return { left: (sent) => amount.count - sent }
  const endMs = performance.now() + amount.forMs
  return { left: () => (performance.now() < endMs ? Number.MAX_SAFE_INTEGER : 0) }
}

/** Resolves when `complete` says so, which is asked whenever one more has arrived, or when none has for too long. */
function arrival(counted: Tally, complete: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(patience)
      counted.onCounted = undefined
      resolve()
    }
    const patience = setTimeout(done, LOST_AFTER_MS)
    counted.onCounted = () => {
      patience.refresh()
      if (complete()) done()
    }
  })
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
