import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { domainToAscii, isAddressLiteral, prepareDomain } from '../../../src/xmpp/idna.ts'

describe('prepareDomain', () => {
  test('a peer that names itself badly gets no other name (dialback from and to)', () => {
    const bad = ['', ' ', 'a b', ' victim.example', 'victim.example ', 'victim.example\n', 'a@victim.example', 'victim.example/r']
    for (const text of [...bad, 'victim.example:5269', 'victim.example,other.example', '*.example', 'victim%2eexample', 'a/b']) {
      assert.equal(prepareDomain(text), undefined, JSON.stringify(text))
    }
    assert.equal(prepareDomain('victim.example.'), 'victim.example')
    assert.notEqual(prepareDomain('v\u0130ctim.example'), 'victim.example')
  })

  test('resolvers find no address in a name that is not one', () => {
    for (const text of [
      '2130706433',
      '0x7f.1',
      '0x7f000001',
      '127.1',
      '0177.0.0.1',
      '127.0.0.1.1',
      '00',
      '0x',
      'a.0xff',
      'a.1',
    ]) {
      assert.equal(prepareDomain(text), undefined, text)
      assert.equal(prepareDomain(`${text}.`), undefined, text)
    }
  })

  test('addresses are domains in their normal spelling, and are told apart', () => {
    for (const text of ['127.0.0.1', '0.0.0.0', '[::1]', '[::]', '[2001:db8::1]', '[fe80::1:2:3:4]']) {
      assert.equal(prepareDomain(text), text)
      assert.equal(domainToAscii(text), text)
      assert.equal(isAddressLiteral(text), true)
    }
    for (const text of ['example.com', '1.2.3.4.example', 'b\u00fccher.example', 'localhost'])
      assert.equal(isAddressLiteral(text), false)
  })

  test('a label has at most 63 octets in its A-label form', () => {
    const longest = `\u00fc${'a'.repeat(55)}`
    assert.equal(domainToAscii(prepareDomain(longest)!)?.length, 63)
    assert.equal(prepareDomain(`${longest}a`), undefined)
    assert.equal(prepareDomain('a'.repeat(63))?.length, 63)
    assert.equal(prepareDomain('a'.repeat(64)), undefined)
  })
})

describe('domainToAscii', () => {
  test('gives the A-labels that registries publish', () => {
    const known = [
      ['b\u00fccher.example', 'xn--bcher-kva.example'],
      ['fa\u00df.de', 'xn--fa-hia.de'],
      ['\u65e5\u672c\u8a9e.jp', 'xn--wgv71a119e.jp'],
      [
        '\u03c0\u03b1\u03c1\u03ac\u03b4\u03b5\u03b9\u03b3\u03bc\u03b1.\u03b4\u03bf\u03ba\u03b9\u03bc\u03ae',
        'xn--hxajbheg2az3al.xn--jxalpdlp',
      ],
      ['\u4f8b\u5b50.\u6d4b\u8bd5', 'xn--fsqu00a.xn--0zwm56d'],
      ['example.com', 'example.com'],
    ] as const
    for (const [unicode, ascii] of known) {
      assert.equal(domainToAscii(unicode), ascii)
      assert.equal(prepareDomain(ascii), unicode)
    }
  })

  test('any enforced name comes back from its A-labels', () => {
    const unit = fc.constantFrom(...'ab1-_\u00fc\u00df\u03c3\u03c2\u0436\u4e00\u30a2\u05d0\u05d1\u0628\u0627')
    fc.assert(
      fc.property(fc.array(fc.string({ unit, minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }), (labels) => {
        const name = prepareDomain(labels.join('.'))
        if (name === undefined) return
        const ascii = domainToAscii(name)
        assert.match(ascii ?? '', /^[a-z0-9._-]{1,253}$/)
        assert.equal(prepareDomain(ascii!), name)
        assert.equal(prepareDomain(name), name)
      }),
      { numRuns: 1000 },
    )
  })

  test('is no address and no name for anything else', () => {
    for (const text of ['', 'a b', '127.1', '\u2603.example', '\u00e9'.repeat(1e5)]) assert.equal(domainToAscii(text), undefined)
  })
})
