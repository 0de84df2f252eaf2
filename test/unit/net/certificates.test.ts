import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { type Identity, type IdentityRequest, indexFolder, loadIdentities } from '../../../src/net/certificates.ts'
import type { Problem } from '../../../src/net/problem.ts'
import { type Issued, TestAuthority } from '../../../src/testing/certificate-authority.ts'
import { folderFor } from './folder.ts'

const NOW = Date.UTC(2026, 5, 1)
const DAY = 86_400_000
const root = TestAuthority.root({ nowMs: NOW }).intermediate()
const a = root.issue({ dns: ['a.example'] })
const newer = root.issue({ dns: ['a.example'], notAfter: NOW + 200 * DAY })
const expired = root.issue({ dns: ['a.example'], notAfter: NOW - DAY })
const starred = root.issue({ dns: ['*.a.example'] })

type Put = (name: string, text: string, mode?: number) => string
const putPair = (put: Put, name: string, issued: Issued): void => {
  put(`${name}.crt`, issued.chainPem)
  put(`${name}.key`, issued.keyPem)
}
/** Indexes a folder and loads from it, as the server does. */
const loadFrom = (request: {
  hosts: readonly IdentityRequest[]
  folder?: string | undefined
  before?: ReadonlyMap<string, Identity>
}) => {
  const problems: Problem[] = []
  const index = request.folder === undefined ? new Map() : indexFolder(request.folder, NOW, problems)
  const loaded = loadIdentities({ ...request, index, nowMs: NOW })
  return { identities: loaded.identities, problems: [...problems, ...loaded.problems] }
}
const load = (folder: string | undefined, ...domains: string[]) =>
  loadFrom({ hosts: domains.map((domain) => ({ domain })), folder })
const messages = (loaded: { problems: readonly { message: string }[] }): string =>
  loaded.problems.map((p) => p.message).join('\n')

describe('certificates in a folder', () => {
  test('are found by the names in them, not by file names, three levels deep', (t) => {
    const { path, put } = folderFor(t)
    putPair(put, 'whatever', a)
    const b = root.issue({ srvName: ['_xmpp-server.b.example'] })
    put('live/b/fullchain.pem', b.chainPem)
    put('live/b/privkey.pem', b.keyPem)
    const c = root.issue({ dns: ['c.example'] })
    put('x/y/c.pem', c.chainPem + c.keyPem)
    putPair(put, 'x/y/z/too-deep', root.issue({ dns: ['d.example'] }))
    const loaded = load(path, 'a.example', 'b.example', 'c.example', 'd.example')
    assert.deepEqual([...loaded.identities.keys()], ['a.example', 'b.example', 'c.example'])
    assert.equal(loaded.identities.get('a.example')?.chainPem, a.chainPem)
    assert.deepEqual(loaded.problems, [{ severity: 'warning', message: 'd.example has no certificate, so it cannot offer TLS' }])
  })

  test('numbered full chains have numbered keys', (t) => {
    const { path, put } = folderFor(t)
    put('fullchain7.pem', a.chainPem)
    put('privkey7.pem', a.keyPem)
    put('privkey.pem', newer.keyPem)
    assert.ok(load(path, 'a.example').identities.has('a.example'))
  })

  test('the one that is good for longest counts', (t) => {
    const { path, put } = folderFor(t)
    for (const [name, issued] of [
      ['1', a],
      ['2', newer],
      ['3', expired],
    ] as const)
      putPair(put, name, issued)
    assert.equal(load(path, 'a.example').identities.get('a.example')?.chainPem, newer.chainPem)
  })

  test('an expired one counts only where there is no other, and is told', (t) => {
    const { path, put } = folderFor(t)
    putPair(put, 'old', expired)
    const loaded = load(path, 'a.example')
    assert.equal(loaded.identities.get('a.example')?.chainPem, expired.chainPem)
    assert.match(messages(loaded), /has expired/)
  })

  test('a component has its own name, a wildcard, or the certificate of its parent', (t) => {
    const { path, put } = folderFor(t)
    putPair(put, 'a', a)
    assert.match(messages(load(path, 'chat.a.example')), /does not name chat\.a\.example/)
    assert.equal(load(path, 'chat.a.example').identities.get('chat.a.example')?.chainPem, a.chainPem)
    putPair(put, 'star', starred)
    assert.equal(load(path, 'chat.a.example').identities.get('chat.a.example')?.chainPem, starred.chainPem)
    assert.equal(messages(load(path, 'chat.a.example')), '')
    const own = root.issue({ dns: ['chat.a.example'], notAfter: NOW + 30 * DAY })
    putPair(put, 'own', own)
    assert.equal(load(path, 'chat.a.example').identities.get('chat.a.example')?.chainPem, own.chainPem)
    assert.equal(load(path, 'other.example').identities.size, 0)
  })

  test('a key that does not fit is told, and the next best counts', (t) => {
    const { path, put } = folderFor(t)
    putPair(put, 'good', a)
    put('bad.crt', newer.chainPem)
    put('bad.key', a.keyPem)
    put('alone.crt', newer.chainPem)
    put('junk.crt', 'junk')
    const loaded = load(path, 'a.example')
    assert.equal(loaded.identities.get('a.example')?.chainPem, a.chainPem)
    assert.ok(loaded.problems.every((p) => p.severity === 'warning'))
    for (const said of [/key does not fit bad\.crt/, /alone\.key is missing/, /no certificate in it/])
      assert.match(messages(loaded), said)
  })

  test('a folder that is not there is no error', (t) =>
    assert.equal(load(`${folderFor(t).path}/none`, 'a.example').identities.size, 0))
})

