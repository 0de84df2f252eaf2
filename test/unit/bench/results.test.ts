import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Measured } from '../../../bench/compare.ts'
import { asText, nothingLost } from '../../../bench/report.ts'
import { median, type Results, resultOf } from '../../../bench/results.ts'
import type { Row } from '../../../bench/workloads/workload.ts'

const row: Row = { id: 'w1', title: 'in', unit: 'us CPU/stanza', digits: 1, goal: { ratio: 1 / 8 } }

function samples(server: string, values: readonly number[], more: Partial<Measured> = {}): Measured[] {
  return values.map((value, run) => ({ row: 'w1', server, run, value, lost: 0, ...more }))
}

test('the median of an even number lies between the two in the middle', () => {
  assert.equal(median([4, 1, 3]), 3)
  assert.equal(median([4, 1, 3, 2]), 2.5)
})

test('Entente is set against the best peer, and overlapping ranges are told', () => {
  const peers = [...samples('prosody', [150, 140, 160]), ...samples('ejabberd', [90, 100, 110])]
  const apart = resultOf(row, [...samples('entente', [10, 12, 11]), ...peers])
  assert.deepEqual(apart.best, { peer: 'ejabberd', ratio: 0.11, rangesApart: true })
  assert.equal(apart.reached, true)
  const near = resultOf(row, [...samples('entente', [95, 80, 85]), ...peers])
  assert.equal(near.best?.rangesApart, false)
  assert.equal(near.reached, false)
})

test('peers alone have no ratio and reach no goal', () => {
  const { best, reached } = resultOf(row, samples('prosody', [150]))
  assert.deepEqual([best, reached], [undefined, undefined])
})

test('the capacity of the generator is its own cost beside the fastest server', () => {
  const { generator } = resultOf(row, [
    ...samples('entente', [8], { generatorUs: 2 }),
    ...samples('prosody', [100], { generatorUs: 50 }),
  ])
  assert.deepEqual(generator, { perSecond: 500_000, timesFastest: 4 })
})

test('a lost stanza is shown and makes the whole result worthless', () => {
  const rows = [resultOf(row, samples('prosody', [150, 140], { lost: 1 }))]
  const results: Results = { measuredAt: '', command: 'npm run bench', machine: {}, versions: { prosody: '0.12' }, rows }
  assert.equal(nothingLost(results), false)
  assert.match(asText(results), /LOST 2/)
})
