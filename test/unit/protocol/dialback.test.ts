import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { dialbackAnswer, dialbackKey, dialbackXml, parseDialback, sameKey } from '../../../src/protocol/dialback.ts'
import { el } from '../../../src/xmpp/element.ts'
import { StanzaError } from '../../../src/xmpp/errors.ts'
import { NS } from '../../../src/xmpp/ns.ts'
import { readXml } from '../../transcripts/s2s-conversation.ts'

describe('dialback keys', () => {
  test('the example of XEP-0185', () => {
    const key = dialbackKey('s3cr3tf0rd14lb4ck', 'xmpp.example.com', 'example.org', 'D60000229F')
    assert.equal(key, '37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643')
  })

  test('no other cut of the same text has the same key', () => {
    const label = fc.stringMatching(/^[a-z]{1,6}$/)
    fc.assert(
      fc.property(label, label, label, fc.nat(2), (a, b, c, by) => {
        const moved = [a + b.slice(0, by + 1), b.slice(by + 1), c] as const
        assert.notEqual(dialbackKey('secret', a, b, c), dialbackKey('secret', ...moved))
        if (a !== b) assert.notEqual(dialbackKey('secret', a, b, c), dialbackKey('secret', b, a, c))
      }),
    )
  })

  test('another secret, another key', () => {
    assert.notEqual(dialbackKey('one', 'a.example', 'b.example', 'x'), dialbackKey('two', 'a.example', 'b.example', 'x'))
  })

  test('keys are compared whole, whatever their length', () => {
    assert.ok(sameKey('abc', 'abc'))
    for (const other of ['abd', 'ab', 'abcd', '', 'ABC']) assert.equal(sameKey('abc', other), false)
  })
})

describe('dialback elements', () => {
  test('what is written is read back', () => {
    const xml = dialbackXml({ name: 'verify', from: 'a.example', to: 'b.example', id: `x'<&`, key: 'k<&' })
    const expected = {
      name: 'verify',
      from: 'a.example',
      to: 'b.example',
      id: `x'<&`,
      type: undefined,
      key: 'k<&',
      error: undefined,
    }
    assert.deepEqual(parseDialback(readXml(xml)), expected)
  })

  test('an answer swaps the addresses; only verify carries an id', () => {
    const asked = { from: 'b.example', to: 'a.example', id: 'x' }
    assert.equal(
      dialbackAnswer({ name: 'result', ...asked }, 'valid'),
      "<db:result from='a.example' to='b.example' type='valid'/>",
    )
    const error = parseDialback(readXml(dialbackAnswer({ name: 'verify', ...asked }, new StanzaError('item-not-found'))))
    assert.deepEqual(error, {
      name: 'verify',
      from: 'a.example',
      to: 'b.example',
      id: 'x',
      type: 'error',
      key: '',
      error: 'item-not-found',
    })
  })

  test('an unknown condition is undefined-condition, also one that names a part of every object', () => {
    for (const name of ['frobnicated', 'constructor', '__proto__', 'text']) {
      const e = el('result', NS.dialback, { type: 'error' }, el('error', NS.client, {}, el(name, NS.stanzaErrors)))
      assert.equal(parseDialback(e)?.error, 'undefined-condition')
    }
  })

  test('addresses that are no domains are as good as none', () => {
    for (const from of ['', 'a b', 'juliet@b.example', 'b.example/x', ' b.example']) {
      assert.equal(parseDialback(el('result', NS.dialback, { from }))?.from, undefined)
    }
  })

  test('anything else is no dialback element', () => {
    assert.equal(parseDialback(el('result', NS.client)), undefined)
    assert.equal(parseDialback(el('outcome', NS.dialback)), undefined)
  })
})