describe('a certificate that the host names', () => {
  const named = (certificate: string, key?: string, password?: string) =>
    loadFrom({ hosts: [{ domain: 'a.example', certificate, key, password }] })

  test('a file with its key beside it, or elsewhere, or inside', (t) => {
    const { put } = folderFor(t)
    putPair(put, 'a', a)
    for (const loaded of [
      named(put('a.crt', a.chainPem)),
      named(put('b.crt', a.chainPem), put('other.key', a.keyPem)),
      named(put('both.pem', a.keyPem + a.chainPem)),
      named(put('cert.pem', a.chainPem), put('key.pem', a.keyPem)),
    ]) {
      assert.deepEqual(loaded.problems, [])
      assert.equal(loaded.identities.get('a.example')?.keyPem.includes(a.keyPem.slice(30, 90)), true)
    }
  })

  test('a folder with the usual names', (t) => {
    for (const [cert, key] of [
      ['a.example.crt', 'a.example.key'],
      ['a.example/fullchain.pem', 'a.example/privkey.pem'],
      ['fullchain.pem', 'privkey.pem'],
    ] as const) {
      const { path, put } = folderFor(t)
      put(cert, a.chainPem)
      put(key, a.keyPem)
      assert.deepEqual(named(path).problems, [])
      assert.equal(named(path).identities.size, 1)
    }
  })

  test('an encrypted key needs its password', (t) => {
    const { path, put } = folderFor(t)
    const encrypted = createPrivateKey(a.keyPem).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    })
    const [certificate, key] = [put('a.crt', a.chainPem), put('a.key', encrypted.toString())]
    assert.equal(named(certificate, key, 'secret').identities.size, 1)
    for (const password of [undefined, 'wrong']) {
      const loaded = named(certificate, key, password)
      assert.deepEqual(
        loaded.problems.map((p) => [p.severity, p.file]),
        [['error', `${path}/a.key`]],
      )
    }
  })

  test('errors name the file', (t) => {
    const { path, put } = folderFor(t)
    for (const [loaded, said, file] of [
      [named(`${path}/none.crt`), /no such file/, 'none.crt'],
      [named(put('a.crt', a.chainPem)), /a\.key is missing/, 'a.crt'],
      [named(put('b.crt', a.chainPem), put('b.key', newer.keyPem)), /key does not fit b\.crt/, 'b.key'],
      [named(put('c.crt', a.chainPem), put('c.key', 'x')), /no key in it/, 'c.key'],
    ] as const) {
      assert.equal(loaded.identities.size, 0)
      assert.match(messages(loaded), said)
      assert.deepEqual(
        loaded.problems.map((p) => [p.severity, p.file]),
        [['error', `${path}/${file}`]],
      )
    }
  })

  test('a key that others can read is used, with a loud warning; its owner and group may', (t) => {
    const { put } = folderFor(t)
    for (const [mode, open] of [
      [0o644, true],
      [0o444, true],
      [0o660, true],
      [0o640, false],
      [0o600, false],
      [0o400, false],
    ] as const) {
      const loaded = named(put(`${mode}.crt`, a.chainPem), put(`${mode}.key`, a.keyPem, mode))
      assert.equal(loaded.identities.size, 1)
      assert.equal(/OPEN TO OTHERS/.test(messages(loaded)), open, mode.toString(8))
    }
  })

  test('an end that is near is told', (t) => {
    const { put } = folderFor(t)
    putPair(put, 'a', root.issue({ dns: ['a.example'], notAfter: NOW + 3.5 * DAY }))
    assert.match(messages(named(put('x', '').replace(/x$/, 'a.crt'))), /expires in 3 days/)
  })
})

describe('a reload', () => {
  test('takes what is new, and keeps what is in use where the new is broken', (t) => {
    const { path, put } = folderFor(t)
    putPair(put, 'a', a)
    const hosts = [{ domain: 'a.example' }]
    const first = loadFrom({ hosts, folder: path })
    putPair(put, 'a', newer)
    const second = loadFrom({ hosts, folder: path, before: first.identities })
    assert.equal(second.identities.get('a.example')?.chainPem, newer.chainPem)
    put('a.key', a.keyPem)
    const third = loadFrom({ hosts, folder: path, before: second.identities })
    assert.equal(third.identities.get('a.example'), second.identities.get('a.example'))
    assert.match(messages(third), /key does not fit a\.crt\n.*goes on with the certificate that it had/)
    assert.doesNotMatch(messages(third), /has no certificate/)
  })
})
