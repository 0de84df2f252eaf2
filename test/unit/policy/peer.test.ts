import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  judgePeer,
  judgeSecured,
  type MoveFacts,
  nextMove,
  offersTo,
  type PeerFacts,
  type PeerOptions,
  type PeerPolicy,
  peerPolicy,
} from '../../../src/policy/peer.ts'
import { type CertificateVerdict, certificateTextForPeer, certificateTextForSender, refuse } from '../../../src/policy/refusal.ts'
import { type PeerRule, type ProsodyOptions, rulesOfOptions } from '../../../src/policy/rules.ts'
import { isBelow, TRUST, trustOf } from '../../../src/policy/trust.ts'

const A_RULE: PeerRule = { remotes: new Set(['*']), origin: { option: 's2s_rules', at: 'a.cfg.lua:1:1' } }
const RULES = { action: A_RULE, encryption: A_RULE, proofs: A_RULE }
const OPEN: PeerPolicy = {
  barred: undefined,
  quarantined: false,
  encryption: 'optional',
  certificate: 'optional',
  accepts: new Set(['pkix', 'dane', 'posh', 'pin']),
  floor: 'plain',
  rules: RULES,
  tls: true,
  saslauth: true,
  dialback: true,
  ownCertificate: true,
}
const OPTIONS: PeerOptions = {
  s2s: true,
  tls: true,
  saslauth: true,
  dialback: true,
  ownCertificate: true,
  rules: [{ remotes: new Set(['blocked.example']), action: 'block', origin: { option: 's2s_rules', at: undefined } }],
  refuseDowngrades: false,
  bestOf: () => undefined,
  isLocal: (d) => d === 'ours.example',
}
const prosody = (o: Partial<ProsodyOptions>): PeerOptions => ({
  ...OPTIONS,
  rules: rulesOfOptions({
    secureAuth: false,
    secureDomains: new Set(),
    insecureDomains: new Set(),
    requireEncryption: false,
    at: () => undefined,
    ...o,
  }),
})
const it = new Set(['b.example'])

describe('peerPolicy: what the options of the mission page demand of b.example', () => {
  const rows = [
    // secure_auth  insecure  secure  require  encryption  certificate
    [false, false, false, false, 'optional', 'optional'],
    [false, true, false, false, 'optional', 'optional'],
    [false, false, true, false, 'required', 'required'],
    [false, true, true, false, 'required', 'required'],
    [true, false, false, false, 'required', 'required'],
    [true, false, true, false, 'required', 'required'],
    [true, true, false, false, 'optional', 'optional'],
    [true, true, true, false, 'required', 'optional'],
    [true, true, false, true, 'required', 'optional'],
    [false, false, false, true, 'required', 'optional'],
  ] as const
  for (const [secureAuth, insecure, secure, requireEncryption, encryption, certificate] of rows) {
    test(`secure_auth=${secureAuth} insecure=${insecure} secure=${secure} require=${requireEncryption} → ${encryption}, ${certificate}`, () => {
      const lists = { insecureDomains: insecure ? it : new Set<string>(), secureDomains: secure ? it : new Set<string>() }
      const p = peerPolicy(prosody({ secureAuth, requireEncryption, ...lists }), 'b.example')
      assert.deepEqual([p.encryption, p.certificate], [encryption, certificate])
    })
  }

  test('names match exactly', () => {
    const o = prosody({ secureAuth: true, insecureDomains: it })
    assert.equal(peerPolicy(o, 'sub.b.example').certificate, 'required')
    assert.equal(peerPolicy(o, 'b.example.org').certificate, 'required')
  })

  test('some may not be met at all', () => {
    assert.equal(peerPolicy({ ...OPTIONS, s2s: false }, 'b.example').barred, 's2s-disabled')
    assert.equal(peerPolicy(OPTIONS, 'ours.example').barred, 'local-domain')
    assert.equal(peerPolicy(OPTIONS, 'blocked.example').barred, 'blocked')
  })
})

