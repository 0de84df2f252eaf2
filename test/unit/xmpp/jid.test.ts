import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Jid, jid, makeJid, parseJid } from '../../../src/xmpp/jid.ts'

const corpus = (name: string): string[][] =>
  readFileSync(join(import.meta.dirname, '../../corpora/jid', name), 'utf8')
    .split('\n')
    .filter((line) => line.length > 0 && !line.startsWith('#'))
    .map((line) =>
      line.split('\t').map((cell) => cell.replace(/\\u\{([0-9A-F]+)\}/g, (_, hex) => String.fromCodePoint(parseInt(hex, 16)))),
    )

const parts = (address: Jid | undefined): string[] | undefined => address && [address.local, address.domain, address.resource]

describe('parseJid', () => {
  for (const [input, ...expected] of corpus('valid.txt')) {
    test(`accepts ${JSON.stringify(input)}`, () => assert.deepEqual(parts(parseJid(input!)), expected))
  }

  for (const [input, why] of corpus('invalid.txt')) {
    test(`refuses ${JSON.stringify(input)}: ${why}`, () => assert.equal(parseJid(input!), undefined))
  }

  test('what is valid stays as it is when it is parsed again', () => {
    for (const [input] of corpus('valid.txt')) {
      const address = jid(input!)
      assert.deepEqual(parts(parseJid(address.toString())), parts(address), input!)
      assert.deepEqual(parts(makeJid(address.local, address.domain, address.resource)), parts(address), input!)
    }
  })

  test('a localpart and a resource have at most 1023 octets, a domain 253', () => {
    const label = 'd'.repeat(62)
    const longest = `${label}.${label}.${label}.${label}.d`
    const a = (count: number): string => 'a'.repeat(count)
    assert.equal(longest.length, 253)
    const address = jid(`${a(1023)}@${longest}./${a(1023)}`)
    assert.equal(address.toString().length, 1023 + 1 + 253 + 1 + 1023)
    assert.equal(parseJid(`${a(1024)}@${longest}`), undefined)
    assert.equal(parseJid(`${longest}/${a(1024)}`), undefined)
    assert.equal(parseJid(`${longest}d`), undefined)
  })

  test('octets of UTF-8 count, after enforcement', () => {
    const e511 = '\u00e9'.repeat(511)
    assert.equal(jid(`${e511}a@b`).local.length, 512)
    assert.equal(parseJid(`${e511}\u00e9@b`), undefined) // 1024 octets
    assert.equal(jid(`b/${'e\u0301'.repeat(511)}a`).resource, `${e511}a`) // 1534 octets before NFC
    assert.equal(parseJid(`b/${'\u{1f984}'.repeat(256)}`), undefined) // 1024 octets
    assert.ok(parseJid(`b/${'\u{1f984}'.repeat(255)}`))
  })

  test('repeated addresses are the same object, and share the bare one', () => {
    const orchard = jid('romeo@cached.example/orchard')
    assert.equal(parseJid(['romeo@cached.example', 'orchard'].join('/')), orchard)
    assert.equal(jid('romeo@cached.example/balcony').bare, orchard.bare)
    assert.equal(parseJid('romeo@cached.example'), orchard.bare)
    assert.equal(orchard.bare.bare, orchard.bare)
  })

  test('names of Object.prototype are ordinary names', () => {
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString']) {
      const address = jid(`${name}@${name}/${name}`)
      assert.deepEqual(parts(address), [name.toLowerCase(), name.toLowerCase(), name])
    }
    assert.equal(Object.getPrototypeOf({}), Object.prototype)
  })

  test('a long or repetitive text costs no time', () => {
    for (const unit of ['a', 'a.', '@', '/', '.', '-', 'xn--', 'é', '\u0301', '\u200c', '\u0661', '・']) {
      for (const text of [`${unit.repeat(1e5)}!`, `${unit.repeat(1e5)}@a`, `a/${unit.repeat(1e5)}`]) {
        const start = performance.now()
        assert.equal(parseJid(text), undefined)
        assert.equal(makeJid(text, text, text), undefined)
        assert.ok(performance.now() - start < 500, JSON.stringify(unit)) // 0.1 ms on an idle machine; quadratic work would take seconds
      }
    }
  })
})

describe('makeJid', () => {
  test('enforces each part for itself, so that a separator inside a part never moves a border', () => {
    assert.equal(jid('romeo@example.com/a/b').toString(), makeJid('Romeo', 'EXAMPLE.com.', 'a/b')?.toString())
    for (const [local, domain] of [
      ['a@b', 'c'],
      ['a/b', 'c'],
      ['a', 'b/c'],
      ['a', 'b@c'],
      ['a', ''],
    ] as const) {
      assert.equal(makeJid(local, domain), undefined, `${local} ${domain}`)
    }
  })

  test('empty means absent', () => {
    const address = makeJid('', 'example.com')
    assert.equal(address?.toString(), 'example.com')
    assert.equal(address?.isBare, true)
    assert.equal(address?.bare, address)
  })
})

describe('jid', () => {
  test('throws TypeError for what is not an address', () => {
    assert.throws(() => jid('@'), TypeError)
    assert.equal(jid('a@b/c').equals(jid('A@B/c')), true)
    assert.equal(jid('a@b/c').equals(jid('a@b/C')), false)
    assert.equal(jid('a@b/c').equals(undefined), false)
  })
})

describe('any text', () => {
  const odd = [
    ...'aZ09-._@/ ßΣςσİıéｆ＠ａ①ﬁ\u212a\u00ad\u0301\u0308\u0323\u200c\u200d\u05d0\u05b0\u0627\u0661\u06f1\u00b7l・ア\u094d\u0915\u1100가\u{10400}\u{1f984}\u3002\ud800',
  ]
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...odd), maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc
      .tuple(fc.string({ unit: 'grapheme', maxLength: 4 }), fc.string({ unit: 'binary', maxLength: 4 }))
      .map(([a, b]) => `${a}@x.example/${b}`),
    fc
      .string({ unit: fc.constantFrom(...odd.filter((char) => !'@/ '.includes(char))), maxLength: 6 })
      .map((label) => `${label}.example`),
    fc.string({ unit: fc.constantFrom(...'abn2-kv'), maxLength: 8 }).map((code) => `xn--${code}.example`),
  )

  test('is refused or enforced for good: idempotent, and the text gives the parts back', () => {
    fc.assert(
      fc.property(text, (input) => {
        const address = parseJid(input)
        if (address === undefined) return
        assert.deepEqual(parts(parseJid(address.toString())), parts(address))
        assert.deepEqual(parts(makeJid(address.local, address.domain, address.resource)), parts(address))
        assert.equal(address.toString(), address.toString().normalize('NFC'))
      }),
      { numRuns: 3000 },
    )
  })

  test('equal parts are equal text and nothing else is', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const a = parseJid(one)
        const b = parseJid(other)
        if (a === undefined || b === undefined) return
        assert.equal(a.equals(b), JSON.stringify(parts(a)) === JSON.stringify(parts(b)))
        assert.equal(a.equals(b), a.toString() === b.toString())
      }),
      { numRuns: 500 },
    )
  })

  test('upper case and decomposed spellings of a localpart are the same account', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abzéüñåœжя'), minLength: 1, maxLength: 10 }), (local) => {
        const address = jid(`${local}@x.example`)
        assert.ok(address.equals(parseJid(`${local.toUpperCase()}@X.Example.`)))
        assert.ok(address.equals(parseJid(`${local.normalize('NFD')}@x.example`)))
      }),
      { numRuns: 300 },
    )
  })
})
