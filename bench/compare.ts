import type { Contender } from './servers/contender.ts'
import { onStage } from './stage.ts'
import type { Sample, Stage, Workload } from './workloads/workload.ts'
import type { World } from './world.ts'

/** The last byte of the first server's address. */
const FIRST_HOST = 10

/** A sample and the server it is of. */
export interface Measured extends Sample {
  readonly server: string
  readonly run: number
}

export interface Comparison {
  readonly contenders: readonly Contender[]
  readonly workloads: readonly Workload[]
  readonly runs: number
  readonly count: number | undefined
  /** Called after each workload of each server's turn. */
  readonly onMeasured: (sample: Measured) => void
}

/**
 * Measures all servers, run by run: in each run every server has its turn, so that what else happens on the machine
 * meets them alike, and each run begins with another one.
 */
export async function compare(world: World, comparison: Comparison): Promise<readonly Measured[]> {
  const { contenders, workloads, runs, onMeasured } = comparison
  const measured: Measured[] = []
  const keep = (sample: Measured): void => {
    measured.push(sample)
    onMeasured(sample)
  }
  for (let run = 0; run < runs; run++) {
    const inTurn = contenders.map((_, turn) => contenders[(run + turn) % contenders.length]!)
    for (const group of Map.groupBy(workloads, ({ start }) => start).values()) {
      for (const contender of inTurn) {
        const host = FIRST_HOST + contenders.indexOf(contender)
        const accounts = Math.max(...group.map((workload) => workload.accounts))
        await onStage(world, contender, { host, accounts, count: comparison.count }, async (stage) => {
          for (const workload of group)
            await measure(workload, stage, (sample) => keep({ ...sample, server: contender.name, run }))
        })
      }
    }
  }
  return measured
}

async function measure(workload: Workload, stage: Stage, keep: (sample: Sample) => void): Promise<void> {
  for (const sample of await workload.measure(stage)) keep(sample)
}
