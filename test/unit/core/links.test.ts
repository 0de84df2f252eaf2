import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LinkQueue, MAX_QUEUED_BYTES, MOST_OF_SENDER } from '../../../src/core/link-queue.ts'
import type { Source } from '../../../src/core/source.ts'
import { jid } from '../../../src/xmpp/jid.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'
import { EXPIRED, LinkBench, REFUSED, Stream } from './link-bench.ts'

const STANZA = Stanza.of('message', { from: jid('x@a.example'), to: jid('y@b.example'), id: 'held' })
const BACK = 'remote-server-timeout: Server-to-server connection failed: no connection: connection refused'

describe('back-off', () => {
  for (const [random, delays] of [
    [1, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]],
    [0, [1.5, 3, 6, 12, 24, 48, 96, 192, 225, 225]],
  ] as const) {
    test(`random ${random}: the attempts come after ${delays.join(', ')} s`, async () => {
      const bench = new LinkBench(random)
      bench.send()
      for (const delay of delays) {
        bench.attempt.failed(REFUSED)
        const { length } = bench.attempts
        await bench.clock.advance(delay * 1000 - 1)
        bench.send()
        await bench.clock.advance(0)
        assert.equal(bench.attempts.length, length, `too early after ${delay} s`)
        await bench.clock.advance(1)
        bench.send()
        assert.equal(bench.attempts.length, length + 1, `${delay} s`)
      }
    })
  }

  test('what waits for a failed attempt goes back at once; what comes next waits for the second attempt', async () => {
    const bench = new LinkBench()
    for (let i = 0; i < 3; i++) bench.send()
    bench.attempt.failed(REFUSED)
    assert.deepEqual(bench.back.splice(0), [`m0 ${BACK}`, `m1 ${BACK}`, `m2 ${BACK}`])
    for (let i = 0; i < 100; i++) bench.send()
    assert.equal(bench.state, 'a.example b.example waiting 100')
    await bench.clock.advance(1999)
    assert.equal(bench.attempts.length, 1)
    await bench.clock.advance(1)
    assert.equal(bench.attempts.length, 2)
    const stream = new Stream()
    bench.attempt.ready(stream)
    assert.equal(stream.written.length, 100)
    assert.deepEqual([bench.back, bench.links.troubled, bench.clock.waiting], [[], 0, 0])
  })

  test('an attempt that is due later than in 10 s: back at once, with its time in words, and no attempt', async () => {
    const bench = new LinkBench()
    bench.send()
    for (const delay of [2000, 4000, 8000]) {
      bench.attempt.failed(REFUSED)
      bench.send()
      await bench.clock.advance(delay)
    }
    assert.equal(bench.attempts.length, 4)
    bench.attempt.failed(REFUSED)
    bench.back.length = 0
    const id = bench.send()
    await bench.clock.advance(0)
    assert.deepEqual(bench.back, [`${id} ${BACK}; the next attempt is possible in 16 s`])
    assert.equal(bench.state, '')
    await bench.clock.advance(6000)
    const waits = bench.send()
    assert.equal(bench.state, 'a.example b.example waiting 1')
    await bench.clock.advance(10_000)
    assert.equal(bench.attempts.length, 5)
    bench.attempt.ready(new Stream())
    assert.doesNotMatch(bench.back.join(), new RegExp(waits))
  })

  test('long waits are told in minutes', async () => {
    const bench = new LinkBench()
    bench.send()
    for (const delay of [2, 4, 8, 16, 32, 64, 128, 256]) {
      bench.attempt.failed(REFUSED)
      await bench.clock.advance(delay * 1000)
      bench.send()
    }
    bench.attempt.failed(REFUSED)
    bench.places = 'one'
    bench.back.length = 0
    await bench.clock.advance(59_000)
    bench.send()
    await bench.clock.advance(0)
    assert.match(bench.back[0]!, /; the next attempt is possible in 5 min$/)
  })

  test('failures that are long past do not count', async () => {
    const bench = new LinkBench()
    await bench.failures(5)
    await bench.clock.advance(700_000)
    bench.send()
    bench.attempt.failed(REFUSED)
    bench.send()
    await bench.clock.advance(2000)
    assert.equal(bench.attempts.length, 7)
  })

  test('a refusal that costs nothing delays nothing', () => {
    const bench = new LinkBench()
    bench.send()
    bench.attempt.failed({ stage: 'policy', condition: 'not-allowed', text: 'no' })
    bench.send()
    assert.equal(bench.attempts.length, 2)
    assert.equal(bench.links.troubled, 0)
  })

  test('remote domains that have failed are remembered up to a bound', () => {
    const bench = new LinkBench()
    for (let i = 0; i < 10_050; i++) {
      bench.send('romeo@a.example', `x@r${i}.example`)
      bench.attempt.failed(REFUSED)
    }
    assert.equal(bench.links.troubled, 10_000)
    assert.deepEqual(bench.links.list(), [])
  })

  test('and forgotten when that is long past', async () => {
    const bench = new LinkBench()
    for (let i = 0; i < 50; i++) {
      bench.send('romeo@a.example', `x@r${i}.example`)
      bench.attempt.failed(REFUSED)
    }
    await bench.clock.advance(1_000_000)
    bench.send('romeo@a.example', 'x@other.example')
    bench.attempt.failed(REFUSED)
    assert.equal(bench.links.troubled, 1)
  })
})

