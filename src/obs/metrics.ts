/** Labels have a bounded set of values: never a domain, an address or a text of a peer. */
export type Labels = Readonly<Record<string, string>>

/** Counts what operators watch. `count` is for rare events; hot paths keep plain numbers of their own and `collect` them. */
export interface Metrics {
  count(name: string, labels?: Labels, by?: number): void
  /** Every counter as `name{label="value"}` -> value. */
  read(): ReadonlyMap<string, number>
}

export function createMetrics(): Metrics {
  const values = new Map<string, number>()
  return {
    count(name, labels = {}, by = 1) {
      const pairs = Object.keys(labels)
        .sort()
        .map((k) => `${k}="${labels[k]}"`)
      const key = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
      values.set(key, (values.get(key) ?? 0) + by)
    },
    read: () => values,
  }
}
