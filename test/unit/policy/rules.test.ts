import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { judgePeer, offersTo, type PeerFacts, type PeerOptions, peerPolicy, ruleBehind } from '../../../src/policy/peer.ts'
import { type CertificateEvidence, weighCertificate } from '../../../src/policy/proofs.ts'
import type { CertificateVerdict } from '../../../src/policy/refusal.ts'
import {
  type Action,
  ALL_PROOFS,
  type CertificateProof,
  matches,
  originText,
  type PeerRule,
  PROOFS,
  type Proof,
  rulesOfOptions,
  rulingOn,
} from '../../../src/policy/rules.ts'
import { TRUST, type Trust } from '../../../src/policy/trust.ts'

let line = 0
const rule = (remote: string | readonly string[], says: Omit<Partial<PeerRule>, 'remotes' | 'origin'>): PeerRule => ({
  remotes: new Set(typeof remote === 'string' ? [remote] : remote),
  ...says,
  origin: { option: 's2s_rules', at: `a.cfg.lua:${++line}:1` },
})
const options = (rules: readonly PeerRule[], more: Partial<PeerOptions> = {}): PeerOptions => ({
  s2s: true,
  tls: true,
  saslauth: true,
  dialback: true,
  ownCertificate: true,
  rules,
  refuseDowngrades: false,
  isLocal: () => false,
  bestOf: () => undefined,
  ...more,
})

describe('matches', () => {
  const rows = [
    ['b.example', 'b.example', true],
    ['b.example', 'sub.b.example', false],
    ['b.example', 'bb.example', false],
    ['*.b.example', 'sub.b.example', true],
    ['*.b.example', 'a.sub.b.example', true],
    ['*.b.example', 'b.example', false],
    ['*.b.example', 'subb.example', false],
    ['*.example', 'b.example', true],
    ['*', 'b.example', true],
    ['*', '', true],
    ['*.example', '', false],
    ['b.example', '', false],
  ] as const
  for (const [pattern, remote, expected] of rows) {
    test(`${pattern} ${expected ? 'is about' : 'is not about'} ${JSON.stringify(remote)}`, () => {
      assert.equal(matches(rule(pattern, {}), remote), expected)
    })
  }
})

describe('rulingOn', () => {
  const trusting = rule('b.example', { proofs: new Set<Proof>(['dialback']) })
  const blocking = rule('*.bad.example', { action: 'block', text: 'write to abuse@a.example' })
  const strict = rule('*', { encryption: 'required', proofs: new Set<Proof>(['pkix']) })

  test('each part is decided by the first rule that matches and speaks of it', () => {
    const r = rulingOn([trusting, blocking, strict], 'b.example')
    assert.deepEqual([r.action.value, r.encryption.value, [...r.proofs.value]], ['allow', 'required', ['dialback']])
    assert.deepEqual([r.encryption.by, r.proofs.by], [strict, trusting])
    assert.equal(originText(r.action.by.origin), 'the default')
    assert.equal(rulingOn([blocking, strict], 'x.bad.example').action.by, blocking)
  })

  test('the first in the list, not the most exact', () => {
    assert.equal(rulingOn([strict, trusting], 'b.example').proofs.by, strict)
  })

  test('the domains of one list and no others', () => {
    const friends = [rule(['b.example', 'c.example'], { action: 'allow' }), rule('*', { action: 'block' })]
    const barred = (remote: string) => peerPolicy(options(friends), remote).barred
    assert.deepEqual([barred('b.example'), barred('c.example'), barred('d.example')], [undefined, undefined, 'blocked'])
    assert.equal(barred(''), undefined, 'who has not said its name is judged when it does')
  })
})

describe("Prosody's options as rules", () => {
  /** federation.md 2.1, in its own words. */
  const prosody = (secureAuth: boolean, insecure: boolean, secure: boolean, require: boolean) => ({
    certificate: secureAuth ? !insecure : secure,
    encryption: require || (secureAuth && !insecure) || secure,
  })
  const yesNo = [true, false]
  test('mean what they mean there, in all 16 combinations', () => {
    for (const secureAuth of yesNo)
      for (const insecure of yesNo)
        for (const secure of yesNo)
          for (const requireEncryption of yesNo) {
            const b = new Set(['b.example'])
            const rules = rulesOfOptions({
              secureAuth,
              secureDomains: secure ? b : new Set(),
              insecureDomains: insecure ? b : new Set(),
              requireEncryption,
              at: () => undefined,
            })
            const p = peerPolicy(options(rules), 'b.example')
            const want = prosody(secureAuth, insecure, secure, requireEncryption)
            const got = { certificate: p.certificate === 'required', encryption: p.encryption === 'required' }
            assert.deepEqual(got, want, JSON.stringify({ secureAuth, insecure, secure, requireEncryption }))
          }
  })

  test('a refusal names the option that it rests on, and where it stands', () => {
    const rules = rulesOfOptions({
      secureAuth: true,
      secureDomains: new Set(['c.example']),
      insecureDomains: new Set(['b.example']),
      requireEncryption: true,
      at: (option) => `a.cfg.lua:${option.length}:1`,
    })
    const behind = (remote: string, because: string) => ruleBehind(peerPolicy(options(rules), remote), because)?.origin
    assert.deepEqual(behind('d.example', 'certificate-expired'), { option: 's2s_secure_auth', at: 'a.cfg.lua:15:1' })
    assert.equal(behind('d.example', 'unencrypted')?.option, 's2s_require_encryption')
    assert.equal(behind('b.example', 'certificate-expired')?.option, 's2s_insecure_domains')
    assert.equal(behind('d.example', 'dialback-invalid'), undefined)
  })
})

