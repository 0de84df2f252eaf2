import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { judgeChain } from '../../../src/net/chain.ts'
import { matchesTlsa, usableTlsa } from '../../../src/net/dane.ts'
import type { TlsaRecord } from '../../../src/net/dns-message.ts'
import { anchorsOf } from '../../../src/net/trust.ts'
import { parseCertificate } from '../../../src/net/x509.ts'
import { namesDomain } from '../../../src/policy/certificate.ts'
import { TestAuthority } from '../../../src/testing/certificate-authority.ts'

const NOW = Date.UTC(2026, 5, 1)
const DAY = 86_400_000
const dns = ['a.example']
const root = TestAuthority.root({ nowMs: NOW, cn: 'Root' })
const middle = root.intermediate({ cn: 'Middle' })
const other = TestAuthority.root({ nowMs: NOW, cn: 'Other' })
const evil = TestAuthority.root({ nowMs: NOW, cn: 'Middle' })

const pick = (der: Uint8Array, selector: number): Uint8Array => (selector === 1 ? parseCertificate(der).spki : der)
const digest = (bytes: Uint8Array, matching: number): Uint8Array =>
  matching === 0
    ? bytes
    : createHash(matching === 1 ? 'sha256' : 'sha512')
        .update(bytes)
        .digest()
const tlsa = (usage: number, selector: number, matching: number, der: Uint8Array): TlsaRecord => {
  return { usage, selector, matching, data: digest(pick(der, selector), matching) }
}

/** `trusted`: PKIX knows the root. */
function matches(record: TlsaRecord, chain: readonly Uint8Array[], { name = 'a.example', trusted = false } = {}): boolean {
  const named = (leaf: ReturnType<typeof parseCertificate>) => namesDomain(leaf.names, name)
  const anchors = anchorsOf(trusted ? [parseCertificate(root.caDer)] : [])
  const pkix = judgeChain(chain, anchors, NOW)
  const path = pkix.status === 'valid' && named(pkix.leaf) ? pkix.path : undefined
  return matchesTlsa(usableTlsa([record]), { chain, path, named }, NOW)
}

const good = middle.issue({ dns }).chain
const [leaf, authority] = good as [Uint8Array, Uint8Array]
const whole = [...good, root.caDer]

describe('every usage, selector and matching type', () => {
  for (const selector of [0, 1]) {
    for (const matching of [0, 1, 2]) {
      const of = (usage: number, der: Uint8Array) => tlsa(usage, selector, matching, der)
      test(`x ${selector} ${matching}`, () => {
        const stranger = other.issue({ dns }).der
        assert.ok(matches(of(3, leaf), good), 'usage 3: the leaf, nobody else asked')
        assert.ok(!matches(of(3, authority), good), 'usage 3 is not about issuers')
        assert.ok(!matches(of(3, stranger), good), 'usage 3: another certificate')
        assert.ok(matches(of(2, authority), good), 'usage 2: an authority that was shown')
        assert.ok(matches(of(2, root.caDer), whole), 'usage 2: the root, which was shown')
        assert.ok(!matches(of(2, leaf), good), 'usage 2 is not about the leaf')
        assert.ok(!matches(of(2, other.caDer), whole), 'usage 2: another authority')
        assert.ok(matches(of(1, leaf), good, { trusted: true }), 'usage 1: the leaf, which PKIX knows')
        assert.ok(!matches(of(1, leaf), good), 'usage 1: PKIX does not know it')
        assert.ok(!matches(of(1, stranger), good, { trusted: true }), 'usage 1: another leaf')
        assert.ok(matches(of(0, root.caDer), good, { trusted: true }), 'usage 0: the anchor, though it was not shown')
        assert.ok(matches(of(0, authority), good, { trusted: true }), 'usage 0: an intermediate')
        assert.ok(!matches(of(0, root.caDer), whole), 'usage 0: PKIX does not know it')
        assert.ok(!matches(of(0, leaf), good, { trusted: true }), 'usage 0 is not about the leaf')
      })
    }
  }
})

describe('what else counts', () => {
  const ends = root.issue({ dns, notAfter: NOW - DAY })
  const self = root.issue({ dns: ['else.example'], selfSigned: true, cn: 'x', notAfter: NOW - DAY })
  const ca = (...chain: Uint8Array[]) => [...chain, root.caDer]
  for (const [what, record, chain, expected, name] of [
    ['usage 3: neither name nor date nor issuer', tlsa(3, 1, 1, self.der), self.chain, true, 'a.example'],
    ['usage 2 needs the name', tlsa(2, 0, 1, authority), good, false, 'b.example'],
    ['usage 2 needs the date', tlsa(2, 0, 1, root.caDer), ca(ends.der), false, 'a.example'],
    ['usage 2: shown, but it has signed nothing here', tlsa(2, 0, 1, other.caDer), [...good, other.caDer], false, 'a.example'],
    ['usage 2: of the same name with another key', tlsa(2, 0, 1, evil.caDer), [leaf, evil.caDer], false, 'a.example'],
    ['usage 2 2 0 0: in the record as a whole, not shown', tlsa(2, 0, 0, root.caDer), good, true, 'a.example'],
    ['usage 2: neither in the record nor shown', tlsa(2, 0, 1, root.caDer), good, false, 'a.example'],
    ['bytes that are no certificate', tlsa(3, 0, 1, Uint8Array.of(1, 2)), [Uint8Array.of(1, 2)], true, 'a.example'],
    ['and have no key', tlsa(3, 1, 1, leaf), [Uint8Array.of(1, 2)], false, 'a.example'],
    ['nothing shown', tlsa(3, 0, 1, leaf), [], false, 'a.example'],
  ] as const) {
    test(what, () => assert.equal(matches(record, chain, { name }), expected))
  }

  test('one record that fits is enough', () => {
    const shown = { chain: good, path: undefined, named: () => true }
    assert.ok(matchesTlsa([tlsa(3, 0, 1, other.caDer), tlsa(3, 0, 1, leaf)], shown, NOW))
    assert.ok(!matchesTlsa([], shown, NOW))
  })
})

test('records that nobody understands are not used', () => {
  const record = { usage: 3, selector: 1, matching: 1, data: new Uint8Array(32) }
  const table: readonly (readonly [Partial<TlsaRecord>, boolean])[] = [
    [{}, true],
    [{ usage: 4 }, false],
    [{ usage: 255 }, false],
    [{ selector: 2 }, false],
    [{ matching: 3 }, false],
    [{ data: new Uint8Array(31) }, false],
    [{ data: new Uint8Array(0) }, false],
    [{ matching: 2 }, false],
    [{ matching: 2, data: new Uint8Array(64) }, true],
    [{ matching: 0, data: new Uint8Array(0) }, false],
    [{ matching: 0, data: new Uint8Array(5) }, true],
  ]
  for (const [change, usable] of table) assert.equal(usableTlsa([{ ...record, ...change }]).length, usable ? 1 : 0)
})