describe('judgePeer', () => {
  const rows = [
    // direction  encrypted  asked  certificate  dialback  encryption  certificate required  verdict
    ['in', true, 'external', 'valid', 'untried', 'required', 'required', 'external'],
    ['in', true, 'external', 'valid', 'untried', 'optional', 'optional', 'external'],
    ['in', true, 'external', 'self-signed', 'untried', 'optional', 'optional', 'certificate-self-signed'],
    ['in', true, 'external', 'wrong-name', 'valid', 'optional', 'optional', 'certificate-wrong-name'],
    ['in', true, 'external', 'absent', 'untried', 'optional', 'optional', 'certificate-absent'],
    ['in', false, 'external', 'valid', 'untried', 'optional', 'optional', 'external-unavailable'],
    ['in', true, 'dialback', 'self-signed', 'valid', 'required', 'optional', 'dialback'],
    ['in', true, 'dialback', 'wrong-name', 'valid', 'required', 'required', 'certificate-wrong-name'],
    ['in', true, 'dialback', 'valid', 'valid', 'required', 'required', 'dialback'],
    ['in', true, 'dialback', 'valid', 'untried', 'required', 'required', 'dialback-untried'],
    ['in', true, 'dialback', 'valid', 'invalid', 'optional', 'optional', 'dialback-invalid'],
    ['in', false, 'dialback', 'absent', 'valid', 'optional', 'optional', 'dialback'],
    ['in', false, 'dialback', 'absent', 'valid', 'required', 'optional', 'unencrypted'],
    ['out', true, 'external', 'self-signed', 'untried', 'required', 'optional', 'external'],
    ['out', true, 'external', 'self-signed', 'untried', 'required', 'required', 'certificate-self-signed'],
    ['out', true, 'dialback', 'valid', 'valid', 'required', 'required', 'dialback'],
    ['out', true, 'dialback', 'dane-mismatch', 'valid', 'optional', 'optional', 'certificate-dane-mismatch'],
    ['in', true, 'dialback', 'dane-mismatch', 'valid', 'optional', 'optional', 'dialback'],
    ['out', false, 'dialback', 'absent', 'valid', 'optional', 'optional', 'dialback'],
    ['out', false, 'dialback', 'absent', 'valid', 'required', 'optional', 'unencrypted'],
  ] as const
  for (const [direction, encrypted, asked, certificate, dialback, encryption, demanded, expected] of rows) {
    test(`${direction} ${encrypted ? 'TLS' : 'plain'} ${asked} cert=${certificate} dialback=${dialback}, ${encryption}/${demanded} → ${expected}`, () => {
      const v = judgePeer({ ...OPEN, encryption, certificate: demanded }, { direction, encrypted, asked, certificate, dialback })
      assert.equal(v.allow ? v.via : v.because, expected)
    })
  }
})

const product = <T extends Record<string, readonly unknown[]>>(sets: T): { [K in keyof T]: T[K][number] }[] =>
  Object.entries(sets).reduce<Record<string, unknown>[]>(
    (all, [key, values]) => all.flatMap((o) => values.map((value) => ({ ...o, [key]: value }))),
    [{}],
  ) as { [K in keyof T]: T[K][number] }[] // built from exactly these keys and values

const YES_NO = [true, false] as const
const CERTIFICATES: readonly CertificateVerdict[] = [
  'valid',
  'absent',
  'wrong-name',
  'expired',
  'self-signed',
  'expired-chain',
  'untrusted',
  'pin-mismatch',
  'dane-mismatch',
  'revoked',
  'unaccepted',
  'unvalidated',
]
const policies: PeerPolicy[] = product({
  barred: [undefined, 's2s-disabled', 'blocked', 'local-domain'] as const,
  quarantined: [false] as const,
  accepts: [OPEN.accepts] as const,
  floor: TRUST,
  rules: [RULES] as const,
  encryption: ['optional', 'required'] as const,
  certificate: ['optional', 'required'] as const,
  tls: YES_NO,
  saslauth: YES_NO,
  dialback: YES_NO,
  ownCertificate: YES_NO,
})
const facts: PeerFacts[] = product({
  direction: ['in', 'out'] as const,
  encrypted: YES_NO,
  certificate: CERTIFICATES,
  asked: ['external', 'dialback'] as const,
  dialback: ['untried', 'invalid', 'valid'] as const,
})

