import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Lanes } from '../../../src/core/lanes.ts'
import type { Source } from '../../../src/core/source.ts'

class Stream implements Source {
  readonly id: string
  paused = 0
  constructor(id: string) {
    this.id = id
  }
  pause(): void {
    this.paused++
  }
  resume(): void {
    this.paused--
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('lanes', () => {
  test('what waits for nothing runs at once, and no lane is left', () => {
    const lanes = new Lanes()
    let ran = 0
    lanes.run(new Stream('s'), 'r', () => void ran++)
    lanes.behind(new Stream('s'), 'r', () => ran++)
    assert.deepEqual([ran, lanes.size], [2, 0])
  })

  test('what comes later in a lane waits, all others pass', async () => {
    const lanes = new Lanes()
    const [s, t] = [new Stream('s'), new Stream('t')]
    const said: string[] = []
    const gate = Promise.withResolvers<void>()
    lanes.run(s, 'r', () => gate.promise)
    lanes.run(s, 'r', () => void said.push('same lane'))
    lanes.behind(s, 'r', () => said.push('behind it'))
    lanes.run(s, 'other', () => void said.push('other recipient'))
    lanes.run(t, 'r', () => void said.push('other stream'))
    lanes.run(undefined, 'r', () => void said.push('no stream'))
    lanes.behind(t, 'r', () => said.push('behind nothing'))
    assert.deepEqual(said, ['other recipient', 'other stream', 'no stream', 'behind nothing'])
    gate.resolve()
    await turn()
    assert.deepEqual(said.slice(4), ['same lane', 'behind it'])
    assert.equal(lanes.size, 0)
  })

  test('a full lane stops its stream once, and lets it go when it is empty', async () => {
    const lanes = new Lanes()
    const stream = new Stream('s')
    const gate = Promise.withResolvers<void>()
    lanes.run(stream, 'r', () => gate.promise)
    for (let i = 0; i < 200; i++) lanes.run(stream, 'r', () => undefined)
    assert.equal(stream.paused, 1)
    gate.resolve()
    await turn()
    assert.deepEqual([stream.paused, lanes.size], [0, 0])
  })

  test('whatever waits how long, each lane keeps its order and all of it is done', async () => {
    const job = fc.record({
      stream: fc.integer({ min: 0, max: 2 }),
      recipient: fc.integer({ min: 0, max: 2 }),
      turns: fc.integer({ min: 0, max: 3 }),
      behind: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 40 }), async (jobs) => {
        const lanes = new Lanes()
        const streams = [new Stream('0'), new Stream('1'), new Stream('2')]
        const done = new Map<string, number[]>()
        for (const [i, { stream, recipient, turns, behind }] of jobs.entries()) {
          const lane = `${stream} ${recipient}`
          const finish = (): void => void done.set(lane, [...(done.get(lane) ?? []), i])
          const wait = async (): Promise<void> => {
            for (let n = 0; n < turns; n++) await Promise.resolve()
            finish()
          }
          if (behind) lanes.behind(streams[stream]!, String(recipient), finish)
          else lanes.run(streams[stream]!, String(recipient), () => (turns === 0 ? finish() : wait()) as undefined)
        }
        while (lanes.size > 0) await turn()
        for (const order of done.values())
          assert.deepEqual(
            order,
            order.toSorted((a, b) => a - b),
          )
        assert.equal([...done.values()].flat().length, jobs.length)
      }),
      { numRuns: 200 },
    )
  })
})
