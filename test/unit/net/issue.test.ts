import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSecureContext } from 'node:tls'
import { indexFolder, loadIdentities } from '../../../src/net/certificates.ts'
import { judgeChain } from '../../../src/net/chain.ts'
import { altNames, selfSigned, writeKeyAndCertificate } from '../../../src/net/issue.ts'
import { pemBlocks } from '../../../src/net/pem.ts'
import { anchorsOf } from '../../../src/net/trust.ts'
import { parseCertificate } from '../../../src/net/x509.ts'
import { namesDomain } from '../../../src/policy/certificate.ts'
import { folderFor } from './folder.ts'

const NOW = Date.UTC(2026, 5, 1)
const DAY = 86_400_000
const domains = [
  { ascii: 'a.example', unicode: 'a.example' },
  { ascii: 'xn--bcher-kva.example', unicode: 'bücher.example' },
]

test('a self-signed certificate names its domains in every way and is good for a year', () => {
  const { certPem, keyPem } = selfSigned({ domains, nowMs: NOW })
  const certificate = parseCertificate(pemBlocks(certPem, 'CERTIFICATE')[0]!)
  assert.equal(namesDomain(certificate.names, 'a.example'), true)
  assert.equal(namesDomain({ ...certificate.names, dns: [], xmpp: [] }, 'a.example', 'xmpp-client'), true)
  assert.deepEqual(certificate.names.xmpp, ['a.example', 'bücher.example'])
  assert.equal(certificate.basic?.ca, false)
  assert.equal(certificate.notAfterMs - NOW, 365 * DAY + 999)
  const verdict = judgeChain([certificate.raw], anchorsOf([]), NOW)
  assert.equal(verdict.status === 'untrusted' && verdict.reason, 'self-signed')
  assert.equal(judgeChain([certificate.raw], anchorsOf([certificate]), NOW).status, 'valid')
  assert.equal(new X509Certificate(certPem).verify(new X509Certificate(certPem).publicKey), true)
  assert.ok(createSecureContext({ cert: certPem, key: keyPem }))
})

test('two self-signed certificates differ in key and serial', () => {
  const [one, two] = [1, 2].map(() => new X509Certificate(selfSigned({ domains, nowMs: NOW }).certPem))
  assert.notEqual(one!.serialNumber, two!.serialNumber)
  assert.equal(one!.publicKey.equals(two!.publicKey), false)
})

test('key and certificate are written 0600 in a folder 0700, are found again, and overwrite nothing', (t) => {
  const folder = join(folderFor(t).path, 'certs')
  const { certFile, keyFile } = writeKeyAndCertificate(folder, 'a.example', selfSigned({ domains, nowMs: NOW }))
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  for (const file of [certFile, keyFile]) assert.equal(statSync(file).mode & 0o777, 0o600)
  const loaded = loadIdentities({ hosts: [{ domain: 'a.example' }], index: indexFolder(folder, NOW, []), nowMs: NOW })
  assert.deepEqual(loaded.problems, [])
  assert.equal(loaded.identities.get('a.example')?.certFile, certFile)

  const before = readFileSync(keyFile, 'utf8')
  assert.throws(() => writeKeyAndCertificate(folder, 'a.example', selfSigned({ domains, nowMs: NOW })), { code: 'EEXIST' })
  assert.equal(readFileSync(keyFile, 'utf8'), before)
})

test('a certificate that is there already leaves no key behind', (t) => {
  const { path, put } = folderFor(t)
  put('a.example.crt', 'mine')
  assert.throws(() => writeKeyAndCertificate(path, 'a.example', selfSigned({ domains, nowMs: NOW })), { code: 'EEXIST' })
  assert.equal(existsSync(join(path, 'a.example.key')), false)
})

test('a name that is not ASCII is no dNSName', () => assert.throws(() => altNames({ dns: ['bücher.example'] }), RangeError))
