import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import fc from 'fast-check'
import { DerError } from '../../../src/net/der.ts'
import { pemBlocks, pemOf } from '../../../src/net/pem.ts'
import { isWeakSignature } from '../../../src/net/signature.ts'
import { endPointHash, parseCertificate } from '../../../src/net/x509.ts'
import { TestAuthority } from '../../../src/testing/certificate-authority.ts'

const NOW = Date.UTC(2026, 5, 1)
const root = TestAuthority.root({ nowMs: NOW, cn: 'Root', pathLength: 2 })
const names = {
  dns: ['a.example', '*.a.example'],
  srvName: ['_xmpp-server.a.example'],
  xmppAddr: ['bücher.example'],
  ip: [Uint8Array.of(127, 0, 0, 1)],
}

describe('parseCertificate', () => {
  test('reads what we wrote', () => {
    const c = parseCertificate(root.issue({ ...names, eku: ['serverAuth'], unknownCritical: '1.2.3.4' }).der)
    assert.deepEqual(c.names.dns, names.dns)
    assert.deepEqual(c.names.srv, names.srvName)
    assert.deepEqual(c.names.xmpp, names.xmppAddr)
    assert.deepEqual(
      c.names.ip.map((ip) => [...ip]),
      [[127, 0, 0, 1]],
    )
    assert.deepEqual(c.basic, { ca: false, pathLength: undefined })
    assert.deepEqual([...(c.keyUsage ?? [])], [0])
    assert.deepEqual(c.extendedKeyUsage, ['1.3.6.1.5.5.7.3.1'])
    assert.deepEqual(c.unknownCritical, ['1.2.3.4'])
    assert.equal(c.notBeforeMs, NOW - 86_400_000)
    assert.equal(c.notAfterMs, NOW + 90 * 86_400_000 + 999)
    assert.deepEqual(Buffer.from(c.authorityKeyId!), Buffer.from(parseCertificate(root.caDer).subjectKeyId!))
    assert.deepEqual(parseCertificate(root.caDer).basic, { ca: true, pathLength: 2 })
  })

  test('agrees with OpenSSL on every public CA', () => {
    assert.ok(rootCertificates.length > 50)
    for (const pem of rootCertificates) {
      const theirs = new X509Certificate(pem)
      const ours = parseCertificate(pemBlocks(pem, 'CERTIFICATE')[0]!)
      assert.equal(ours.fingerprint, theirs.fingerprint256.replaceAll(':', '').toLowerCase())
      assert.equal(ours.notBeforeMs, theirs.validFromDate.getTime())
      assert.equal(ours.notAfterMs - 999, theirs.validToDate.getTime())
      assert.equal(ours.basic?.ca ?? false, theirs.ca)
      assert.deepEqual(Buffer.from(ours.spki), theirs.publicKey.export({ type: 'spki', format: 'der' }))
      assert.equal(
        Buffer.from(ours.serial).toString('hex').replace(/^0+/, '').toUpperCase(),
        theirs.serialNumber.replace(/^0+/, ''),
      )
    }
  })

  test('agrees with OpenSSL on our own names', () => {
    const { der } = root.issue(names)
    const text = new X509Certificate(Buffer.from(der)).subjectAltName ?? ''
    for (const part of ['DNS:a.example', 'DNS:*.a.example', 'SRVName:_xmpp-server.a.example', 'IP Address:127.0.0.1'])
      assert.ok(text.includes(part), text)
  })

  test('random bytes are refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.throws(() => parseCertificate(bytes), DerError)))
    assert.throws(() => parseCertificate(new Uint8Array(100_000)), DerError)
  })

  test('changed and cut bytes are read or refused, quickly', () => {
    const der = root.intermediate({ permittedDns: ['a.example'], excludedDns: ['b.a.example'], ...names }).caDer
    const change = fc.record({ at: fc.nat(der.length - 1), to: fc.nat(255) })
    const started = performance.now()
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(der.length), (changes, length) => {
        const other = Uint8Array.from(der)
        for (const { at, to } of changes) other[at] = to
        for (const bytes of [other, other.subarray(0, length)]) {
          try {
            parseCertificate(bytes)
          } catch (error) {
            assert.ok(error instanceof DerError)
          }
        }
      }),
      { numRuns: 3000 },
    )
    assert.ok(performance.now() - started < 20_000)
  })
})

describe('endPointHash', () => {
  test('takes the hash of the signature, SHA-256 instead of SHA-1, and none for Ed25519', () => {
    const sha256 = root.issue({ dns: ['a.example'] }).der
    const sha1 = root.issue({ dns: ['a.example'], hash: 'sha1' }).der
    for (const der of [sha256, sha1]) assert.deepEqual(endPointHash(der), createHash('sha256').update(der).digest())
    assert.equal(endPointHash(root.issue({ dns: ['a.example'], key: 'ed25519', selfSigned: true }).der), undefined)
    assert.equal(endPointHash(Buffer.from('none')), undefined)
  })

  test('a SHA-384 signature gives a SHA-384', () => {
    const pem = rootCertificates.find((text) => parseCertificate(pemBlocks(text, 'CERTIFICATE')[0]!).algorithm.hash === 'sha384')!
    const der = pemBlocks(pem, 'CERTIFICATE')[0]!
    assert.deepEqual(endPointHash(der), createHash('sha384').update(der).digest())
  })
})

test('isWeakSignature', () => {
  const algorithm = (hash: 'sha1' | 'sha256') => parseCertificate(root.issue({ dns: ['a.example'], hash }).der).algorithm
  assert.equal(isWeakSignature(algorithm('sha256')), false)
  assert.equal(isWeakSignature(algorithm('sha1')), true)
  assert.equal(isWeakSignature({ oid: '1.2.3', scheme: 'unknown', hash: undefined }), true)
})

test('PEM goes round, other blocks and text are passed over', () => {
  const der = Buffer.from(root.caDer)
  const text = `before\n${pemOf(Buffer.from('x'), 'X509 CRL')}${pemOf(der, 'CERTIFICATE')}between${pemOf(der, 'CERTIFICATE')}-----BEGIN CERTIFICATE-----\ncut`
  assert.deepEqual(pemBlocks(text, 'CERTIFICATE'), [der, der])
})
