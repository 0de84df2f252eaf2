import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Identity } from '../../../src/net/certificates.ts'
import { judgeChain, peerChainOf } from '../../../src/net/chain.ts'
import { contextByName, type TlsSettings, tlsContext } from '../../../src/net/tls-context.ts'
import { anchorsOf } from '../../../src/net/trust.ts'
import { parseCertificate } from '../../../src/net/x509.ts'
import { type Issued, TestAuthority } from '../../../src/testing/certificate-authority.ts'
import { folderFor } from './folder.ts'
import { wrap } from './tls-peers.ts'

const NOW = Date.now()
const root = TestAuthority.root({ nowMs: NOW, cn: 'Root' })
const evil = TestAuthority.root({ nowMs: NOW, cn: 'Evil' })
const middle = root.intermediate({ cn: 'Middle' })
const anchors = anchorsOf([parseCertificate(root.caDer)])
const b = middle.issue({ dns: ['b.example'], cn: 'b' })
const dns = ['a.example']

const identityOf = (issued: Issued): Identity => ({
  certFile: 'x.crt',
  keyFile: 'x.key',
  chainPem: issued.chainPem,
  keyPem: issued.keyPem,
  passphrase: undefined,
  leaf: parseCertificate(issued.der),
})
const contextOf = (issued: Issued | undefined, settings: TlsSettings = {}): SecureContext => {
  const { context, problems } = tlsContext(issued === undefined ? undefined : identityOf(issued), settings)
  assert.deepEqual(problems, [])
  return context!
}

describe('what a real handshake says about a peer that dials', () => {
  const trusting = createSecureContext({ cert: b.chainPem, key: b.keyPem, ca: [root.caPem] })
  const evilChain = evil.issue({ dns, eku: ['serverAuth'] })
  const peers: readonly (readonly [string, Issued, node: string | undefined, ours: string])[] = [
    ['good, serverAuth only', middle.issue({ dns, eku: ['serverAuth'] }), 'INVALID_PURPOSE', 'valid'],
    [
      'evil CA sent along, serverAuth only',
      { ...evilChain, chainPem: evilChain.chainPem + evil.caPem },
      'INVALID_PURPOSE',
      'unknown-issuer',
    ],
    [
      'self-signed, serverAuth only',
      root.issue({ dns, cn: 'a', selfSigned: true, eku: ['serverAuth'] }),
      'INVALID_PURPOSE',
      'self-signed',
    ],
    ['expired, serverAuth only', middle.issue({ dns, eku: ['serverAuth'], notAfter: NOW - 1000 }), 'CERT_HAS_EXPIRED', 'expired'],
    ['good, both purposes', middle.issue({ dns }), undefined, 'valid'],
    ['clientAuth only', middle.issue({ dns, eku: ['clientAuth'] }), undefined, 'wrong-purpose'],
  ]
  for (const [what, issued, node, ours] of peers) {
    test(`${what}: OpenSSL says ${node ?? 'fine'}, we say ${ours}`, async (t) => {
      const dialled = createSecureContext({ cert: issued.chainPem, key: issued.keyPem })
      const { server } = await wrap(t, trusting, dialled)
      // the internal handle has the verdict that a tls.Server would put into authorizationError
      const handle = (server as unknown as { _handle: { verifyError(): { code?: string } | null } })._handle
      assert.equal(handle.verifyError()?.code, node)
      const verdict = judgeChain(peerChainOf(server), anchors, Date.now())
      assert.equal(verdict.status === 'untrusted' ? verdict.reason : verdict.status, ours)
    })
  }
})

describe('peerChainOf', () => {
  const both = async (t: TestContext, chainPem: string, keyPem: string, version: 'TLSv1.2' | 'TLSv1.3') => {
    const shown = createSecureContext({ cert: chainPem, key: keyPem, minVersion: version, maxVersion: version, ca: [] })
    const accepted = await wrap(t, contextOf(b), shown)
    const dialled = await wrap(t, shown, contextOf(undefined))
    return [peerChainOf(accepted.server), peerChainOf(dialled.client)]
  }
  const fingerprints = (chain: readonly Uint8Array[]) => chain.map((der) => parseCertificate(der).fingerprint)

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version}: both sides see the wire's order, untrusted, incomplete or scrambled as it may be`, async (t) => {
      const issued = middle.intermediate({ cn: 'Second' }).issue({ dns })
      const [leaf, second, first] = issued.chain
      const pem = (...chain: readonly (Uint8Array | undefined)[]) =>
        chain
          .map((der) => `-----BEGIN CERTIFICATE-----\n${Buffer.from(der!).toString('base64')}\n-----END CERTIFICATE-----\n`)
          .join('')
      for (const chain of [[leaf], [leaf, second, first], [leaf, evil.caDer, first, root.caDer, second], [leaf, leaf]]) {
        const expected = fingerprints(chain as Uint8Array[])
        for (const seen of await both(t, pem(...chain), issued.keyPem, version)) assert.deepEqual(fingerprints(seen), expected)
      }
    })
  }

  test('is empty without a certificate, and after the end', async (t) => {
    const { server, client } = await wrap(t, contextOf(b), contextOf(undefined))
    assert.deepEqual(peerChainOf(server), [])
    client.destroy()
    assert.deepEqual(peerChainOf(client), [])
  })

  test('a chain of hundreds is cut', async (t) => {
    const issued = middle.issue({ dns })
    const many = createSecureContext({ cert: issued.certPem + middle.caPem.repeat(200), key: issued.keyPem, ca: [] })
    const { server } = await wrap(t, contextOf(b), many)
    assert.equal(peerChainOf(server).length, 32)
  })
})

