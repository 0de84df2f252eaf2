import { DOMAIN } from '../world.ts'
import type { Stage, Workload } from './workload.ts'

const NEW_STREAMS = 200
const WARM_UP_STREAMS = 40
/** As many domains take turns, each with its own certificate. */
const DOMAINS = 20
const CONCURRENT = 8
/** Open before the first reading: what a server needs once is not counted to the streams that follow. */
const OPEN_BEFORE = 100
const IDLE = 300
/** Sessions share accounts, ten to one: each sees the presence of its own nine others. */
const ACCOUNTS = 40
const SETTLE_MS = 1_000

/** CPU for an inbound stream: TCP, STARTTLS, TLS without resumption, SASL EXTERNAL with a P-256 certificate, end. */
const newStreams: Workload = {
  id: 'w4a',
  rows: [{ id: 'w4a', title: 'new inbound stream, TLS + EXTERNAL', unit: 'ms CPU/stream', digits: 2, goal: { ratio: 1 / 2 } }],
  start: 'busy',
  accounts: 1,
  async measure(stage) {
    const domains = stage.world.remotes.slice(0, DOMAINS).map(({ domain }) => domain)
    const order = { ...stage.serverPort, to: DOMAIN, domains, concurrent: CONCURRENT }
    const count = stage.count ?? NEW_STREAMS
    await stage.generator.ask('churn', { ...order, count: WARM_UP_STREAMS })
    const before = stage.cpuUs()
    const { made, generatorCpuUs } = await stage.generator.ask('churn', { ...order, count })
    const value = (stage.cpuUs() - before) / 1000 / count
    return [{ row: 'w4a', value, lost: count - made, generatorUs: generatorCpuUs / count }]
  },
}

const idleStreams: Workload = {
  id: 'w5s',
  rows: [{ id: 'w5s', title: 'idle inbound server stream', unit: 'KB each', digits: 1, goal: { ratio: 1 } }],
  start: 'idle streams',
  accounts: 1,
  measure: async (stage) => [{ row: 'w5s', value: await bytesEach(stage, (n) => stage.dial(n)) }],
}

const idleSessions: Workload = {
  id: 'w5c',
  rows: [{ id: 'w5c', title: 'idle client session', unit: 'KB each', digits: 1, goal: { ratio: 1 } }],
  start: 'idle sessions',
  accounts: ACCOUNTS,
  measure: async (stage) => [
    { row: 'w5c', value: await bytesEach(stage, (n) => stage.login(n % stage.world.users.length, `idle${n}`)) },
  ],
}

/** Before the idle streams, on the same start: it leaves nothing behind but one closed stream. */
const startUp: Workload = {
  id: 'w8',
  rows: [
    { id: 'w8', title: 'process start to first authenticated server stream', unit: 'ms', digits: 0, goal: { ratio: 1 } },
    { id: 'w8-memory', title: 'memory when empty', unit: 'MB', digits: 1, goal: { atMost: 85 } },
  ],
  start: 'idle streams',
  accounts: 1,
  async measure(stage) {
    await settle()
    return [
      { row: 'w8', value: stage.firstStreamMs },
      { row: 'w8-memory', value: stage.residentBytes() / 1024 / 1024 },
    ]
  },
}

export const connectionWorkloads: readonly Workload[] = [newStreams, startUp, idleStreams, idleSessions]

/** Kilobytes of resident memory for each further one. */
async function bytesEach(stage: Stage, open: (n: number) => Promise<unknown>): Promise<number> {
  const count = stage.count ?? IDLE
  await openAll(0, OPEN_BEFORE, open)
  await settle()
  const before = stage.residentBytes()
  await openAll(OPEN_BEFORE, count, open)
  await settle()
  return (stage.residentBytes() - before) / 1024 / count
}

async function openAll(first: number, count: number, open: (n: number) => Promise<unknown>): Promise<void> {
  for (let n = first; n < first + count; n += CONCURRENT) {
    const many = Math.min(CONCURRENT, first + count - n)
    await Promise.all(Array.from({ length: many }, (_, i) => open(n + i)))
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
}
