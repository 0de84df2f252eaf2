import { cpus, release, totalmem } from 'node:os'
import type { Measured } from './compare.ts'
import type { Goal, Row } from './workloads/workload.ts'

export interface Figures {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: readonly number[]
  /** Of all runs together. Less than 0: some came twice. */
  readonly lost: number
}

export interface RowResult extends Row {
  readonly servers: Readonly<Record<string, Figures>>
  /** The best peer, and Entente's median as a part of its median. */
  readonly best?: { readonly peer: string; readonly ratio: number; readonly rangesApart: boolean }
  readonly reached?: boolean
  /** How much work a second the generator could do, and how many times what the fastest server can. */
  readonly generator?: { readonly perSecond: number; readonly timesFastest: number }
}

export interface Results {
  readonly measuredAt: string
  readonly command: string
  readonly machine: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, string>>
  readonly rows: readonly RowResult[]
}

const OURS = 'entente'

export function resultOf(row: Row, measured: readonly Measured[]): RowResult {
  const samples = measured.filter((sample) => sample.row === row.id)
  const names = [...new Set(samples.map(({ server }) => server))]
  const figures = new Map(names.map((name) => [name, figuresOf(samples.filter(({ server }) => server === name))]))
  const best = bestPeer(figures)
  const reached = row.goal && isReached(row.goal, figures.get(OURS), best?.ratio)
  const generator = capacity(row, samples, figures)
  return {
    ...row,
    servers: Object.fromEntries(figures),
    ...(best && { best }),
    ...(reached !== undefined && { reached }),
    ...(generator && { generator }),
  }
}

export function machine(): Readonly<Record<string, string>> {
  const processors = cpus()
  return {
    processor: `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GB`,
    kernel: `Linux ${release()}`,
    node: process.version,
    openssl: process.versions.openssl,
  }
}

function figuresOf(samples: readonly Measured[]): Figures {
  const runs = samples.map(({ value }) => value)
  const lost = samples.reduce((sum, sample) => sum + (sample.lost ?? 0), 0)
  return { median: median(runs), min: Math.min(...runs), max: Math.max(...runs), runs, lost }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? upper
  return (lower + upper) / 2
}

function bestPeer(figures: ReadonlyMap<string, Figures>): RowResult['best'] {
  const ours = figures.get(OURS)
  const [best] = [...figures].filter(([name]) => name !== OURS).sort(([, a], [, b]) => a.median - b.median)
  if (ours === undefined || best === undefined) return undefined
  const [peer, theirs] = best
  return { peer, ratio: ours.median / theirs.median, rangesApart: ours.max < theirs.min || ours.min > theirs.max }
}

function isReached(goal: Goal, ours: Figures | undefined, ratio: number | undefined): boolean | undefined {
  if ('atMost' in goal) return ours && ours.median <= goal.atMost
  return ratio === undefined ? undefined : ratio <= goal.ratio
}

/**
 * Server and generator have one core each: what either can do a second follows from the CPU time for one unit. The
 * generator's own differs with the server, as one that writes each stanza alone is dearer to read.
 */
function capacity(row: Row, samples: readonly Measured[], figures: ReadonlyMap<string, Figures>): RowResult['generator'] {
  const [fastest] = [...figures].sort(([, a], [, b]) => a.median - b.median)
  if (fastest === undefined) return undefined
  const [name, { median: cost }] = fastest
  const own = median(samples.flatMap(({ server, generatorUs }) => (server === name ? (generatorUs ?? []) : [])))
  if (Number.isNaN(own)) return undefined
  return { perSecond: Math.round(1e6 / own), timesFastest: (cost * (row.unit.startsWith('ms') ? 1000 : 1)) / own }
}