describe('several domains of ours, one remote domain', () => {
  test('without failures each makes its own stream', () => {
    const bench = new LinkBench()
    bench.send('x@a.example')
    bench.send('x@muc.a.example')
    assert.deepEqual(
      bench.attempts.map((a) => a.local),
      ['a.example', 'muc.a.example'],
    )
  })

  test('that they failed together counts once', async () => {
    const bench = new LinkBench()
    for (let i = 0; i < 6; i++) bench.send(`x@h${i}.example`)
    for (const attempt of bench.attempts) attempt.failed(REFUSED)
    bench.send()
    await bench.clock.advance(2000)
    assert.equal(bench.attempts.length, 7)
  })

  test('after a failure one of them tries, the others wait for what comes of it: success', async () => {
    const bench = new LinkBench()
    bench.send()
    bench.attempt.failed(REFUSED)
    for (let i = 0; i < 5; i++) bench.send(`x@h${i}.example`)
    await bench.clock.advance(2000)
    assert.equal(bench.attempts.length, 2)
    bench.send('x@h5.example')
    assert.equal(bench.attempts.length, 2)
    bench.attempt.ready(new Stream())
    assert.equal(bench.attempts.length, 7)
  })

  test('... failure: what waits goes back everywhere', async () => {
    const bench = new LinkBench()
    bench.send()
    bench.attempt.failed(REFUSED)
    bench.back.length = 0
    const ids = [0, 1, 2].map((i) => bench.send(`x@h${i}.example`))
    await bench.clock.advance(2000)
    bench.attempt.failed(REFUSED)
    assert.deepEqual(bench.back.sort(), ids.map((id) => `${id} ${BACK}`).sort())
    assert.deepEqual([bench.attempts.length, bench.state, bench.clock.waiting], [2, '', 0])
  })

  test('... a failure that concerns the one only: the others try', async () => {
    const bench = new LinkBench()
    bench.send()
    bench.attempt.failed(REFUSED)
    for (let i = 0; i < 3; i++) bench.send(`x@h${i}.example`)
    await bench.clock.advance(2000)
    bench.attempt.failed(EXPIRED)
    assert.equal(bench.attempts.length, 4)
  })

  test('a domain of ours that the remote refuses delays no other', async () => {
    const bench = new LinkBench()
    for (let i = 0; i < 4; i++) await bench.failures(1, EXPIRED)
    const { length } = bench.attempts
    bench.send('x@other.example')
    assert.equal(bench.attempts.length, length + 1)
    bench.send()
    assert.equal(bench.attempts.length, length + 1)
  })

  test('whoever waits for an attempt that a stop ends goes back with it', async () => {
    const bench = new LinkBench()
    bench.send()
    bench.attempt.failed(REFUSED)
    bench.send('x@h0.example')
    bench.send('x@h1.example')
    await bench.clock.advance(2000)
    bench.back.length = 0
    bench.links.closing()
    assert.equal(bench.back.length, 2)
    assert.deepEqual([bench.state, bench.clock.waiting], ['', 0])
  })
})