describe('pins', () => {
  const pinned = rule('b.example', { pins: new Set(['aa']), text: 'call us' })
  test('a pinned domain needs TLS and the pinned key, whatever else the rules say', () => {
    const lax = rule('*', { encryption: 'optional', proofs: ALL_PROOFS })
    for (const rules of [
      [pinned, lax],
      [lax, pinned],
    ]) {
      const p = peerPolicy(options(rules), 'b.example')
      assert.deepEqual([p.encryption, p.certificate, [...p.accepts]], ['required', 'required', ['pin']])
      assert.equal(ruleBehind(p, 'certificate-pin-mismatch'), pinned)
    }
  })

  test('the peer reads what the rule says', () => {
    const p = peerPolicy(options([pinned]), 'b.example')
    const facts = { direction: 'in', encrypted: true, certificate: 'pin-mismatch', asked: 'dialback', dialback: 'valid' } as const
    const v = judgePeer(p, facts)
    assert.ok(!v.allow)
    assert.equal(v.toPeer, "Your server's certificate does not hold the key that is pinned for this name: call us")
    assert.ok(!v.toSender.includes('call us'))
  })
})

describe('weighCertificate', () => {
  const ALL: readonly CertificateProof[] = ['pkix', 'dane', 'posh', 'pin']
  const rows: readonly (readonly [readonly CertificateProof[], CertificateEvidence, string])[] = [
    [ALL, { pkix: 'valid' }, 'valid by pkix'],
    [ALL, { pkix: 'self-signed' }, 'self-signed'],
    [ALL, { pkix: 'self-signed', dane: 'match' }, 'valid by dane'],
    [ALL, { pkix: 'valid', dane: 'mismatch' }, 'dane-mismatch'],
    [ALL, { pkix: 'valid', dane: 'unknown' }, 'unvalidated'],
    [['pkix'], { pkix: 'valid', dane: 'unknown' }, 'valid by pkix'],
    [ALL, { pkix: 'revoked', posh: 'mismatch' }, 'revoked'],
    [ALL, { pkix: 'wrong-name', posh: 'match' }, 'valid by posh'],
    [ALL, { pkix: 'valid', posh: 'mismatch' }, 'valid by pkix'],
    [ALL, { pkix: 'absent', posh: 'match' }, 'absent'],
    [['pin'], { pkix: 'expired', pin: 'match' }, 'valid by pin'],
    [['pin'], { pkix: 'valid', pin: 'mismatch' }, 'pin-mismatch'],
    [['pin'], { pkix: 'valid', pin: 'mismatch', dane: 'match' }, 'pin-mismatch'],
    [['pin'], { pkix: 'absent', pin: 'mismatch' }, 'pin-mismatch'],
    [['dane'], { pkix: 'valid' }, 'unaccepted'],
    [['dane'], { pkix: 'expired' }, 'expired'],
    [['pkix'], { pkix: 'valid', dane: 'mismatch' }, 'valid by pkix'],
    [[], { pkix: 'valid' }, 'unaccepted'],
  ]
  for (const [accepts, evidence, expected] of rows) {
    test(`${accepts.join() || 'nothing'} and ${JSON.stringify(evidence)} → ${expected}`, () => {
      const { certificate, by } = weighCertificate(new Set(accepts), evidence)
      assert.equal(by === undefined ? certificate : `${certificate} by ${by}`, expected)
    })
  }

  test('nothing is valid without an accepted proof that holds', () => {
    const subsets = ALL.reduce<CertificateProof[][]>((sets, p) => sets.flatMap((s) => [s, [...s, p]]), [[]])
    const three = [undefined, 'match', 'mismatch'] as const
    for (const accepts of subsets)
      for (const pkix of ['valid', 'absent', 'expired', 'unvalidated'] as const)
        for (const pin of three)
          for (const dane of three)
            for (const posh of three) {
              const optional = { ...(pin && { pin }), ...(dane && { dane }), ...(posh && { posh }) }
              const { certificate, by } = weighCertificate(new Set(accepts), { pkix, ...optional })
              assert.equal(certificate === 'valid', by !== undefined)
              if (by === undefined) continue
              assert.ok(accepts.includes(by))
              assert.ok(by === 'pkix' ? pkix === 'valid' : { pin, dane, posh }[by] === 'match')
            }
  })
})

