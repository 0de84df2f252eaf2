import { connectionWorkloads } from './connections.ts'
import { stanzaWorkloads } from './stanzas.ts'
import type { Workload } from './workload.ts'

export const workloads: readonly Workload[] = [...stanzaWorkloads, ...connectionWorkloads]

/** Those of that name, else those whose name begins with it: `w5` is `w5s` and `w5c`. */
export function workloadsNamed(name: string): readonly Workload[] {
  const exact = workloads.filter(({ id }) => id === name)
  return exact.length > 0 ? exact : workloads.filter(({ id }) => id.startsWith(name))
}
