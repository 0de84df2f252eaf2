import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { orderSrv } from '../../../src/net/srv.ts'

const srv = (target: string, priority: number, weight: number) => ({ target, port: 5269, priority, weight })

/** A small seeded generator (mulberry32), so that the statistics are the same on every run. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

describe('orderSrv', () => {
  test('lower priority numbers come first, whatever the weights', () => {
    const ordered = orderSrv([srv('c', 30, 9), srv('a', 5, 0), srv('b', 10, 65535)], Math.random)
    assert.deepEqual(
      ordered.map((r) => r.target),
      ['a', 'b', 'c'],
    )
  })

  test('over 10 000 picks, records of one priority are first in proportion to their weight', () => {
    const random = seeded(7)
    const first = new Map<string, number>()
    const records = [srv('ten', 1, 10), srv('thirty', 1, 30), srv('sixty', 1, 60), srv('backup', 2, 100)]
    for (let i = 0; i < 10_000; i++) {
      const target = orderSrv(records, random)[0]!.target
      first.set(target, (first.get(target) ?? 0) + 1)
    }
    assert.equal(first.get('backup'), undefined)
    for (const [target, share] of [
      ['ten', 0.1],
      ['thirty', 0.3],
      ['sixty', 0.6],
    ] as const) {
      assert.ok(Math.abs(first.get(target)! / 10_000 - share) < 0.02, `${target}: ${first.get(target)}`)
    }
  })

  test('a record of weight 0 is seldom first, but not never', () => {
    const random = seeded(11)
    let zeroFirst = 0
    for (let i = 0; i < 10_000; i++)
      if (orderSrv([srv('zero', 1, 0), srv('ten', 1, 10)], random)[0]!.target === 'zero') zeroFirst++
    assert.ok(zeroFirst > 600 && zeroFirst < 1300, String(zeroFirst))
  })

  test('nothing is lost, doubled or out of priority order; the input is untouched', () => {
    const record = fc.record({ target: fc.string(), port: fc.nat(65535), priority: fc.nat(3), weight: fc.nat(65535) })
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 20 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (records, lot) => {
          const before = [...records]
          const ordered = orderSrv(records, () => lot)
          assert.deepEqual(records, before)
          assert.deepEqual(new Set(ordered), new Set(records))
          assert.equal(ordered.length, records.length)
          assert.deepEqual(
            ordered.map((r) => r.priority),
            records.map((r) => r.priority).toSorted((a, b) => a - b),
          )
        },
      ),
    )
  })
})