describe('release', () => {
  /** Four failures in a row: the next attempt is not before 16 s. */
  const troubled = async (): Promise<LinkBench> => {
    const bench = new LinkBench()
    bench.send()
    for (const delay of [2000, 4000, 8000]) {
      bench.attempt.failed(REFUSED)
      await bench.clock.advance(delay)
      bench.send()
    }
    bench.attempt.failed(REFUSED)
    await bench.clock.advance(3000)
    bench.back.length = 0
    return bench
  }

  test('the remote domain connects to us: the next stanza causes an attempt at once', async () => {
    const bench = await troubled()
    bench.links.released('b.example')
    bench.send()
    assert.equal(bench.attempts.length, 5)
  })

  test('and what waits is not left waiting', () => {
    const bench = new LinkBench()
    bench.send()
    bench.attempt.failed(REFUSED)
    bench.send()
    bench.links.released('b.example')
    assert.equal(bench.attempts.length, 2)
    assert.equal(bench.clock.waiting, 1, 'the age of the queue')
  })

  test('another domain connects to us: nothing changes', async () => {
    const bench = await troubled()
    bench.links.released('c.example')
    bench.send()
    assert.equal(bench.attempts.length, 4)
  })

  test('by command, also when nothing waits', async () => {
    const bench = await troubled()
    assert.equal(bench.links.retry('b.example', 'a.example'), 1)
    assert.equal(bench.attempts.length, 5)
    const stream = new Stream()
    bench.attempt.ready(stream)
    const id = bench.send()
    assert.deepEqual(stream.written, [id])
  })

  test('by command while an attempt is under way: no second one', () => {
    const bench = new LinkBench()
    bench.send()
    bench.send('x@h0.example')
    assert.equal(bench.links.retry('b.example', 'a.example'), 2)
    assert.equal(bench.attempts.length, 2)
  })

  test('by a reload', async () => {
    const bench = await troubled()
    bench.links.releasedAll()
    bench.send()
    assert.equal(bench.attempts.length, 5)
  })

  test('DNS leads elsewhere: an attempt at once, by the stanza that found out', async () => {
    const bench = await troubled()
    await bench.clock.advance(3000)
    bench.send()
    await bench.clock.advance(4000)
    bench.places = 'two'
    bench.back.length = 0
    // the delay of 16 s is nearly over: fail once more, for 32 s
    await bench.clock.advance(9000)
    bench.send()
    bench.attempt.failed({ ...REFUSED, places: 'one' })
    bench.back.length = 0
    await bench.clock.advance(11_000)
    const { length } = bench.attempts
    bench.send()
    bench.send()
    await bench.clock.advance(0)
    assert.equal(bench.attempts.length, length + 1)
    assert.deepEqual(bench.back, [])
    bench.attempt.failed({ ...REFUSED, places: 'two' })
    bench.back.length = 0
    bench.send()
    await bench.clock.advance(0)
    assert.match(bench.back[0]!, /possible in 64 s$/, 'the delay goes on growing')
  })

  test('DNS is asked once for all that comes, and not again for 10 s', async () => {
    const bench = await troubled()
    await bench.clock.advance(13_000)
    bench.send()
    bench.attempt.failed(REFUSED)
    await bench.clock.advance(11_000)
    const { looks } = bench
    for (let i = 0; i < 5; i++) bench.send()
    await bench.clock.advance(0)
    for (let i = 0; i < 5; i++) bench.send()
    assert.equal(bench.looks, looks + 1)
    await bench.clock.advance(10_000)
    assert.equal(bench.state, '')
  })

  test('a name server that does not answer holds a stanza for 2 s', async () => {
    const bench = await troubled()
    await bench.clock.advance(13_000)
    bench.send()
    bench.attempt.failed(REFUSED)
    await bench.clock.advance(11_000)
    bench.back.length = 0
    bench.places = new Promise<string>(() => {})
    bench.send()
    await bench.clock.advance(1999)
    assert.deepEqual(bench.back, [])
    await bench.clock.advance(1)
    assert.match(bench.back[0]!, /possible in \d+ s$/)
    assert.equal(bench.clock.waiting, 0)
  })
})

