import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { createKeyDerivation, madeUpKeys, preparePassword, sameBytes } from '../../../src/auth/scram-keys.ts'
import type { ScramHash } from '../../../src/core/accounts.ts'

/** The exchanges of RFC 5802 §5 and RFC 7677 §3: user "user", password "pencil", 4096 rounds. */
const exchanges = [
  {
    hash: 'sha-1',
    digest: 'sha1',
    salt: 'QSXCR+Q6sek8bf92',
    nonces: ['fyko+d2lbbFgONRv9qkxdawL', '3rfcNHYJY1ZVvWVs7j'],
    proof: 'v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    signature: 'rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    hash: 'sha-256',
    digest: 'sha256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    nonces: ['rOprNGfwEbeRWgbNEkqO', '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'],
    proof: 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const

describe('keys', () => {
  for (const { hash, digest, salt, nonces, proof, signature } of exchanges) {
    test(`${hash}: the RFC's client proof fits our stored key, and our signature is the RFC's`, async () => {
      const derive = createKeyDerivation(1)
      const keys = await derive({ hash, password: 'pencil', salt: Buffer.from(salt, 'base64'), iterations: 4096 })
      const nonce = nonces.join('')
      const message = `n=user,r=${nonces[0]},r=${nonce},s=${salt},i=4096,c=biws,r=${nonce}`
      const clientSignature = createHmac(digest, keys.storedKey).update(message).digest()
      const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ clientSignature[i]!)
      assert.deepEqual(createHash(digest).update(clientKey).digest(), Buffer.from(keys.storedKey))
      assert.equal(createHmac(digest, keys.serverKey).update(message).digest('base64'), signature)
    })
  }

  test('no more than so many are derived at a time, and all are', async () => {
    const derive = createKeyDerivation(1)
    const ended: number[] = []
    const request = { hash: 'sha-1', password: 'p', salt: Buffer.alloc(16) } as const
    // the first is the slowest by far: it ends first only if the others wait for it
    const rounds = [20_000, 1, 1, 1]
    await Promise.all(rounds.map((iterations, i) => derive({ ...request, iterations }).then(() => ended.push(i))))
    assert.deepEqual(ended, [0, 1, 2, 3])
  })

  test('one that fails gives its place on', async () => {
    const derive = createKeyDerivation(1)
    const request = { hash: 'sha-256', password: 'p', salt: Buffer.alloc(16) } as const
    const bad = derive({ ...request, iterations: 0 })
    const good = derive({ ...request, iterations: 1 })
    await assert.rejects(bad, RangeError)
    assert.equal((await good).storedKey.byteLength, 32)
  })
})

describe('made-up keys', () => {
  const secret = Buffer.alloc(32, 7)
  const salt = (account: string, hash: ScramHash, key = secret) =>
    Buffer.from(madeUpKeys(key, account, hash, 10_000).salt).toString('hex')

  test('are the same each time for one account, and differ for another account, hash or server', () => {
    assert.deepEqual(madeUpKeys(secret, 'a@x', 'sha-1', 10_000), madeUpKeys(secret, 'a@x', 'sha-1', 10_000))
    const salts = [salt('a@x', 'sha-1'), salt('b@x', 'sha-1'), salt('a@x', 'sha-256'), salt('a@x', 'sha-1', Buffer.alloc(32, 8))]
    assert.equal(new Set(salts).size, salts.length)
  })

  test('have the sizes of real ones', async () => {
    for (const hash of ['sha-1', 'sha-256'] as const) {
      const madeUp = madeUpKeys(secret, 'a@x', hash, 1)
      const real = await createKeyDerivation(1)({ hash, password: 'p', salt: Buffer.alloc(16), iterations: 1 })
      for (const part of ['salt', 'storedKey', 'serverKey'] as const) assert.equal(madeUp[part].byteLength, real[part].byteLength)
    }
  })
})

test('passwords are prepared by SASLprep', () => {
  const table: [string, string | undefined][] = [
    ['pencil', 'pencil'],
    ['I\u00adX', 'IX'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['a\u00a0b', 'a b'],
    ['\u0007', undefined],
    ['\u0627\u0031', undefined],
    ['', undefined],
    ['\u00ad', undefined],
    ['a\ud800', undefined],
  ]
  for (const [typed, prepared] of table) assert.equal(preparePassword(typed), prepared, JSON.stringify(typed))
})

test('sameBytes', () => {
  assert.equal(sameBytes(Buffer.from('ab'), Buffer.from('ab')), true)
  assert.equal(sameBytes(Buffer.from('ab'), Buffer.from('ac')), false)
  assert.equal(sameBytes(Buffer.from('ab'), Buffer.from('abc')), false)
})
