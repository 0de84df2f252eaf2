import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { TrustStore } from '../../../src/net/trust.ts'
import { parseCertificate } from '../../../src/net/x509.ts'
import { TestAuthority } from '../../../src/testing/certificate-authority.ts'
import { folderFor } from './folder.ts'

const NOW = Date.UTC(2026, 5, 1)
const [one, two] = [TestAuthority.root({ nowMs: NOW, cn: 'One' }), TestAuthority.root({ nowMs: NOW, cn: 'Two' })] as const
const ofOne = parseCertificate(one.caDer)
const ofTwo = parseCertificate(two.caDer)

describe('TrustStore', () => {
  test('a cafile with several certificates and text between', (t) => {
    const cafile = folderFor(t).put('ca.pem', `# One\n${one.caPem}\n# Two\n${two.caPem}${one.caPem}`)
    const { anchors } = new TrustStore({ cafile })
    assert.equal(anchors.size, 2)
    assert.ok(anchors.has(ofOne) && anchors.has(ofTwo))
    assert.deepEqual(anchors.bySubject(ofOne.subject), [ofOne])
    assert.deepEqual(anchors.bySubject(Buffer.from('nobody')), [])
  })

  test('a capath whose files have any names, with links to them', (t) => {
    const folder = folderFor(t)
    folder.put('one.pem', one.caPem)
    folder.put('0a1b2c3d.0', two.caPem)
    folder.put('README', 'no certificate')
    symlinkSync('one.pem', join(folder.path, 'deadbeef.0'))
    symlinkSync('nowhere', join(folder.path, 'broken.pem'))
    const store = new TrustStore({ capath: folder.path })
    assert.equal(store.anchors.size, 2)
    assert.deepEqual(store.problems, [])
  })

  test('configured anchors replace those of the system, also when they cannot be read', (t) => {
    const folder = folderFor(t)
    for (const source of [
      { cafile: join(folder.path, 'none.pem') },
      { capath: join(folder.path, 'none') },
      { cafile: folder.put('a.pem', '') },
    ]) {
      const store = new TrustStore(source)
      assert.equal(store.anchors.size, 0)
      assert.equal(store.problems[0]?.severity, 'error')
      assert.equal(store.problems[0]?.file, Object.values(source)[0])
    }
  })

  test('a broken certificate is left out and told, the rest counts', (t) => {
    const cafile = folderFor(t).put('ca.pem', `${one.caPem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`)
    const store = new TrustStore({ cafile })
    assert.equal(store.anchors.size, 1)
    assert.deepEqual(
      store.problems.map((p) => [p.severity, p.file]),
      [['warning', cafile]],
    )
  })

  test('a reload gives other anchors; one with an error keeps the old', (t) => {
    const folder = folderFor(t)
    const cafile = folder.put('ca.pem', one.caPem)
    const store = new TrustStore({ cafile })
    const first = store.anchors
    folder.put('ca.pem', two.caPem)
    assert.deepEqual(store.reload(), [])
    assert.notEqual(store.anchors, first)
    assert.ok(store.anchors.has(ofTwo) && !store.anchors.has(ofOne))
    folder.put('ca.pem', 'broken')
    assert.equal(store.reload()[0]?.severity, 'error')
    assert.ok(store.anchors.has(ofTwo))
  })

  test('the system has its own file; where there is none, Node has a list', (t) => {
    const bundle = folderFor(t).put('ca-certificates.crt', one.caPem)
    assert.ok(new TrustStore({}, ['/nonexistent', bundle]).anchors.has(ofOne))
    const bare = new TrustStore({}, [])
    assert.ok(bare.anchors.size > 50)
  })
})