describe('a stream that was lost', () => {
  const open = (): { bench: LinkBench; stream: Stream } => {
    const bench = new LinkBench()
    bench.send()
    const stream = new Stream()
    bench.attempt.ready(stream)
    return { bench, stream }
  }
  /** Loses the stream while something waits. */
  const lose = (bench: LinkBench, stream: Stream): string => {
    stream.isCongested = true
    const id = bench.send()
    bench.attempt.lost('connection reset')
    return id
  }

  test('what waits goes over a new one, which is made at once', () => {
    const { bench, stream } = open()
    const id = lose(bench, stream)
    assert.equal(bench.attempts.length, 2)
    const next = new Stream()
    bench.attempt.ready(next)
    assert.deepEqual(next.written, [id])
  })

  test('twice in a row soon after it was made: the third is not made at once', async () => {
    const { bench, stream } = open()
    lose(bench, stream)
    const second = new Stream()
    bench.attempt.ready(second)
    const id = lose(bench, second)
    assert.equal(bench.attempts.length, 2)
    await bench.clock.advance(2000)
    assert.equal(bench.attempts.length, 3)
    const third = new Stream()
    bench.attempt.ready(third)
    assert.deepEqual(third.written, [id])
    lose(bench, third)
    await bench.clock.advance(3999)
    assert.equal(bench.attempts.length, 3)
    await bench.clock.advance(1)
    assert.equal(bench.attempts.length, 4)
    assert.deepEqual(bench.back, [])
  })

  test('one that has lasted is made anew at once each time', async () => {
    const { bench, stream } = open()
    let current = stream
    for (let i = 0; i < 5; i++) {
      await bench.clock.advance(10_000)
      lose(bench, current)
      current = new Stream()
      bench.attempt.ready(current)
    }
    assert.equal(bench.attempts.length, 6)
    assert.deepEqual(bench.back, [])
  })

  test('with nothing to carry it is not made anew, unless something sent is not confirmed', () => {
    const { bench } = open()
    bench.attempt.lost('end of stream')
    assert.deepEqual([bench.attempts.length, bench.state], [1, ''])
    bench.send()
    bench.attempt.ready(new Stream())
    bench.attempt.lost('connection reset', true)
    assert.equal(bench.state, 'a.example b.example waiting 0')
  })

  test('one that the remote opened is used where there is none, and where one is only being made', () => {
    const bench = new LinkBench()
    bench.send()
    const theirs = new Stream()
    const events = bench.links.adopt('a.example', 'b.example', theirs)
    assert.deepEqual(theirs.written, ['m0'])
    bench.attempt.failed(REFUSED)
    assert.equal(bench.state, 'a.example b.example ready 0')
    assert.equal(bench.links.adopt('a.example', 'b.example', new Stream()), undefined)
    theirs.isCongested = true
    const id = bench.send()
    theirs.isCongested = false
    events!.drained()
    assert.deepEqual(theirs.written, ['m0', id])
    events!.lost('end of stream')
    assert.equal(bench.state, '')
  })

  test('and ends the waiting after failures', () => {
    const bench = new LinkBench()
    bench.send()
    bench.attempt.failed(REFUSED)
    const id = bench.send()
    const theirs = new Stream()
    bench.links.adopt('a.example', 'b.example', theirs)
    assert.deepEqual([theirs.written, bench.links.troubled, bench.clock.waiting], [[id], 0, 0])
  })

  test('late events of an old attempt change nothing', () => {
    const { bench, stream } = open()
    const [first] = bench.attempts
    lose(bench, stream)
    first!.lost('again')
    first!.failed(REFUSED)
    first!.ready(new Stream())
    assert.equal(bench.state, 'a.example b.example connecting 1')
  })
})

