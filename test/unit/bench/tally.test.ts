import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tally } from '../../../bench/load/tally.ts'

const WORD = '</message>'
const piece = fc.constantFrom(WORD, '</mess', 'age>', '<', '<message>', 'text', '</message')

test('a word is counted once, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1 }),
      (pieces, cuts) => {
        const bytes = Buffer.from(pieces.join(''))
        const tally = new Tally(WORD)
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = at + cuts[i % cuts.length]!
          tally.take(bytes.subarray(at, end))
          at = end
        }
        assert.equal(tally.count, bytes.toString().split(WORD).length - 1)
      },
    ),
  )
})

test('the one who waits is called for chunks that bring one more', () => {
  const tally = new Tally(WORD)
  const counts: number[] = []
  tally.onCounted = () => counts.push(tally.count)
  for (const chunk of ['<message>a</mes', 'sage><message>b', '</message></message>']) tally.take(Buffer.from(chunk))
  assert.deepEqual(counts, [1, 3])
})