describe('the sweep over rules and facts', () => {
  const actions: readonly (Action | undefined)[] = [undefined, 'allow', 'block', 'quarantine']
  const proofSets = PROOFS.reduce<Proof[][]>((sets, p) => sets.flatMap((s) => [s, [...s, p]]), [[]]).filter((s) => s.length > 0)
  const certificates: readonly CertificateVerdict[] = ['valid', 'absent', 'self-signed', 'pin-mismatch', 'unaccepted']
  const facts: PeerFacts[] = (['in', 'out'] as const).flatMap((direction) =>
    [true, false].flatMap((encrypted) =>
      certificates.flatMap((certificate) =>
        (['external', 'dialback'] as const).flatMap((asked) =>
          (['untried', 'invalid', 'valid'] as const).map((dialback) => ({ direction, encrypted, certificate, asked, dialback })),
        ),
      ),
    ),
  )
  const each = (run: (rules: PeerRule[], best: Trust | undefined, refuseDowngrades: boolean) => void): void => {
    for (const action of actions)
      for (const encryption of [undefined, 'optional', 'required'] as const)
        for (const proofs of [undefined, ...proofSets])
          for (const best of [undefined, ...TRUST])
            for (const refuse of [true, false]) {
              const says = {
                ...(action && { action }),
                ...(encryption && { encryption }),
                ...(proofs && { proofs: new Set(proofs) }),
              }
              run([rule('b.example', says)], best, refuse)
            }
  }

  test('nobody passes a block; nobody is believed by a proof that no rule accepts; nobody falls below a floor', () => {
    let allowed = 0
    each((rules, best, refuseDowngrades) => {
      const p = peerPolicy(options(rules, { bestOf: () => best, refuseDowngrades }), 'b.example')
      const [{ action, encryption, proofs }] = rules as [PeerRule]
      for (const f of facts) {
        const v = judgePeer(p, f)
        if (!v.allow) continue
        allowed++
        assert.notEqual(action, 'block')
        if (encryption === 'required') assert.ok(f.encrypted)
        if (proofs !== undefined && !proofs.has('dialback')) assert.ok(f.encrypted && f.certificate === 'valid')
        if (refuseDowngrades && best === 'certificate') assert.ok(f.encrypted && f.certificate === 'valid')
        if (refuseDowngrades && best === 'encrypted') assert.ok(f.encrypted)
      }
    })
    assert.ok(allowed > 1000)
  })

  test('a rule that asks for more never lets in more, and a memory never does', () => {
    each((rules, best, refuseDowngrades) => {
      const [one] = rules as [PeerRule]
      const at = (r: PeerRule, b: Trust | undefined) =>
        peerPolicy(options([r], { bestOf: () => b, refuseDowngrades }), 'b.example')
      const stricter = [
        at({ ...one, encryption: 'required' }, best),
        at({ ...one, proofs: new Set([...(one.proofs ?? ALL_PROOFS)].filter((p) => p !== 'dialback')) }, best),
        at({ ...one, action: 'block' }, best),
        at({ ...one, pins: new Set(['aa']) }, best),
        at(one, 'certificate'),
      ]
      const p = at(one, best)
      for (const f of facts) {
        if (judgePeer(p, f).allow) continue
        for (const s of stricter) assert.ok(!judgePeer(s, f).allow)
      }
    })
  })

  test('what is offered to a peer is what the same rules would accept', () => {
    each((rules, best, refuseDowngrades) => {
      const p = peerPolicy(options(rules, { bestOf: () => best, refuseDowngrades }), 'b.example')
      for (const { encrypted, certificate } of facts) {
        const offers = offersTo(p, { encrypted, certificate })
        const could = (asked: 'external' | 'dialback') =>
          judgePeer(p, { direction: 'in', encrypted, certificate, asked, dialback: 'valid' }).allow
        if ('because' in offers) assert.ok(!could('external') && !could('dialback'))
        else assert.deepEqual([offers.external, offers.dialback], [could('external'), could('dialback')])
      }
    })
  })
})
