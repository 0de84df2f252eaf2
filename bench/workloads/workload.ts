import type { GeneratorProcess } from '../generator.ts'
import type { Place, StreamId } from '../load/orders.ts'
import type { World } from '../world.ts'

/** Against the best peer of the same run, or a fixed bound in the row's unit. */
export type Goal = { readonly ratio: number } | { readonly atMost: number }

/** One line of the table. */
export interface Row {
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly digits: number
  readonly goal?: Goal
}

/** What one run of one server gave for one row. */
export interface Sample {
  readonly row: string
  readonly value: number
  readonly lost?: number
  /** What the generator itself needed for a unit of work; the generator's capacity comes from it. */
  readonly generatorUs?: number
}

/** A running server with a generator before it, as a workload sees them. */
export interface Stage {
  readonly world: World
  readonly generator: GeneratorProcess
  readonly clientPort: Place
  readonly serverPort: Place
  /** From the start of the process to the first authenticated stream. */
  readonly firstStreamMs: number
  /** `--count`, where it is given. */
  readonly count: number | undefined
  cpuUs(): number
  residentBytes(): number
  /** A session of one of the world's users. */
  login(user: number, resource: string): Promise<StreamId>
  /** A stream from one of the world's remote domains, authenticated. */
  dial(remote: number): Promise<StreamId>
}

export interface Workload {
  readonly id: string
  readonly rows: readonly Row[]
  /** Workloads of the same start follow each other, in the order of the list, on one server started for them. */
  readonly start: 'busy' | 'idle streams' | 'idle sessions'
  readonly accounts: number
  measure(stage: Stage): Promise<readonly Sample[]>
}
