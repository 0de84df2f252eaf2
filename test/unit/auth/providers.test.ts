import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { anonymous } from '../../../src/auth/anonymous.ts'
import { internalHashed } from '../../../src/auth/internal-hashed.ts'
import { createKeyDerivation, type KeyRequest } from '../../../src/auth/scram-keys.ts'
import { AccountRefused } from '../../../src/core/accounts.ts'
import { openMemoryStore } from '../../../src/store/memory.ts'

function setUp(iterations = 10) {
  const store = openMemoryStore()
  const derived: KeyRequest[] = []
  const work = createKeyDerivation(2)
  const provider = internalHashed({
    store,
    host: 'a.example',
    random: randomBytes,
    derive: (request) => {
      derived.push(request)
      return work(request)
    },
    secret: Buffer.alloc(32, 1),
    iterations,
  })
  return { store, provider, derived }
}

describe('internal_hashed', () => {
  test('an account is made, used, changed and removed', async () => {
    const { provider } = setUp()
    assert.equal(await provider.exists('romeo'), false)
    assert.equal(await provider.create('romeo', 'secret'), true)
    assert.equal(await provider.create('romeo', 'other'), false)
    assert.equal(await provider.exists('romeo'), true)
    assert.equal(await provider.verify('romeo', 'secret'), true)
    assert.equal(await provider.verify('romeo', 'other'), false)
    assert.equal(await provider.setPassword('romeo', 'new'), true)
    assert.equal(await provider.verify('romeo', 'secret'), false)
    assert.equal(await provider.verify('romeo', 'new'), true)
    await provider.create('juliet', 'x')
    assert.deepEqual(await provider.list(), ['juliet', 'romeo'])
    assert.equal(await provider.remove('romeo'), true)
    assert.equal(await provider.remove('romeo'), false)
    assert.equal(await provider.verify('romeo', 'new'), false)
    assert.equal(await provider.setPassword('romeo', 'new'), false)
    assert.deepEqual(await provider.list(), ['juliet'])
  })

  test('who gets a name that somebody had before finds nothing of theirs, whenever it was written', async () => {
    const { store, provider } = setUp()
    const things = store.collection<string>('a.example', 'things', { owner: 'account' })
    await provider.create('romeo', 'secret')
    await provider.remove('romeo')
    await things.put(['romeo', 'late'], 'x')
    await things.put(['romeo2', 'other'], 'y')
    assert.equal(await provider.create('romeo', 'secret'), true)
    assert.deepEqual([await things.count(['romeo']), await things.count(['romeo2'])], [0, 1])
    await things.put(['romeo', 'own'], 'z')
    assert.equal(await provider.create('romeo', 'secret'), false)
    assert.equal(await things.count(['romeo']), 1, 'a name that is taken is not touched')
  })

  test('hosts have their own accounts', async () => {
    const { store, provider } = setUp()
    const other = internalHashed({
      store,
      host: 'b.example',
      random: randomBytes,
      derive: createKeyDerivation(1),
      secret: Buffer.alloc(32),
    })
    await provider.create('romeo', 'secret')
    assert.equal(await other.exists('romeo'), false)
    assert.equal(await other.verify('romeo', 'secret'), false)
  })

  test('of two who create one account, one does', async () => {
    const { provider } = setUp()
    const made = await Promise.all([provider.create('romeo', 'one'), provider.create('romeo', 'two')])
    assert.deepEqual(made.toSorted(), [false, true])
    assert.equal(await provider.verify('romeo', made[0] ? 'one' : 'two'), true)
  })

  test('a password that changes while its account goes does not bring it back', async () => {
    const { provider } = setUp()
    await provider.create('romeo', 'one')
    const changed = provider.setPassword('romeo', 'two')
    await provider.remove('romeo')
    assert.equal(await changed, false)
    assert.equal(await provider.exists('romeo'), false)
  })

  test('two who change one password at a time both do, and one of the two counts', async () => {
    const { provider } = setUp()
    await provider.create('romeo', 'old')
    assert.deepEqual(await Promise.all([provider.setPassword('romeo', 'one'), provider.setPassword('romeo', 'two')]), [
      true,
      true,
    ])
    assert.notEqual(await provider.verify('romeo', 'one'), await provider.verify('romeo', 'two'))
    assert.equal(await provider.verify('romeo', 'old'), false)
  })

  test('keys of both hashes are kept, with salts of their own and the iterations asked for, and no password', async () => {
    const { store, provider } = setUp(77)
    await provider.create('romeo', 'correct horse')
    await provider.create('juliet', 'correct horse')
    const salts = new Set<string>()
    for (const local of ['romeo', 'juliet']) {
      for (const hash of ['sha-1', 'sha-256'] as const) {
        const { keys, real } = await provider.scramKeys(local, hash)
        assert.equal(real, true)
        assert.equal(keys.iterations, 77)
        salts.add(Buffer.from(keys.salt).toString('hex'))
        const again = await createKeyDerivation(1)({ ...keys, password: 'correct horse' })
        assert.deepEqual({ ...again, salt: Buffer.from(again.salt) }, keys)
      }
    }
    assert.equal(salts.size, 4)
    assert.equal(JSON.stringify(await store.collection('a.example', 'accounts').list([])).includes('horse'), false)
  })

  test('10000 iterations unless told otherwise', async () => {
    const provider = internalHashed({
      store: openMemoryStore(),
      host: 'a.example',
      random: randomBytes,
      derive: createKeyDerivation(2),
      secret: Buffer.alloc(32),
    })
    await provider.create('romeo', 'x')
    assert.equal((await provider.scramKeys('romeo', 'sha-256')).keys.iterations, 10_000)
    assert.equal((await provider.scramKeys('nobody', 'sha-256')).keys.iterations, 10_000)
  })

  test('an account that is not there looks like one in every answer', async () => {
    const { provider } = setUp()
    await provider.create('romeo', 'x')
    const [there, missing, again] = await Promise.all(
      ['romeo', 'nobody', 'nobody'].map((local) => provider.scramKeys(local, 'sha-1')),
    )
    assert.equal(missing!.real, false)
    assert.deepEqual(missing, again)
    assert.equal(missing!.keys.salt.byteLength, there!.keys.salt.byteLength)
    assert.equal(missing!.keys.iterations, there!.keys.iterations)
  })

  test('a password costs the same work whether it is right, wrong, not allowed, or of nobody', async () => {
    const { provider, derived } = setUp()
    await provider.create('romeo', 'x')
    for (const [local, password] of [
      ['romeo', 'x'],
      ['romeo', 'y'],
      ['romeo', '\u0007'],
      ['nobody', 'x'],
      ['', ''],
    ] as const) {
      derived.length = 0
      assert.equal(await provider.verify(local, password), password === 'x' && local === 'romeo')
      assert.deepEqual(
        derived.map(({ hash, iterations }) => ({ hash, iterations })),
        [{ hash: 'sha-256', iterations: 10 }],
      )
    }
  })

  test('an account with keys of SHA-1 only can still log in', async () => {
    const { store, provider } = setUp()
    await provider.create('romeo', 'x')
    const accounts = store.collection<{ scram: Record<string, unknown> }>('a.example', 'accounts')
    const { 'sha-1': sha1 } = (await accounts.get(['romeo']))!.scram
    await accounts.put(['romeo'], { scram: { 'sha-1': sha1 } })
    assert.equal(await provider.verify('romeo', 'x'), true)
    assert.equal(await provider.verify('romeo', 'y'), false)
    assert.equal((await provider.scramKeys('romeo', 'sha-1')).real, true)
    assert.equal((await provider.scramKeys('romeo', 'sha-256')).real, false)
  })

  test('what SASLprep makes equal is one password', async () => {
    const { provider } = setUp()
    await provider.create('romeo', 'I\u00adX')
    assert.equal(await provider.verify('romeo', '\u2168'), true)
  })

  test('names and passwords that are not allowed are refused with a reason', async () => {
    const { provider } = setUp()
    for (const local of ['', 'a b', 'ROMEO', 'a@b', 'a/b']) await assert.rejects(provider.create(local, 'x'), AccountRefused)
    for (const password of ['', '\u0007', '\u00ad']) {
      await assert.rejects(provider.create('romeo', password), { name: 'AccountRefused', message: /password is not allowed/ })
    }
    await provider.create('romeo', 'x')
    await assert.rejects(provider.setPassword('romeo', ''), AccountRefused)
    assert.equal(await provider.verify('romeo', 'x'), true)
  })

  test('what an account owns goes with it', async () => {
    const { store, provider } = setUp()
    const roster = store.collection<string>('a.example', 'roster', { owner: 'account' })
    await provider.create('romeo', 'x')
    await roster.put(['romeo', 'juliet@b.example'], 'both')
    await roster.put(['romeo2', 'juliet@b.example'], 'both')
    await provider.remove('romeo')
    assert.deepEqual(
      (await roster.list([])).map(({ key }) => key),
      [['romeo2', 'juliet@b.example']],
    )
  })
})

describe('anonymous', () => {
  test('gives names that are new each time, and has no accounts', async () => {
    const provider = anonymous(randomBytes, async () => {})
    const names = Array.from({ length: 100 }, () => provider.anonymous!())
    assert.equal(new Set(names).size, 100)
    assert.match(names[0]!, /^[0-9a-f]{32}$/)
    assert.equal(await provider.exists(names[0]!), false)
    assert.equal(await provider.verify('a', 'b'), false)
    assert.equal((await provider.scramKeys('a', 'sha-1')).real, false)
    assert.deepEqual(await provider.list(), [])
    for (const change of [provider.create('a', 'b'), provider.setPassword('a', 'b'), provider.remove('a')]) {
      await assert.rejects(change, AccountRefused)
    }
  })
})
