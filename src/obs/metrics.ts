import { type Declaration, METRICS, type MetricName, type NameOf } from './declarations.ts'

/** Labels have a bounded set of values: never a domain, an address or a text of a peer. */
export type Labels = Readonly<Record<string, string>>

/** One value with its labels. `suffix`: which line of a histogram. */
export interface Sample {
  readonly labels: Labels
  readonly value: number
  readonly suffix?: '_bucket' | '_count' | '_sum'
}

/** A declared number with its present values. */
export interface Family extends Declaration {
  readonly name: MetricName
  readonly samples: readonly Sample[]
}

/** Counts what operators watch. `count` is for rare events; hot paths keep plain numbers of their own, to `collect`. */
export interface Metrics {
  count(name: NameOf<'counter'>, labels?: Labels, by?: number): void
  observe(name: NameOf<'histogram'>, labels: Labels, value: number): void
  /** Where values come from that are asked for at each reading. */
  collect(name: NameOf<'gauge' | 'counter'>, read: () => Iterable<Sample>): void
  /** Every counter as `name{label="value"}` -> value. */
  read(): ReadonlyMap<string, number>
  families(): readonly Family[]
}

/** So many combinations of label values a name may have; what comes on top is counted under the value "other". */
export const MOST_SERIES = 500

interface Counted {
  readonly labels: Labels
  value: number
}

interface Observed {
  readonly labels: Labels
  /** How many values fell into each bucket, and above them all. */
  readonly buckets: number[]
  sum: number
}

export function createMetrics(): Metrics {
  const counters = new Map<MetricName, Map<string, Counted>>()
  const histograms = new Map<MetricName, Map<string, Observed>>()
  const collected = new Map<MetricName, () => Iterable<Sample>>()
  return {
    count(name, labels = {}, by = 1) {
      seriesOf(counters, name, labels, (kept) => ({ labels: kept, value: 0 })).value += by
    },
    observe(name, labels, value) {
      const { buckets } = METRICS[name]
      const series = seriesOf(histograms, name, labels, (kept) => ({
        labels: kept,
        buckets: new Array<number>(buckets.length + 1).fill(0),
        sum: 0,
      }))
      const index = buckets.findIndex((bound) => value <= bound)
      series.buckets[index === -1 ? buckets.length : index]!++
      series.sum += value
    },
    collect: (name, read) => void collected.set(name, read),
    read() {
      const values = new Map<string, number>()
      for (const [name, series] of counters) for (const [key, { value }] of series) values.set(name + key, value)
      return values
    },
    families() {
      // the keys of METRICS are the names
      return (Object.keys(METRICS) as MetricName[]).map((name) => {
        const declaration: Declaration = METRICS[name]
        const samples = [
          ...(counters.get(name)?.values() ?? []),
          ...[...(histograms.get(name)?.values() ?? [])].flatMap((one) => linesOf(declaration.buckets ?? [], one)),
          ...(collected.get(name)?.() ?? []),
        ]
        return { name, ...declaration, samples }
      })
    },
  }
}

function seriesOf<T>(all: Map<MetricName, Map<string, T>>, name: MetricName, labels: Labels, make: (kept: Labels) => T): T {
  let series = all.get(name)
  if (series === undefined) all.set(name, (series = new Map()))
  let kept = labels
  let key = keyOf(labels)
  if (series.size >= MOST_SERIES && !series.has(key)) {
    kept = Object.fromEntries(Object.keys(labels).map((label) => [label, 'other']))
    key = keyOf(kept)
  }
  let one = series.get(key)
  if (one === undefined) series.set(key, (one = make(kept)))
  return one
}

function keyOf(labels: Labels): string {
  const names = Object.keys(labels).sort()
  return names.length === 0 ? '' : `{${names.map((name) => `${name}="${labels[name]}"`).join(',')}}`
}

/** Buckets are cumulative, as OpenMetrics wants them. */
function linesOf(bounds: readonly number[], { labels, buckets, sum }: Observed): readonly Sample[] {
  let total = 0
  const lines = buckets.map((count, i): Sample => {
    total += count
    return { suffix: '_bucket', labels: { ...labels, le: boundText(bounds[i]) }, value: total }
  })
  return [...lines, { suffix: '_count', labels, value: total }, { suffix: '_sum', labels, value: sum }]
}

const boundText = (bound: number | undefined): string =>
  bound === undefined ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : `${bound}`
