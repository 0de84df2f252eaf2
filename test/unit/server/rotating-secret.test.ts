import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { RotatingSecret } from '../../../src/server/rotating-secret.ts'
import { openMemoryStore } from '../../../src/store/memory.ts'
import type { Store } from '../../../src/store/store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const HOUR = 3_600_000

async function open(clock = new FakeClock(), store: Store = openMemoryStore()) {
  const errors: unknown[] = []
  const setup = { store, clock, random: randomBytes, failed: (error: unknown) => void errors.push(error) }
  return { clock, store, errors, secret: await RotatingSecret.open(setup) }
}
async function advance(clock: FakeClock, secret: RotatingSecret, ms: number): Promise<void> {
  await clock.advance(ms)
  await secret.settled
}

test('another secret each day; the one before counts for ten minutes', async () => {
  const { clock, secret } = await open()
  const first = secret.current
  assert.match(first, /^[0-9a-f]{64}$/)
  assert.equal(secret.former, undefined)
  await advance(clock, secret, 24 * HOUR - 1)
  assert.equal(secret.current, first)
  await advance(clock, secret, 1)
  assert.notEqual(secret.current, first)
  assert.equal(secret.former, first)
  await advance(clock, secret, 599_999)
  assert.equal(secret.former, first)
  await advance(clock, secret, 1)
  assert.equal(secret.former, undefined)
  secret.dispose()
  assert.equal(clock.waiting, 0)
})

test('a restart keeps both; a long pause brings a new one', async () => {
  const one = await open()
  await advance(one.clock, one.secret, 24 * HOUR)
  const [current, former] = [one.secret.current, one.secret.former]
  one.secret.dispose()
  const two = await open(one.clock, one.store)
  assert.deepEqual([two.secret.current, two.secret.former], [current, former])
  two.secret.dispose()
  await one.clock.advance(48 * HOUR)
  const three = await open(one.clock, one.store)
  assert.notEqual(three.secret.current, current)
  assert.equal(three.secret.former, current)
  three.secret.dispose()
})

test('a store that fails: the old secret goes on, and somebody is told', async () => {
  const { clock, secret, store, errors } = await open()
  const first = secret.current
  await store.close()
  await advance(clock, secret, 24 * HOUR)
  assert.equal(secret.current, first)
  assert.equal(errors.length, 1)
  secret.dispose()
})
