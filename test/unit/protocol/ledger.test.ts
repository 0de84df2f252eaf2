import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Ledger } from '../../../src/protocol/ledger.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'

const stanza = (id: number): Stanza => Stanza.of('message', { id: `${id}` }, 'x'.repeat(id % 7))
const ids = (ledger: Ledger): number[] => ledger.unacknowledged().map((s) => Number(s.id))

describe('the ledger of a managed stream', () => {
  test('a count of none but what is outstanding is possible', () => {
    const ledger = new Ledger()
    assert.equal(ledger.acknowledge(1), false)
    for (const id of [1, 2, 3]) ledger.push(stanza(id))
    assert.equal(ledger.acknowledge(2), true)
    assert.deepEqual(ids(ledger), [3])
    assert.equal(ledger.acknowledge(1), false, 'less than before')
    assert.equal(ledger.acknowledge(4), false, 'more than was sent')
    assert.deepEqual([ledger.sent, ledger.outstanding], [3, 1])
  })

  test('counts wrap at 2^32, both ways', () => {
    const ledger = new Ledger()
    ledger.handled = 2 ** 32 - 1
    ledger.countHandled()
    assert.equal(ledger.handled, 0)
    const near = Ledger.startingAt(2 ** 32 - 2)
    for (const id of [1, 2, 3]) near.push(stanza(id))
    assert.equal(near.sent, 1)
    assert.equal(near.acknowledge(0), true)
    assert.deepEqual(ids(near), [3])
    assert.equal(near.acknowledge(2 ** 32 - 1), false)
    assert.equal(near.acknowledge(1), true)
    assert.equal(near.outstanding, 0)
  })

  test('whatever is written, counted and settled, the rest stays in order, and the bytes are those of the rest', () => {
    const action = fc.oneof(
      { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 300 }) }) },
      { weight: 3, arbitrary: fc.record({ take: fc.nat(400) }) },
      { weight: 1, arbitrary: fc.constant('settle' as const) },
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const ledger = new Ledger()
        let first = 0
        let next = 0
        for (const a of actions) {
          if (a === 'settle') ledger.settle()
          else if ('push' in a) for (let i = 0; i < a.push; i++) ledger.push(stanza(next++))
          else {
            const possible = first + a.take <= next
            assert.equal(ledger.acknowledge(first + a.take), possible)
            if (possible) first += a.take
          }
          assert.deepEqual(
            ids(ledger),
            Array.from({ length: next - first }, (_, i) => first + i),
          )
          assert.equal(
            ledger.bytes,
            ledger.unacknowledged().reduce((sum, s) => sum + s.inside.length, 0),
          )
          assert.equal(ledger.sent, next)
        }
        assert.equal(ledger.giveUp().length, next - first)
        assert.deepEqual([ledger.outstanding, ledger.bytes], [0, 0])
      }),
      { numRuns: 60 },
    )
  })
})