describe('the queue', () => {
  test('one sender may hold 1,000 stanzas; only that sender is told, others go on', () => {
    const bench = new LinkBench()
    for (let i = 0; i < MOST_OF_SENDER; i++) bench.send('romeo@a.example/phone')
    const id = bench.send('romeo@a.example/desk')
    assert.deepEqual(bench.back, [`${id} resource-constraint: Too much of yours already waits for that server`])
    bench.send('mercutio@a.example')
    assert.deepEqual(bench.back.length, 1)
    assert.deepEqual(bench.links.waiting()[0]?.senders, 2)
    const stream = new Stream()
    bench.attempt.ready(stream)
    assert.equal(stream.written.length, MOST_OF_SENDER + 1)
  })

  test('whoever has filled its share is not read until the queue has gone, so that nothing of it has to go back', () => {
    const bench = new LinkBench()
    let pauses = 0
    const source: Source = { id: 's', pause: () => void pauses++, resume: () => void pauses-- }
    for (let i = 1; i < MOST_OF_SENDER; i++) bench.links.send(STANZA, source)
    assert.equal(pauses, 0)
    bench.links.send(STANZA, source)
    assert.equal(pauses, 1)
    bench.attempt.ready(new Stream())
    assert.deepEqual([pauses, bench.back], [0, []])
  })

  test('a stream of its own that sends on all the same is told once, then not read either', () => {
    const bench = new LinkBench()
    for (let i = 0; i < MOST_OF_SENDER; i++) bench.links.send(STANZA, undefined)
    let pauses = 0
    const other: Source = { id: 'other', pause: () => void pauses++, resume: () => void pauses-- }
    bench.links.send(STANZA, other)
    assert.deepEqual([pauses, bench.back.length], [1, 1])
    bench.attempt.ready(new Stream())
    assert.equal(pauses, 0)
  })

  test('and is read again when there is no way out', () => {
    const bench = new LinkBench()
    let pauses = 0
    const source: Source = { id: 's', pause: () => void pauses++, resume: () => void pauses-- }
    for (let i = 0; i < MOST_OF_SENDER; i++) bench.links.send(STANZA, source)
    bench.attempt.failed(REFUSED)
    assert.deepEqual([pauses, bench.back.length], [0, MOST_OF_SENDER])
  })

  test('what has left makes room for its sender', () => {
    const bench = new LinkBench()
    const stream = new Stream()
    bench.send()
    bench.attempt.ready(stream)
    stream.isCongested = true
    for (let i = 0; i < MOST_OF_SENDER; i++) bench.send()
    stream.isCongested = false
    bench.attempt.drained()
    stream.isCongested = true
    for (let i = 0; i < MOST_OF_SENDER; i++) bench.send()
    assert.deepEqual(bench.back, [])
  })

  test('stanzas and bytes are bounded', () => {
    const bench = new LinkBench()
    bench.bounds = { stanzas: 2, bytes: 10_000, ageMs: 120_000 }
    for (let i = 0; i < 3; i++) bench.send()
    bench.bounds = { stanzas: 100, bytes: 250, ageMs: 120_000 }
    bench.send('x@b.example', 'x@c.example')
    bench.send('x@b.example', 'x@c.example')
    const full = 'resource-constraint: Outgoing stanza queue full'
    assert.deepEqual(bench.back, [`m2 ${full}`, `m4 ${full}`])
  })

  test('all queues together have a bound in bytes', () => {
    const total = { bytes: MAX_QUEUED_BYTES - 300 }
    const queues = [new LinkQueue(total), new LinkQueue(total)]
    const bounds = { stanzas: 10, bytes: 10_000, ageMs: 1000 }
    assert.equal(queues[0]!.push(STANZA, 0, bounds), undefined)
    assert.equal(queues[1]!.push(STANZA, 0, bounds)?.condition, 'resource-constraint')
    queues[0]!.shift()
    assert.equal(queues[1]!.push(STANZA, 0, bounds), undefined)
    queues[1]!.takeAll()
    assert.equal(total.bytes, MAX_QUEUED_BYTES - 300)
  })

  test('what is too old goes back; younger stanzas stay, in order', async () => {
    const bench = new LinkBench()
    const old = bench.send()
    await bench.clock.advance(60_000)
    const young = bench.send()
    await bench.clock.advance(59_999)
    assert.deepEqual(bench.back, [])
    await bench.clock.advance(1)
    const text = 'This could not be sent within 2 min: the remote server is not reached, or takes nothing'
    assert.deepEqual(bench.back, [`${old} remote-server-timeout: ${text}`])
    const stream = new Stream()
    bench.attempt.ready(stream)
    assert.deepEqual([stream.written, bench.clock.waiting], [[young], 0])
  })

  test('also on a stream that takes nothing, and whoever filled it may go on', async () => {
    const bench = new LinkBench()
    const stream = new Stream()
    bench.send()
    bench.attempt.ready(stream)
    stream.isCongested = true
    let pauses = 0
    const source: Source = { id: 's', pause: () => void pauses++, resume: () => void pauses-- }
    bench.links.send(STANZA, source)
    assert.equal(pauses, 1)
    await bench.clock.advance(120_000)
    assert.equal(pauses, 0)
    assert.match(bench.back[0]!, /^held remote-server-timeout: This could not be sent within 2 min/)
  })
})