/** Whether a second connection resumes the session that the first left behind, as both sides say. */
async function resumed(t: TestContext, server: SecureContext, dialler: SecureContext): Promise<boolean[]> {
  const first = await wrap(t, server, dialler)
  let session: Buffer | undefined = first.client.getSession()
  first.client.on('session', (later: Buffer) => {
    session = later
  })
  first.server.write('x')
  await once(first.client, 'data')
  assert.ok(session !== undefined)
  const again = await wrap(t, server, dialler, { session })
  return [...new Set([again.client.isSessionReused(), again.server.isSessionReused()])]
}

describe('tlsContext', () => {
  const version = async (t: TestContext, settings: TlsSettings, client: Parameters<typeof createSecureContext>[0] = {}) =>
    (await wrap(t, contextOf(b, settings), createSecureContext({ ca: [], ...client }))).client.getProtocol()

  test('profiles speak TLS 1.3 and, but for modern, 1.2 with forward secrecy and AEAD', async (t) => {
    const max: SecureContext | object = { maxVersion: 'TLSv1.2' }
    assert.equal(await version(t, {}), 'TLSv1.3')
    assert.equal(await version(t, {}, max), 'TLSv1.2')
    assert.equal(await version(t, { profile: 'modern' }), 'TLSv1.3')
    await assert.rejects(version(t, { profile: 'modern' }, max))
    for (const weak of ['ECDHE-ECDSA-AES128-SHA', 'AES128-SHA', 'NULL', 'aNULL']) {
      await assert.rejects(version(t, {}, { maxVersion: 'TLSv1.2', ciphers: `${weak}:@SECLEVEL=0` }), weak)
    }
    for (const profile of ['old', 'legacy'] as const) {
      assert.equal(await version(t, { profile }, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }), 'TLSv1.2')
    }
  })

  test('TLS 1.0 and 1.1 fail under every profile', async (t) => {
    const client = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const
    for (const profile of ['intermediate', 'modern', 'old', 'legacy'] as const)
      await assert.rejects(version(t, { profile }, client), profile)
  })

  test('what ssl says counts: protocol, ciphers, curves', async (t) => {
    await assert.rejects(version(t, { versions: { min: 'TLSv1.3' } }, { maxVersion: 'TLSv1.2' }))
    assert.equal(await version(t, { versions: { min: 'TLSv1.2', max: 'TLSv1.2' } }), 'TLSv1.2')
    assert.equal(await version(t, { ciphers: 'HIGH:!aNULL' }), 'TLSv1.3')
    await assert.rejects(
      version(
        t,
        { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
        { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
      ),
    )
    assert.equal(await version(t, { curves: ['secp384r1'] }, { ecdhCurve: 'secp384r1' }), 'TLSv1.3')
    await assert.rejects(version(t, { curves: ['secp384r1'] }, { ecdhCurve: 'X25519' }))
  })

  test('what cannot be is an error or a warning, never a throw', (t) => {
    const problemsOf = (settings: TlsSettings) => tlsContext(identityOf(b), settings).problems.map((p) => p.severity)
    assert.deepEqual(problemsOf({ versions: { min: 'TLSv1' } }), ['warning'])
    assert.deepEqual(problemsOf({ versions: { min: 'TLSv1', max: 'TLSv1.1' } }), ['error'])
    for (const settings of [{ ciphers: 'NOSUCH' }, { curves: ['nosuch'] }, { dhparam: `${folderFor(t).path}/none` }]) {
      assert.deepEqual(problemsOf(settings), ['error'], JSON.stringify(settings))
    }
    assert.equal(tlsContext({ ...identityOf(b), keyPem: middle.issue({ dns }).keyPem }).problems[0]?.file, 'x.crt')
  })

  for (const tls of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${tls}: no session is ever resumed`, async (t) => {
      const dialler = createSecureContext({ minVersion: tls, maxVersion: tls, ca: [] })
      assert.deepEqual(await resumed(t, contextOf(b), dialler), [false])
      // and this is how it looks where it is resumed
      assert.deepEqual(
        await resumed(t, createSecureContext({ cert: b.chainPem, key: b.keyPem, sessionIdContext: 'x' }), dialler),
        [true],
      )
    })
  }

  test('renegotiation is refused', async (t) => {
    const { server, client } = await wrap(t, contextOf(b), createSecureContext({ maxVersion: 'TLSv1.2', ca: [] }))
    server.on('data', () => {})
    const error = await new Promise<Error | null>((resolve) => {
      client.on('error', resolve)
      client.renegotiate({}, resolve)
    })
    assert.match(String(error), /renegotiation/i)
  })
})

test('contextByName is total', () => {
  const context = contextOf(b)
  const find = contextByName(new Map([['b.example', context]]))
  assert.equal(find('B.Example'), context)
  for (const name of ['', '__proto__', 'constructor', '127.0.0.1', 'b.example\0', 'x'.repeat(300), 'b.example.'])
    assert.equal(find(name), undefined)
})
