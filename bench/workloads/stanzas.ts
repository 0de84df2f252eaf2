import type { Flow, FlowOrder } from '../load/orders.ts'
import { DOMAIN } from '../world.ts'
import type { Goal, Sample, Stage, Workload } from './workload.ts'

const MEASURED_MS = 1_500
/** Before the clock starts: what a server does only once, such as compiling its code or growing its buffers. */
const WARM_UP_MS = 1_000
const PACED_MS = 3_000
const PACED_BYTES = 200
const RESOURCE = 'bench'

type Route = (stage: Stage) => Promise<Pick<FlowOrder, 'through' | 'counted' | 'from' | 'to'>>

const inbound: Route = async (stage) => {
  const counted = await stage.login(0, RESOURCE)
  const through = await stage.dial(0)
  const [user, remote] = [stage.world.users[0], stage.world.remotes[0]?.domain]
  return { through, counted, from: `someone@${remote}/phone`, to: `${user}@${DOMAIN}/${RESOURCE}` }
}

const outbound: Route = async (stage) => {
  const through = await stage.login(0, RESOURCE)
  return { through, counted: 'accepted', to: `someone@${stage.world.remotes[0]?.domain}` }
}

export const stanzaWorkloads: readonly Workload[] = [
  flatOut('w1', 'in: one remote stream to one client, 200 B, flat out', inbound, 200, { ratio: 1 / 8 }),
  flatOut('w1-1500', 'in, 1500 B, flat out', inbound, 1500, { ratio: 1 / 8 }),
  paced('w1-rate', 'in, 200 B, 500/s', inbound, 500, { ratio: 1 / 4 }),
  flatOut('w2', 'out: one client to one remote domain, 200 B, flat out', outbound, 200, { ratio: 1 / 6 }),
  flatOut('w2-1500', 'out, 1500 B, flat out', outbound, 1500, { ratio: 1 / 6 }),
]

function flatOut(id: string, title: string, route: Route, bytes: number, goal: Goal): Workload {
  return {
    id,
    rows: [{ id, title, unit: 'us CPU/stanza', digits: 1, goal }],
    start: 'busy',
    accounts: 1,
    async measure(stage) {
      const order = { ...(await route(stage)), bytes }
      const { cost, flow } = await measureFlow(stage, order, MEASURED_MS)
      return [{ row: id, ...cost, generatorUs: flow.generatorCpuUs / flow.sent }]
    },
  }
}

function paced(id: string, title: string, route: Route, perSecond: number, goal: Goal): Workload {
  return {
    id,
    rows: [
      { id, title, unit: 'us CPU/stanza', digits: 1, goal },
      { id: `${id}-p50`, title: `${title}: half are there within`, unit: 'ms', digits: 2 },
      { id: `${id}-p99`, title: `${title}: 99 of 100 are there within`, unit: 'ms', digits: 2, goal: { atMost: 5 } },
    ],
    start: 'busy',
    accounts: 1,
    async measure(stage) {
      const order = { ...(await route(stage)), bytes: PACED_BYTES, perSecond }
      const { cost, flow } = await measureFlow(stage, order, PACED_MS)
      return [
        { row: id, ...cost },
        { row: `${id}-p50`, value: flow.latencyMs?.p50 ?? Number.NaN },
        { row: `${id}-p99`, value: flow.latencyMs?.p99 ?? Number.NaN },
      ]
    },
  }
}

type Measurement = { readonly cost: Pick<Sample, 'value' | 'lost'>; readonly flow: Flow }

async function measureFlow(stage: Stage, order: Omit<FlowOrder, 'amount'>, forMs: number): Promise<Measurement> {
  const warmUp = await stage.generator.ask('flow', { ...order, amount: { forMs: WARM_UP_MS } })
  const before = stage.cpuUs()
  const amount = stage.count === undefined ? { forMs } : { count: stage.count }
  const flow = await stage.generator.ask('flow', { ...order, amount })
  const value = (stage.cpuUs() - before) / flow.sent
  await stage.generator.ask('hangUp', undefined)
  return { cost: { value, lost: warmUp.sent - warmUp.received + flow.sent - flow.received }, flow }
}
