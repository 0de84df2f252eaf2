import type { Contender } from './servers/contender.ts'
import { onStage } from './stage.ts'
import type { Sample, Workload } from './workloads/workload.ts'
import type { World } from './world.ts'

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
  /** Called before each server's turn, with what is about to be measured. */
  readonly onTurn: (text: string) => void
}

/**
 * Measures all servers, run by run: in each run every server has its turn, so that what else happens on the machine
 * meets them alike, and each run begins with another one.
 */
export async function compare(world: World, comparison: Comparison): Promise<readonly Measured[]> {
  const { contenders, workloads, runs, count, onTurn } = comparison
  const groups = grouped(workloads)
  const measured: Measured[] = []
  for (let run = 0; run < runs; run++) {
    for (const group of groups) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const which = (run + turn) % contenders.length
        const contender = contenders[which]
        if (contender === undefined) continue
        onTurn(`run ${run + 1} of ${runs}: ${contender.name} ${group.map(({ id }) => id).join(' ')}`)
        const accounts = Math.max(...group.map((workload) => workload.accounts))
        await onStage(world, contender, { host: 10 + which, accounts, count }, async (stage) => {
          for (const workload of group) {
            for (const sample of await workload.measure(stage)) measured.push({ ...sample, server: contender.name, run })
          }
        })
      }
    }
  }
  return measured
}

/** Workloads that can follow each other on one started server; each `fresh` one has a start of its own. */
function grouped(workloads: readonly Workload[]): readonly (readonly Workload[])[] {
  const shared = workloads.filter(({ fresh }) => !fresh)
  const alone = workloads.filter(({ fresh }) => fresh).map((workload) => [workload])
  return shared.length > 0 ? [shared, ...alone] : alone
}
