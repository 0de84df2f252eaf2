export interface SrvRecord {
  /** Lower case, without trailing dot; '.' says that the service is not offered. */
  readonly target: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/**
 * Orders SRV records in the order in which a dialler must try them: ascending priority, and within
 * one priority by weighted lot (RFC 2782, "Usage rules").
 *
 * @param random uniform in [0, 1)
 */
export function orderSrv<R extends SrvRecord>(records: readonly R[], random: () => number): readonly R[] {
  // records of weight 0 stand first in their tier, so that they keep a small chance
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight)
  const ordered: R[] = []
  while (left.length > 0) {
    const tier = left.filter((r) => r.priority === left[0]!.priority)
    const drawn = draw(tier, random)
    ordered.push(drawn)
    left.splice(left.indexOf(drawn), 1)
  }
  return ordered
}

function draw<R extends SrvRecord>(tier: readonly R[], random: () => number): R {
  const sum = tier.reduce((total, r) => total + r.weight, 0)
  let lot = Math.floor(random() * (sum + 1)) // 0..sum, both ends included
  return tier.find((r) => (lot -= r.weight) <= 0) ?? tier.at(-1)!
}
