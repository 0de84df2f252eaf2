import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ChainJudge, judgeChain } from '../../../src/net/chain.ts'
import { parseCrl } from '../../../src/net/crl.ts'
import { DerError } from '../../../src/net/der.ts'
import { derBoolean, implicit, sequence, smallInteger } from '../../../src/net/der-write.ts'
import { extension } from '../../../src/net/issue.ts'
import { OID } from '../../../src/net/oids.ts'
import { pemOf } from '../../../src/net/pem.ts'
import { NO_REVOCATIONS, RevocationStore, revocationsOf } from '../../../src/net/revocations.ts'
import { anchorsOf } from '../../../src/net/trust.ts'
import { parseCertificate } from '../../../src/net/x509.ts'
import { TestAuthority } from '../../../src/testing/certificate-authority.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const NOW = Date.UTC(2026, 5, 1)
const DAY = 86_400_000
const dns = ['a.example']
const root = TestAuthority.root({ nowMs: NOW, cn: 'Root' })
const evil = TestAuthority.root({ nowMs: NOW, cn: 'Root' })
const mute = TestAuthority.root({ nowMs: NOW, cn: 'Mute', keyUsage: ['keyCertSign'] })
const middle = root.intermediate({ cn: 'Middle' })
const bad = middle.issue({ dns })
const good = middle.issue({ dns })
const anchors = anchorsOf([root, mute].map((by) => parseCertificate(by.caDer)))

const say = (chain: readonly Uint8Array[], ...crls: readonly Uint8Array[]): string => {
  const verdict = judgeChain(chain, anchors, NOW, revocationsOf(crls.map(parseCrl)))
  return verdict.status === 'untrusted' ? verdict.reason : verdict.status
}

describe('chains and what is revoked', () => {
  const ofMute = mute.issue({ dns })
  const table: readonly (readonly [string, readonly Uint8Array[], readonly Uint8Array[], string])[] = [
    ['no list', bad.chain, [], 'valid'],
    ['the leaf', bad.chain, [middle.crl({ revoked: [bad.der] })], 'revoked'],
    ['another leaf', good.chain, [middle.crl({ revoked: [bad.der] })], 'valid'],
    ['an empty list', bad.chain, [middle.crl({ revoked: [] })], 'valid'],
    ['the intermediate', bad.chain, [root.crl({ revoked: [middle.caDer] })], 'revoked'],
    ['the same serial number of another issuer', good.chain, [root.crl({ revoked: [good.der] })], 'valid'],
    ['one of two lists', bad.chain, [middle.crl({ revoked: [] }), middle.crl({ revoked: [bad.der] })], 'revoked'],
    ['a list past its date still revokes', bad.chain, [middle.crl({ revoked: [bad.der], nextUpdate: NOW - DAY })], 'revoked'],
    ['a list that somebody else has signed', bad.chain, [middle.crl({ revoked: [bad.der], by: evil })], 'valid'],
    ['an issuer that may not sign lists', ofMute.chain, [mute.crl({ revoked: [ofMute.der] })], 'valid'],
  ]
  for (const [what, chain, crls, expected] of table) {
    test(`${what} -> ${expected}`, () => assert.equal(say(chain, ...crls), expected))
  }

  test('another way to an anchor is still found', () => {
    const cross = root.crossSign(middle, {})
    assert.equal(say([bad.der, middle.caDer, cross], root.crl({ revoked: [middle.caDer] })), 'valid')
  })

  test('a remembered chain is judged anew when the lists change', () => {
    let now = NO_REVOCATIONS
    const judge = new ChainJudge(
      () => anchors,
      () => now,
    )
    assert.equal(judge.judge(bad.chain, NOW).status, 'valid')
    now = revocationsOf([parseCrl(middle.crl({ revoked: [bad.der] }))])
    assert.equal(judge.judge(bad.chain, NOW).status, 'untrusted')
  })
})

describe('reading', () => {
  const point = (...scope: Uint8Array[]) => extension(OID.issuingDistributionPoint, true, sequence(...scope))
  const yes = Uint8Array.of(0xff)
  for (const [what, extensions, usable] of [
    ['a number', [extension(OID.crlNumber, false, smallInteger(5))], true],
    ['a part of the certificates', [point(implicit(1, yes))], true],
    ['certificates of other issuers', [point(implicit(4, yes))], false],
    ['a difference', [extension(OID.deltaCrlIndicator, true, smallInteger(1))], false],
    ['critical and unknown', [extension('1.2.3.4', true, derBoolean(true))], false],
    ['unknown', [extension('1.2.3.4', false, derBoolean(true))], true],
  ] as const) {
    test(`${what}: ${usable ? '' : 'not '}used`, () => {
      const der = middle.crl({ revoked: [bad.der], extensions })
      if (usable) assert.equal(parseCrl(der).revoked.size, 1)
      else assert.throws(() => parseCrl(der), DerError)
    })
  }

  test('whatever the bytes are: a list, or a DerError', () => {
    const der = middle.crl({ revoked: [bad.der, good.der], extensions: [extension(OID.crlNumber, false, smallInteger(5))] })
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(8), (at, byte, cut) => {
        const bytes = Uint8Array.from(der.subarray(0, der.length - cut))
        if (at < bytes.length) bytes[at] = byte
        try {
          parseCrl(bytes)
        } catch (error) {
          assert.ok(error instanceof DerError, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('files', () => {
  test('PEM with several lists, DER, and what is wrong', () => {
    const folder = temporaryFolder()
    const [pem, der, broken, absent] = ['a.pem', 'b.crl', 'c.crl', 'd.crl'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ]
    const lists = [root.crl({ revoked: [] }), middle.crl({ revoked: [bad.der] })]
    writeFileSync(pem, lists.map((list) => pemOf(list, 'X509 CRL')).join(''))
    writeFileSync(der, root.crl({ revoked: [middle.caDer], nextUpdate: NOW - DAY }))
    writeFileSync(broken, 'no list')
    const store = new RevocationStore()
    assert.deepEqual(store.reload([pem], NOW), [])
    const [leaf, issuer, top] = [bad.der, middle.caDer, root.caDer].map(parseCertificate)
    assert.ok(store.current.has(leaf!, issuer!))
    assert.ok(!store.current.has(issuer!, top!))
    const problems = store.reload([pem, der, broken, absent], NOW)
    assert.deepEqual(
      problems.map((p) => [p.severity, p.file]),
      [
        ['warning', der],
        ['error', broken],
        ['error', absent],
      ],
    )
    assert.match(problems[0]!.message, /out of date/)
    assert.ok(store.current.has(issuer!, top!))
    writeFileSync(der, 'half writ')
    assert.equal(store.reload([der], NOW).length, 1)
    assert.ok(store.current.has(issuer!, top!), 'a file that is broken now goes on as it was')
    assert.deepEqual(store.reload([], NOW), [])
    assert.equal(store.current, NO_REVOCATIONS)
  })
})
