import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { enforceOpaque, enforceUsername } from '../../../src/xmpp/precis.ts'
import { bidiClassOf, isVirama, joiningTypeOf, precisClassOf } from '../../../src/xmpp/unicode.ts'

const allowed = Array.from({ length: 0x110000 }, (_, cp) => cp).filter((cp) => !'DU'.includes(precisClassOf(cp)))

describe('the tables', () => {
  test('classes of code points that RFC 8264 and RFC 5892 name', () => {
    const named: Readonly<Record<string, readonly number[]>> = {
      P: [0x21, 0x7e, 0x41, 0xdf, 0x3c2, 0x3007, 0x301, 0x1e9e, 0x4e00, 0xac00, 0x10400, 0x663e],
      F: [0x20, 0xa0, 0x3000, 0x2163, 0x265a, 0xfb01, 0xff21, 0x212a, 0x1f984, 0x2014, 0x20dd],
      J: [0x200c, 0x200d],
      O: [0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb, 0x660, 0x669, 0x6f0, 0x6f9],
      D: [0, 0x1f, 0x7f, 0x9f, 0xad, 0x34f, 0x640, 0x1100, 0x1160, 0x11ff, 0x200b, 0x2028, 0x202e, 0x302e, 0x3164],
      U: [0x378, 0xe0080 + 0x1000, 0x2fe0],
    }
    for (const [letter, points] of Object.entries(named)) {
      for (const cp of points) assert.equal(precisClassOf(cp), letter, cp.toString(16))
    }
    for (const cp of [0xd800, 0xdfff, 0xe000, 0xfeff, 0xfffe, 0xffff, 0xe0001, 0xf0000, 0x10fffd, 0x10ffff]) {
      assert.equal(precisClassOf(cp), 'D', cp.toString(16))
    }
  })

  test('bidi classes and joining types', () => {
    const bidi = Array.from('a\u05d0\u0627\u0661\u0031+,$!\u00ad\u0301\u202e', (char) => bidiClassOf(char.codePointAt(0)!))
    assert.equal(bidi.join(''), 'LRANESCTOBMX')
    const joining = Array.from('\ua872\u0627\u0628\u064ba', (char) => joiningTypeOf(char.codePointAt(0)!))
    assert.equal(joining.join(''), 'LRDTU')
  })

  test('viramas are found without a table', () => {
    const viramas = [0x94d, 0x9cd, 0xd4d, 0xe3a, 0x1039, 0x17d2, 0x1b44, 0xa8c4, 0x11046, 0x1193d]
    for (const cp of viramas) assert.equal(isVirama(cp), true, cp.toString(16))
    for (const cp of [0x61, 0x301, 0x3099, 0x5b0, 0x93c, 0x915, 0x1f984]) assert.equal(isVirama(cp), false, cp.toString(16))
  })
})

describe('enforceUsername', () => {
  test('is idempotent for every code point, alone and between letters', () => {
    for (const cp of allowed) {
      for (const text of [String.fromCodePoint(cp), `a${String.fromCodePoint(cp)}b`]) {
        const once = enforceUsername(text)
        if (once !== undefined) assert.equal(enforceUsername(once), once, cp.toString(16))
      }
    }
  })

  test('is stricter than the enforced form suggests: what the class refuses is not mapped into it', () => {
    assert.equal(enforceUsername('\u212a'), undefined) // lower case of KELVIN SIGN is k
    assert.equal(enforceUsername('\u0958'), undefined) // NFC of it is allowed
    assert.equal(enforceUsername('\u0915\u093c'), '\u0915\u093c')
  })

  test('empty is refused', () => assert.equal(enforceUsername(''), undefined))
})

describe('enforceOpaque', () => {
  test('keeps all printable ASCII as it is', () => {
    const printable = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index)).join('')
    assert.equal(enforceOpaque(printable), printable)
    for (const control of ['\0', '\t', '\n', '\x1f', '\x7f']) assert.equal(enforceOpaque(`a${control}`), undefined)
  })

  test('is idempotent for every code point', () => {
    for (const cp of allowed) {
      const once = enforceOpaque(String.fromCodePoint(cp))
      if (once !== undefined) assert.equal(enforceOpaque(once), once, cp.toString(16))
    }
  })

  test('every space becomes U+0020', () => {
    assert.equal(enforceOpaque('\u00a0\u1680\u2000\u2009\u202f\u205f\u3000'), ' '.repeat(7))
  })
})
