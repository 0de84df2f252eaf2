import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { decodeKey, encodeKey, keyRange } from '../../../src/store/keys.ts'
import { openMemoryStore } from '../../../src/store/memory.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { Key, Store } from '../../../src/store/store.ts'

const root = mkdtempSync(join(tmpdir(), 'entente-model-'))
after(() => rmSync(root, { recursive: true }))

const part = fc.oneof(
  fc.string({ unit: fc.constantFrom('\0', '\x01', '\x02', 'a', 'b', '\x7f', 'é', '\uffff', '😀'), maxLength: 3 }),
  fc.string({ unit: 'binary', maxLength: 5 }),
)
const key = fc.array(part, { maxLength: 3 })

/** The order that the contract promises, written down plainly. */
function compareKeys(a: Key, b: Key): number {
  for (const [i, x] of a.entries()) {
    const y = b[i]
    if (y === undefined) return 1
    const order = Buffer.compare(Buffer.from(x), Buffer.from(y))
    if (order !== 0) return order
  }
  return a.length - b.length
}

test('encoded keys are in the order of keys', () => {
  fc.assert(
    fc.property(key, key, (a, b) => assert.equal(Buffer.compare(encodeKey(a), encodeKey(b)), Math.sign(compareKeys(a, b)))),
  )
})

test('a key comes back from its bytes', () => {
  fc.assert(fc.property(key, (k) => assert.deepEqual(decodeKey(encodeKey(k)), k)))
})

test('a range has the keys with a prefix of whole parts, and no others', () => {
  fc.assert(
    fc.property(key, key, key, (prefix, k, cut) => {
      for (const candidate of [k, [...prefix, ...k]]) {
        const under = prefix.every((p, i) => p === candidate[i])
        const { from, below } = keyRange(prefix, cut)
        const bytes = encodeKey(candidate)
        const inside = Buffer.compare(bytes, from) >= 0 && Buffer.compare(bytes, below) < 0
        assert.equal(inside, under && compareKeys(candidate, cut) > 0)
      }
    }),
  )
})

const few = fc.array(fc.constantFrom('', 'a', 'b', 'a\0', '😀', '\uffff'), { maxLength: 2 })
const name = fc.constantFrom('plain', 'owned')
const host = fc.constantFrom('a.example', 'b.example')
const value = fc.oneof(fc.constant('v'), fc.jsonValue({ maxDepth: 1 }))
const change = fc.oneof(
  fc.record({ op: fc.constant('put'), host, name, key: few, value }),
  fc.record({ op: fc.constant('delete'), host, name, key: few, value }),
  fc.record({ op: fc.constant('delete-all'), host, name, key: few, value }),
  fc.record({ op: fc.constant('expect'), host, name, key: few, value: fc.option(fc.constant('v'), { nil: undefined }) }),
  fc.record({ op: fc.constant('delete-owned'), host, name, key: few, value }),
)
const step = fc.oneof(
  fc.record({ do: fc.constant('transact' as const), changes: fc.array(change, { maxLength: 4 }) }),
  fc.record({ do: fc.constant('delete' as const), host, name, key: few }),
  fc.record({ do: fc.constant('get' as const), host, name, key: few }),
  fc.record({
    do: fc.constant('list' as const),
    host,
    name,
    key: few,
    limit: fc.nat(5),
    after: fc.option(few, { nil: undefined }),
  }),
  fc.record({ do: fc.constant('count' as const), host, name, key: few }),
  fc.record({ do: fc.constant('turn' as const) }),
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
type Change = typeof change extends fc.Arbitrary<infer C> ? C : never

/** Does the steps, those between two turns in one turn, and gives every answer. */
async function play(store: Store, steps: readonly Step[]): Promise<readonly unknown[]> {
  const collection = (h: string, n: string) => store.collection<unknown>(h, n, n === 'owned' ? { owner: 'account' } : {})
  const operation = (c: Change) => {
    const of = collection(c.host, c.name)
    if (c.op === 'put') return of.putting(c.key, c.value)
    if (c.op === 'delete') return of.deleting(c.key)
    if (c.op === 'delete-all') return of.deletingAll(c.key)
    if (c.op === 'expect') return of.expecting(c.key, c.value)
    return store.deletingOwned(c.host, c.key[0] ?? '')
  }
  const answers: unknown[] = []
  for (const s of steps) {
    if (s.do === 'turn') await Promise.all(answers)
    else if (s.do === 'transact') answers.push(store.transact(s.changes.map(operation)))
    else if (s.do === 'delete') answers.push(collection(s.host, s.name).delete(s.key))
    else if (s.do === 'get') answers.push(collection(s.host, s.name).get(s.key))
    else if (s.do === 'count') answers.push(collection(s.host, s.name).count(s.key))
    else {
      const options = s.after === undefined ? { limit: s.limit } : { limit: s.limit, after: s.after }
      answers.push(collection(s.host, s.name).list(s.key, options))
    }
  }
  for (const h of ['a.example', 'b.example']) for (const n of ['plain', 'owned']) answers.push(collection(h, n).list([]))
  return Promise.all(answers)
}

test('memory and SQLite give the same answers', async () => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const memory = openMemoryStore()
      const sqlite = openSqliteStore(join(root, String(runs++)), { synchronous: 'normal' })
      try {
        assert.deepEqual(await play(sqlite, steps), await play(memory, steps))
      } finally {
        await sqlite.close()
      }
    }),
    { numRuns: 60 },
  )
})
