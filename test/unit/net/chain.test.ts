import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ChainJudge, type ChainVerdict, judgeChain } from '../../../src/net/chain.ts'
import { anchorsOf } from '../../../src/net/trust.ts'
import { parseCertificate } from '../../../src/net/x509.ts'
import { namesDomain } from '../../../src/policy/certificate.ts'
import { type IssueOptions, TestAuthority } from '../../../src/testing/certificate-authority.ts'

const NOW = Date.UTC(2026, 5, 1)
const DAY = 86_400_000
const root = TestAuthority.root({ nowMs: NOW, cn: 'Root' })
const evil = TestAuthority.root({ nowMs: NOW, cn: 'Root' })
const middle = root.intermediate({ cn: 'Middle' })
const anchors = anchorsOf([parseCertificate(root.caDer)])
const dns = ['a.example']

const judge = (chain: readonly Uint8Array[], nowMs = NOW): ChainVerdict => judgeChain(chain, anchors, nowMs)
const say = (verdict: ChainVerdict): string => (verdict.status === 'untrusted' ? verdict.reason : verdict.status)
const leafOf = (by: TestAuthority, options: IssueOptions = {}): readonly Uint8Array[] => by.issue({ dns, ...options }).chain

/** Everything a peer may show, and what it proves. */
const zoo: readonly (readonly [string, readonly Uint8Array[], string])[] = [
  ['nothing', [], 'absent'],
  ['good, serverAuth only', leafOf(middle, { eku: ['serverAuth'] }), 'valid'],
  ['good, serverAuth and clientAuth', leafOf(middle), 'valid'],
  ['good, no EKU', leafOf(middle, { eku: 'none' }), 'valid'],
  ['good, anyExtendedKeyUsage', leafOf(middle, { eku: ['any'] }), 'valid'],
  ['good, straight from the root', leafOf(root), 'valid'],
  ['good, RSA 2048', leafOf(middle, { key: 'rsa2048' }), 'valid'],
  ['good, Ed25519', leafOf(middle, { key: 'ed25519' }), 'valid'],
  ['good, no keyUsage', leafOf(middle, { keyUsage: 'none' }), 'valid'],
  ['good, no basicConstraints', leafOf(middle, { ca: 'absent' }), 'valid'],
  ['clientAuth only', leafOf(middle, { eku: ['clientAuth'] }), 'wrong-purpose'],
  ['e-mail only', leafOf(middle, { eku: ['1.3.6.1.5.5.7.3.4'] }), 'wrong-purpose'],
  ['no EKU under an e-mail CA', leafOf(root.intermediate({ eku: ['1.3.6.1.5.5.7.3.4'] }), { eku: 'none' }), 'wrong-purpose'],
  ['serverAuth under a serverAuth CA', leafOf(root.intermediate({ eku: ['serverAuth'] }), { eku: ['serverAuth'] }), 'valid'],
  ['self-signed', leafOf(root, { selfSigned: true, cn: 'a' }), 'self-signed'],
  ['self-signed, serverAuth only', leafOf(root, { selfSigned: true, cn: 'a', eku: ['serverAuth'] }), 'self-signed'],
  ['self-signed, with no name at all', leafOf(root, { selfSigned: true }), 'self-signed'],
  ['self-signed in the name of the root', leafOf(root, { selfSigned: true, cn: 'Root', eku: ['serverAuth'] }), 'self-signed'],
  ['evil CA of the same name', leafOf(evil, { eku: ['serverAuth'] }), 'bad-signature'],
  ['evil CA of the same name, sent along', [...leafOf(evil, { eku: ['serverAuth'] }), evil.caDer], 'bad-signature'],
  ['evil intermediate of the same name', leafOf(evil.intermediate({ cn: 'Middle' })), 'bad-signature'],
  ['unknown CA', leafOf(TestAuthority.root({ nowMs: NOW, cn: 'Other' })), 'unknown-issuer'],
  ['intermediate missing', leafOf(middle).slice(0, 1), 'unknown-issuer'],
  ['expired', leafOf(middle, { notAfter: NOW - DAY }), 'expired'],
  ['expired, serverAuth only', leafOf(middle, { notAfter: NOW - DAY, eku: ['serverAuth'] }), 'expired'],
  ['not yet valid', leafOf(middle, { notBefore: NOW + DAY }), 'not-yet-valid'],
  ['expired intermediate', leafOf(root.intermediate({ notAfter: NOW - DAY })), 'expired-chain'],
  ['intermediate is no CA', leafOf(root.intermediate({ ca: false })), 'not-a-ca'],
  ['intermediate without basicConstraints', leafOf(root.intermediate({ ca: 'absent', keyUsage: ['keyCertSign'] })), 'not-a-ca'],
  ['intermediate may not sign', leafOf(root.intermediate({ keyUsage: ['digitalSignature'] })), 'key-usage'],
  ['leaf is a CA', leafOf(middle, { ca: true, eku: ['serverAuth'], keyUsage: ['digitalSignature'] }), 'is-a-ca'],
  ['leaf may not sign', leafOf(middle, { keyUsage: ['keyEncipherment'] }), 'key-usage'],
  ['path length 0 kept', leafOf(root.intermediate({ pathLength: 0 })), 'valid'],
  ['path length 0 broken', leafOf(root.intermediate({ pathLength: 0 }).intermediate({ cn: 'Below' })), 'path-length'],
  ['path length 1 kept', leafOf(root.intermediate({ pathLength: 1 }).intermediate({ cn: 'Below' })), 'valid'],
  ['within a permitted name', leafOf(root.intermediate({ permittedDns: ['a.example'] })), 'valid'],
  ['below a permitted name', leafOf(root.intermediate({ permittedDns: ['example'] })), 'valid'],
  ['outside the permitted names', leafOf(root.intermediate({ permittedDns: ['b.example'] })), 'name-constraint'],
  [
    'one name outside',
    leafOf(root.intermediate({ permittedDns: ['a.example'] }), { dns: ['a.example', 'b.example'] }),
    'name-constraint',
  ],
  ['an excluded name', leafOf(root.intermediate({ excludedDns: ['example'] })), 'name-constraint'],
  [
    'a wildcard over an excluded name',
    leafOf(root.intermediate({ excludedDns: ['x.a.example'] }), { dns: ['*.a.example'] }),
    'name-constraint',
  ],
  [
    'a SRVName outside dNSName bounds',
    leafOf(root.intermediate({ permittedDns: ['a.example'] }), { srvName: ['_xmpp-server.v.example'] }),
    'name-constraint',
  ],
  [
    'an xmppAddr outside dNSName bounds',
    leafOf(root.intermediate({ permittedDns: ['a.example'] }), { xmppAddr: ['v.example'] }),
    'name-constraint',
  ],
  [
    'bounds two levels up',
    leafOf(root.intermediate({ permittedDns: ['b.example'] }).intermediate({ cn: 'Below' })),
    'name-constraint',
  ],
  ['SHA-1 signature', leafOf(middle, { hash: 'sha1' }), 'weak-signature'],
  ['SHA-1 signature of the intermediate', leafOf(root.intermediate({ hash: 'sha1' })), 'weak-signature'],
  ['RSA 1024', leafOf(middle, { key: 'rsa1024' }), 'weak-key'],
  ['RSA 1024 intermediate', leafOf(root.intermediate({ key: 'rsa1024' })), 'weak-key'],
  ['a curve that is not for the web', leafOf(middle, { key: 'secp256k1' }), 'weak-key'],
  ['unknown critical extension', leafOf(middle, { unknownCritical: '1.2.3.4' }), 'unknown-critical'],
  ['unknown critical extension above', leafOf(root.intermediate({ unknownCritical: '1.2.3.4' })), 'unknown-critical'],
  ['garbage', [Buffer.from('garbage')], 'malformed'],
  ['garbage behind a good leaf', [...leafOf(middle), Buffer.from('garbage')], 'valid'],
]

