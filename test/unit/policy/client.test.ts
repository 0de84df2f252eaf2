import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ClientPolicy, type ClientStreamFacts, clientOffer, insecureMechanisms } from '../../../src/policy/client.ts'

const policy: ClientPolicy = {
  authentication: 'passwords',
  canStartTls: true,
  sasl: true,
  requireEncryption: true,
  insecure: insecureMechanisms(undefined, false),
  disabled: new Set(['DIGEST-MD5']),
}
const PLUS = 'SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS'
const SCRAM = 'SCRAM-SHA-256 SCRAM-SHA-1'

describe('clientOffer', () => {
  const plain = { encrypted: false, bindings: [] }
  const bound = { encrypted: true, bindings: ['tls-exporter'] }
  const unbound = { encrypted: true, bindings: [] }
  const open = { ...policy, requireEncryption: false }
  const table: readonly (readonly [string, ClientPolicy, ClientStreamFacts, string, string, string])[] = [
    ['encryption required, none yet', policy, plain, 'required', '', `${PLUS} ${SCRAM} PLAIN`],
    ['encrypted', policy, bound, 'none', `${PLUS} ${SCRAM} PLAIN`, ''],
    ['encrypted, nothing to bind to', policy, unbound, 'none', `${SCRAM} PLAIN`, ''],
    ['encryption optional', open, plain, 'optional', SCRAM, `${PLUS} PLAIN`],
    ['PLAIN in the clear allowed', { ...open, insecure: insecureMechanisms(undefined, true) }, plain, 'optional', `${SCRAM} PLAIN`, PLUS],
    ['own list of insecure ones', { ...open, insecure: insecureMechanisms(['SCRAM-SHA-1'], false) }, plain, 'optional', 'SCRAM-SHA-256 PLAIN', `${PLUS} SCRAM-SHA-1`],
    ['disabled', { ...policy, disabled: new Set(['PLAIN', 'SCRAM-SHA-1-PLUS']) }, bound, 'none', `SCRAM-SHA-256-PLUS ${SCRAM}`, ''],
    ['anonymous', { ...policy, authentication: 'anonymous' }, bound, 'none', 'ANONYMOUS', ''],
    ['anonymous, not encrypted', { ...policy, authentication: 'anonymous' }, plain, 'required', '', 'ANONYMOUS'],
    ['no certificate, encryption required', { ...policy, canStartTls: false }, plain, 'none', '', ''],
    ['no certificate, encryption optional', { ...open, canStartTls: false }, plain, 'none', SCRAM, ''],
    ['saslauth is off', { ...policy, sasl: false }, bound, 'none', '', ''],
  ] // biome-ignore format: a table
  for (const [name, p, facts, starttls, mechanisms, afterTls] of table) {
    test(name, () => {
      const offer = clientOffer(p, facts)
      assert.deepEqual([offer.starttls, offer.mechanisms.join(' '), offer.afterTls.join(' ')], [starttls, mechanisms, afterTls])
    })
  }

  test('bindings are named only beside a -PLUS mechanism', () => {
    assert.deepEqual(clientOffer(policy, bound).bindings, ['tls-exporter'])
    assert.deepEqual(clientOffer({ ...policy, disabled: new Set(PLUS.split(' ')) }, bound).bindings, [])
  })
})

test('whatever the facts: no password in the clear unless allowed, nothing at all where encryption is required', () => {
  let cases = 0
  for (const authentication of ['passwords', 'anonymous'] as const)
    for (const canStartTls of [true, false])
      for (const sasl of [true, false])
        for (const requireEncryption of [true, false])
          for (const allowPlain of [true, false])
            for (const encrypted of [true, false])
              for (const bindings of [[], ['tls-exporter']]) {
                const p = {
                  ...policy,
                  authentication,
                  canStartTls,
                  sasl,
                  requireEncryption,
                  insecure: insecureMechanisms(undefined, allowPlain),
                }
                const offer = clientOffer(p, { encrypted, bindings })
                cases += 1
                if (!encrypted && !allowPlain) assert.ok(!offer.mechanisms.includes('PLAIN'))
                if (!encrypted && requireEncryption) assert.deepEqual(offer.mechanisms, [])
                if (!encrypted) assert.ok(!offer.mechanisms.some((m) => m.endsWith('-PLUS')))
                if (!sasl) assert.deepEqual([...offer.mechanisms, ...offer.afterTls], [])
                if (encrypted) assert.equal(offer.starttls, 'none')
                assert.equal(offer.mechanisms.includes('ANONYMOUS') && authentication === 'passwords', false)
                assert.ok(offer.afterTls.every((m) => !offer.mechanisms.includes(m)))
              }
  assert.equal(cases, 128)
})
