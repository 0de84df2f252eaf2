import { GeneratorProcess } from './generator.ts'
import { cpuUs, residentBytes } from './process-cost.ts'
import type { Contender } from './servers/contender.ts'
import type { Stage } from './workloads/workload.ts'
import { DOMAIN, PASSWORD, type World } from './world.ts'

const GENERATOR_HOST = 200
const FIRST_STREAM_WITHIN_MS = 60_000

export interface StageOptions {
  /** The last byte of the server's address. */
  readonly host: number
  readonly accounts: number
  readonly count: number | undefined
}

/** Runs `act` with a server that has just answered its first stream, and ends server and generator after it. */
export async function onStage(world: World, contender: Contender, options: StageOptions, act: (stage: Stage) => Promise<void>) {
  const generator = new GeneratorProcess()
  try {
    await generator.ask('know', { identities: world.remotes })
    const accepting = await generator.ask('listen', { address: world.address(GENERATOR_HOST), port: 0 })
    world.pointRemotesTo(accepting, contender.srvTargets)
    await withServer(world, contender, generator, options, act)
  } finally {
    await generator.stop()
  }
}

async function withServer(
  world: World,
  contender: Contender,
  generator: GeneratorProcess,
  { host, accounts, count }: StageOptions,
  act: (stage: Stage) => Promise<void>,
): Promise<void> {
  const address = world.address(host)
  const [clientPort, serverPort] = [
    { address, port: 5222 },
    { address, port: 5269 },
  ]
  const remote = (n: number): string => world.remotes[n % world.remotes.length]?.domain ?? ''
  const users = Object.fromEntries(world.users.slice(0, accounts).map((user) => [user, PASSWORD]))
  const starting = contender.start({ domain: DOMAIN, address, dns: world.dns, ca: world.ca, cert: world.cert, users })
  const dialling = generator.ask('dial', { ...serverPort, from: remote(0), to: DOMAIN, retryForMs: FIRST_STREAM_WITHIN_MS })
  dialling.catch(() => undefined) // of no interest when the start fails
  const server = await starting
  try {
    const { readyAtMs } = await dialling
    await generator.ask('hangUp', undefined)
    await act({
      world,
      generator,
      clientPort,
      serverPort,
      firstStreamMs: readyAtMs - server.startedAtMs,
      count,
      cpuUs: () => cpuUs(server.pid),
      residentBytes: () => residentBytes(server.pid),
      login: (n, resource) =>
        generator.ask('login', { ...clientPort, host: DOMAIN, user: world.users[n] ?? '', password: PASSWORD, resource }),
      dial: async (n) => (await generator.ask('dial', { ...serverPort, from: remote(n), to: DOMAIN })).stream,
    })
  } finally {
    await server.stop()
  }
}