describe('judgeChain', () => {
  for (const [what, chain, expected] of zoo) {
    test(`${what} -> ${expected}`, () => assert.equal(say(judge(chain)), expected))
  }

  test('the order of intermediates does not matter, nor strangers among them', () => {
    const third = middle.intermediate({ cn: 'Second' }).intermediate({ cn: 'Third' })
    const [leaf, ...rest] = third.issue({ dns }).chain
    assert.equal(rest.length, 3)
    const all = [...rest, root.caDer, evil.caDer, evil.issue({ dns }).der]
    for (const order of [all, all.toReversed(), [...all.slice(2), ...all.slice(0, 2)]])
      assert.equal(say(judge([leaf!, ...order])), 'valid')
  })

  test('a valid chain says when its first certificate runs out', () => {
    const soon = root.intermediate({ notAfter: NOW + 5 * DAY })
    const verdict = judge(leafOf(soon))
    assert.equal(verdict.status === 'valid' && verdict.notAfterMs, NOW + 5 * DAY + 999)
    assert.equal(say(judge(leafOf(soon), NOW + 6 * DAY)), 'expired-chain')
  })

  test('a self-signed certificate is valid where it is an anchor itself, even one that says it is a CA', () => {
    for (const ca of [false, true]) {
      const own = root.issue({ dns, cn: 'a', selfSigned: true, ca, keyUsage: ['digitalSignature'], eku: ['serverAuth'] })
      const pinned = anchorsOf([parseCertificate(own.der)])
      assert.equal(say(judgeChain(own.chain, pinned, NOW)), 'valid')
      assert.equal(say(judgeChain(own.chain, pinned, NOW + 1000 * DAY)), 'expired')
      assert.equal(say(judgeChain(own.chain, anchors, NOW)), 'self-signed')
    }
  })

  test('an anchor that is no CA vouches for nobody', () => {
    const own = root.issue({ dns, cn: 'Middle', ca: false })
    const chain = middle.issue({ dns }).chain
    assert.notEqual(judgeChain(chain, anchorsOf([parseCertificate(own.der)]), NOW).status, 'valid')
    const notCa = root.intermediate({ ca: false, keyUsage: ['keyCertSign'] })
    assert.equal(say(judgeChain(leafOf(notCa), anchorsOf([parseCertificate(notCa.caDer)]), NOW)), 'not-a-ca')
  })

  test('an intermediate may be the anchor', () => {
    assert.equal(say(judgeChain(leafOf(middle), anchorsOf([parseCertificate(middle.caDer)]), NOW)), 'valid')
  })

  test('a way around an expired intermediate is found', () => {
    const again = TestAuthority.root({ nowMs: NOW, cn: 'Again' })
    const both = anchorsOf([root, again].map((a) => parseCertificate(a.caDer)))
    const old = root.crossSign(middle, { notAfter: NOW - DAY })
    const renewed = again.crossSign(middle, {})
    const leaf = middle.issue({ dns }).der
    assert.equal(say(judgeChain([leaf, old], both, NOW)), 'expired-chain')
    assert.equal(say(judgeChain([leaf, old, renewed], both, NOW)), 'valid')
  })

  test('a maze of same-named certificates ends after a bounded number of signatures', () => {
    const maze: Uint8Array[] = []
    let at = evil
    for (let i = 0; i < 15; i++) {
      at = at.intermediate({ cn: 'Root' })
      maze.push(at.caDer)
    }
    const started = performance.now()
    assert.notEqual(judge([at.issue({ dns }).der, ...maze]).status, 'valid')
    assert.ok(performance.now() - started < 500)
  })

  test('names that only look like the victim prove nothing', () => {
    const tricks: readonly IssueOptions[] = [
      { dns: ['evil.example'], cn: 'a.example' },
      { dns: ['evil.example'], ou: 'CN=a.example' },
      { dns: ['evil.example, DNS:a.example'] },
      { dns: ['evil.example'], xmppAddr: ['evil.example, DNS:a.example'] },
      { cn: 'a.example' },
    ]
    for (const trick of tricks) {
      const verdict = judge(middle.issue(trick).chain)
      assert.equal(verdict.status, 'valid')
      assert.equal(verdict.status === 'valid' && namesDomain(verdict.leaf.names, 'a.example'), false)
    }
  })

  test('with one byte changed no chain is valid, and none makes us throw', () => {
    const chain = leafOf(middle)
    const place = fc.nat(chain.length - 1).chain((which) => fc.tuple(fc.constant(which), fc.nat(chain[which]!.length - 1)))
    fc.assert(
      fc.property(place, fc.integer({ min: 1, max: 255 }), ([which, at], change) => {
        const other = chain.map((der) => Uint8Array.from(der))
        other[which]![at] = other[which]![at]! ^ change
        assert.notEqual(judge(other).status, 'valid')
      }),
      { numRuns: 300 },
    )
  })
})

describe('ChainJudge', () => {
  test('remembers a valid chain until it runs out or the anchors change', () => {
    let trusted = anchors
    const judge = new ChainJudge(() => trusted)
    const chain = leafOf(middle, { notAfter: NOW + DAY })
    const first = judge.judge(chain, NOW)
    assert.equal(first.status, 'valid')
    assert.equal(judge.judge(chain, NOW + 1), first)
    assert.equal(say(judge.judge(chain, NOW + 2 * DAY)), 'expired')
    assert.equal(say(judge.judge(chain, NOW)), 'valid')
    trusted = anchorsOf([])
    assert.equal(say(judge.judge(chain, NOW)), 'unknown-issuer')
  })

  test('tells chains apart by every certificate', () => {
    const judge = new ChainJudge(() => anchors)
    const chain = leafOf(middle)
    assert.equal(say(judge.judge(chain, NOW)), 'valid')
    assert.equal(say(judge.judge(chain.slice(0, 1), NOW)), 'unknown-issuer')
    assert.equal(say(judge.judge([evil.issue({ dns }).der, ...chain.slice(1)], NOW)), 'bad-signature')
  })
})
