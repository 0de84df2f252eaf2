import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatPosition } from '../../../src/config/problem.ts'
import { load, told } from './load-text.ts'

const HOST = 'VirtualHost "a.example"'
const rules = (text: string): string => `s2s_rules = { ${text} }\n${HOST}`
const HEX = '0123456789abcdef'.repeat(4)

describe('s2s_rules', () => {
  test('is read with the place of each rule', async () => {
    const config = await load(`s2s_rules = {
  { remote = { "B.example", "*.bücher.example" }, action = "quarantine", encryption = "required" },
  { remote = "*", proofs = { "pkix", "dialback" }, text = "write to us" },
}
${HOST}`)
    assert.deepEqual(told(config), [])
    const [one, two] = config.peerRules('a.example')
    assert.deepEqual([...one!.remote], ['b.example', '*.bücher.example'])
    assert.deepEqual([one!.action, one!.encryption, one!.proofs], ['quarantine', 'required', undefined])
    assert.equal(formatPosition(one!.at), '/etc/entente.cfg.lua:2:3')
    assert.deepEqual([[...two!.remote], [...two!.proofs!], two!.text], [['*'], ['pkix', 'dialback'], 'write to us'])
  })

  test("a host's rules go before the global ones, and are its own", async () => {
    const config = await load(`s2s_rules = { { remote = "*", action = "block" } }
${HOST}
s2s_rules = { { remote = "b.example", action = "allow" } }
VirtualHost "c.example"`)
    const of = (host: string) => config.peerRules(host).map(({ remote, action }) => `${[...remote].join()} ${action}`)
    assert.deepEqual(of('a.example'), ['b.example allow', '* block'])
    assert.deepEqual(of('c.example'), ['* block'])
  })

  for (const [form, written] of [
    ['hex', `sha256:${HEX}`],
    ['hex with colons, as openssl prints it', `SHA256:${HEX.toUpperCase().match(/../g)!.join(':')}`],
    ['base64', `sha256:${Buffer.from(HEX, 'hex').toString('base64')}`],
    ['base64 without padding', `sha256:${Buffer.from(HEX, 'hex').toString('base64').replace('=', '')}`],
  ] as const) {
    test(`a pin in ${form}`, async () => {
      const config = await load(rules(`{ remote = "b.example", pins = { "${written}" } }`))
      assert.deepEqual(told(config), [])
      assert.deepEqual([...config.peerRules('a.example')[0]!.pins!], [HEX])
    })
  }

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['no remote', '{ action = "block" }', /error s2s_rules: a rule says whom it is about/],
    ['no domain', '{ remote = "a b", action = "block" }', /error s2s_rules.remote: expected a domain/],
    ['a star inside', '{ remote = "a*.example", action = "block" }', /error s2s_rules.remote: expected a domain/],
    [
      'another action',
      '{ remote = "*", action = "deny" }',
      /error s2s_rules.action: expected one of "allow", "block", "quarantine"/,
    ],
    ['another proof', '{ remote = "*", proofs = { "ca" } }', /error s2s_rules.proofs: expected one of/],
    ['no proof', '{ remote = "*", proofs = {} }', /error s2s_rules: an empty list of proofs would refuse everybody/],
    ['no pin', '{ remote = "*", pins = {} }', /error s2s_rules: an empty list of pins would refuse everybody/],
    ['another digest', '{ remote = "*", pins = { "sha1:00" } }', /error s2s_rules.pins: expected "sha256:"/],
    ['a short digest', '{ remote = "*", pins = { "sha256:00" } }', /error s2s_rules.pins: expected "sha256:"/],
    [
      'pins that are no proof',
      `{ remote = "*", pins = { "sha256:${HEX}" }, proofs = { "pkix" } }`,
      /error s2s_rules: pins are a proof of their own/,
    ],
    ['nothing said', '{ remote = "b.example" }', /warning s2s_rules: this rule says nothing/],
    ['a block that asks', '{ remote = "*", action = "block", encryption = "required" }', /warning s2s_rules: whoever is blocked/],
    [
      'a certificate in the clear',
      '{ remote = "*", encryption = "optional", proofs = { "pkix" } }',
      /warning s2s_rules: a certificate is shown over TLS only/,
    ],
    ['an unknown field', '{ remote = "*", action = "allow", remotes = "x" }', /warning s2s_rules: "remotes" is not known here/],
    ['a rule that is no list', 'remote = "*", action = "block"', /error s2s_rules: expected a list/],
  ]
  for (const [name, text, message] of wrong) {
    test(`${name} is told`, async () => {
      const found = told(await load(rules(text)))
      assert.equal(found.length, 1, found.join('\n'))
      assert.match(found[0]!, message)
    })
  }
})
