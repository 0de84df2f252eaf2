import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EvidenceMemory } from '../../../src/core/evidence.ts'
import { TrustMemory } from '../../../src/core/trust-memory.ts'
import { openMemoryStore } from '../../../src/store/memory.ts'

const fail = (error: unknown): never => assert.fail(String(error))

describe('TrustMemory', () => {
  test('the best is kept, less is told, and plain text is not worth an entry', async () => {
    let nowMs = 1000
    const trust = new TrustMemory(() => nowMs, fail)
    await trust.open(openMemoryStore())
    assert.equal(trust.note('b.example', 'plain'), undefined)
    assert.equal(trust.of('b.example'), undefined)
    assert.equal(trust.note('b.example', 'encrypted'), undefined)
    nowMs = 2000
    assert.equal(trust.note('b.example', 'certificate'), undefined)
    assert.deepEqual(trust.of('b.example'), { best: 'certificate', sinceMs: 2000, lastMs: 2000 })
    nowMs = 3000
    assert.equal(trust.note('b.example', 'encrypted')?.best, 'certificate')
    assert.equal(trust.note('b.example', 'plain')?.best, 'certificate')
    assert.equal(trust.of('b.example')?.best, 'certificate')
  })

  test('survives a restart, until it is told to forget', async () => {
    const store = openMemoryStore()
    const one = new TrustMemory(() => 1000, fail)
    await one.open(store)
    one.note('b.example', 'certificate')
    one.note('c.example', 'encrypted')
    const two = new TrustMemory(() => 2000, fail)
    await two.open(store)
    assert.deepEqual([two.of('b.example')?.best, two.of('c.example')?.best], ['certificate', 'encrypted'])
    assert.ok(two.forget('b.example'))
    assert.ok(!two.forget('b.example'))
    const three = new TrustMemory(() => 3000, fail)
    await three.open(store)
    assert.deepEqual([three.of('b.example'), three.of('c.example')?.best], [undefined, 'encrypted'])
  })

  test('is bounded: those without a certificate go first, the longest unseen before others', () => {
    const trust = new TrustMemory(() => 1000, fail)
    trust.note('certified.example', 'certificate')
    for (let i = 0; i < 10_001; i++) trust.note(`${i}.example`, 'encrypted')
    assert.equal(trust.of('certified.example')?.best, 'certificate')
    assert.equal(trust.of('0.example'), undefined)
    assert.equal(trust.of('1.example'), undefined)
    assert.equal(trust.of('10000.example')?.best, 'encrypted')
  })
})

describe('EvidenceMemory', () => {
  test('keeps the latest of each kind; a look-up begins a new story', () => {
    const memory = new EvidenceMemory()
    const failure = { atMs: 1, endpoint: 'x', stage: 'tcp', why: 'connection refused' }
    for (let i = 0; i < 40; i++) memory.failedEndpoint('b.example', { ...failure, atMs: i })
    assert.equal(memory.of('b.example').failedEndpoints.length, 16)
    assert.equal(memory.of('b.example').failedEndpoints.at(-1)?.atMs, 39)
    memory.lookup('b.example', { atMs: 50, tookMs: 1, endpoints: [], failure: 'no such name' })
    assert.deepEqual(memory.of('b.example').failedEndpoints, [])
    assert.equal(memory.of('c.example').lookup, undefined)
  })

  test('is bounded, and knows nobody without a name', () => {
    const memory = new EvidenceMemory()
    const failure = { atMs: 1, endpoint: 'x', stage: 'tcp', why: 'connection refused' }
    memory.failedEndpoint('', failure)
    for (let i = 0; i < 600; i++) memory.failedEndpoint(`${i}.example`, failure)
    assert.equal(memory.size, 500)
    assert.equal(memory.of('0.example').failedEndpoints.length, 0)
    assert.equal(memory.of('599.example').failedEndpoints.length, 1)
  })
})