describe('the sweep over every policy and every fact', () => {
  test('nobody is believed without what was demanded', () => {
    let allowed = 0
    for (const p of policies) {
      for (const f of facts) {
        const v = judgePeer(p, f)
        if (!v.allow) continue
        allowed++
        assert.equal(v.via, f.asked)
        assert.equal(p.barred, undefined)
        if (p.encryption === 'required') assert.ok(f.encrypted)
        if (p.certificate === 'required') assert.ok(f.encrypted && f.certificate === 'valid')
        assert.ok(!isBelow(trustOf(f.encrypted, f.certificate), p.floor))
        if (v.via === 'dialback') assert.ok(p.dialback && f.dialback === 'valid')
        if (v.via === 'external') assert.ok(p.saslauth && f.encrypted && (f.direction === 'out' || f.certificate === 'valid'))
      }
    }
    assert.ok(allowed > 100)
  })

  test('no rule is looser when the operator asks for more', () => {
    for (const p of policies) {
      for (const f of facts) {
        if (!judgePeer(p, f).allow) continue
        assert.ok(judgePeer({ ...p, certificate: 'optional' }, f).allow)
        assert.ok(judgePeer({ ...p, encryption: 'optional' }, f).allow)
        assert.ok(judgePeer({ ...p, floor: 'plain' }, f).allow)
      }
    }
  })

  test('nobody loses by a better certificate, by encryption, or by a proven key', () => {
    for (const p of policies) {
      for (const f of facts) {
        if (!judgePeer(p, f).allow) continue
        assert.ok(judgePeer(p, { ...f, certificate: 'valid' }).allow)
        assert.ok(judgePeer(p, { ...f, encrypted: true, certificate: 'valid' }).allow)
        assert.ok(judgePeer(p, { ...f, dialback: 'valid' }).allow)
      }
    }
  })

  test('every refusal has a condition and a text for each side, and names no domain', () => {
    for (const p of policies) {
      for (const f of facts) {
        const v = judgePeer(p, f)
        if (v.allow) continue
        assert.ok(v.toPeer !== '' && v.toSender !== '' && v.condition)
      }
    }
  })

  test('what is offered can succeed, and what can succeed is offered', () => {
    for (const p of policies) {
      for (const encrypted of YES_NO) {
        for (const certificate of CERTIFICATES) {
          const offers = offersTo(p, { encrypted, certificate })
          const could = (asked: 'external' | 'dialback') =>
            judgePeer(p, { direction: 'in', encrypted, certificate, asked, dialback: 'valid' }).allow
          const starttls = !encrypted && p.tls && p.ownCertificate && p.barred === undefined
          if ('because' in offers) assert.ok(!could('external') && !could('dialback') && !starttls)
          else {
            assert.equal(offers.external, could('external'))
            assert.equal(offers.dialback, could('dialback'))
            const encryption = p.floor === 'plain' ? p.encryption : 'required'
            assert.equal(offers.starttls, starttls ? encryption : 'no')
            if (offers.starttls === 'required') assert.ok(!offers.external && !offers.dialback)
          }
        }
      }
    }
  })

  test('on the way out, no key and no certificate is shown where encryption or a certificate is missing', () => {
    const moves: MoveFacts[] = product({
      encrypted: YES_NO,
      certificate: CERTIFICATES,
      offered: product({
        starttls: ['no', 'optional', 'required'] as const,
        mechanisms: YES_NO,
        external: YES_NO,
        dialback: YES_NO,
      }),
      externalFailed: YES_NO,
      purpose: ['link', 'verify'] as const,
    })
    for (const p of policies.filter((o) => o.saslauth)) {
      for (const f of moves) {
        const m = nextMove(p, f)
        if (!m.allow) continue
        assert.equal(p.barred, undefined)
        if (m.move === 'starttls')
          assert.ok(!f.encrypted && p.tls && (f.offered.starttls !== 'no' || p.encryption === 'required' || p.floor !== 'plain'))
        else {
          if (p.encryption === 'required') assert.ok(f.encrypted)
          if (p.certificate === 'required') assert.ok(f.encrypted && f.certificate === 'valid')
          if (f.encrypted) assert.equal(judgeSecured(p, f.certificate), undefined)
          if (m.move === 'external') assert.ok(f.encrypted && f.offered.external && !f.externalFailed && p.ownCertificate)
          assert.equal(m.move === 'verify', f.purpose === 'verify')
        }
      }
    }
  })
})

describe('texts', () => {
  test('the phrases of certificates, for both sides', () => {
    assert.equal(certificateTextForPeer('self-signed'), "Your server's certificate is self-signed")
    assert.equal(certificateTextForSender('expired'), "Remote server's certificate has expired")
    assert.equal(certificateTextForSender('expired-chain'), "Remote server's certificate has an expired certificate chain")
    assert.equal(certificateTextForPeer('wrong-name'), "Your server's certificate is not valid for this name")
    assert.equal(certificateTextForPeer('untrusted'), "Your server's certificate is not trusted")
    assert.equal(certificateTextForPeer('unvalidated'), "Your server's certificate could not be validated")
  })

  test('conditions', () => {
    assert.equal(refuse('certificate-expired', 'in').condition, 'not-authorized')
    assert.equal(refuse('unencrypted', 'in').condition, 'policy-violation')
    assert.equal(refuse('s2s-disabled', 'in').condition, 'policy-violation')
    assert.equal(refuse('local-domain', 'in').condition, 'not-authorized')
    assert.equal(refuse('no-method', 'out').condition, 'unsupported-feature')
  })
})
