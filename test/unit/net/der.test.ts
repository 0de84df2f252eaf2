import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  booleanOf,
  DerError,
  DerReader,
  namedBitsOf,
  octetsOfBits,
  oidText,
  readWhole,
  smallIntegerOf,
  TAG,
  timeOf,
  utf8Text,
} from '../../../src/net/der.ts'
import { bitString, integer, namedBits, octetString, oid, sequence, smallInteger, time, tlv } from '../../../src/net/der-write.ts'

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex')
const one = (bytes: Uint8Array) => new DerReader(bytes).next()

describe('DerReader', () => {
  test('reads lengths of one, two and three octets', () => {
    for (const size of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const value = one(octetString(Buffer.alloc(size, 7)))
      assert.equal(value.tag, TAG.octetString)
      assert.equal(value.content.length, size)
    }
  })

  const bad: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a long tag', '1f 81 00 00'],
    ['an indefinite length', '30 80 00 00'],
    ['a reserved length', '30 ff'],
    ['a length of five octets', '04 85 00 00 00 00 01 00'],
    ['a long form for a short length', '04 81 01 00'],
    ['a leading zero in the length', '04 82 00 80'],
    ['more than there is', '04 05 00'],
    ['a length that is cut', '04 82 01'],
    ['4 GiB', '04 84 ff ff ff ff'],
  ]
  for (const [what, bytes] of bad) test(`refuses ${what}`, () => assert.throws(() => one(hex(bytes)), DerError))

  test('says where something else stands', () => {
    assert.throws(() => new DerReader(hex('02 01 00')).expect(TAG.sequence), DerError)
    assert.equal(new DerReader(hex('02 01 00')).optional(TAG.sequence), undefined)
    assert.throws(() => readWhole(hex('30 00 00'), TAG.sequence), DerError)
  })

  test('a million nested sequences are one element', () => {
    const bytes = Buffer.alloc(2_000_000, Buffer.from([0x30, 0x80]))
    assert.throws(() => one(bytes), DerError)
    let nested: Uint8Array = new Uint8Array()
    for (let i = 0; i < 500; i++) nested = sequence(nested)
    assert.equal(one(nested).raw.length, nested.length)
  })

  test('any bytes are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const reader = new DerReader(bytes)
        try {
          let total = 0
          while (!reader.done) total += reader.next().raw.length
          assert.equal(total, bytes.length)
        } catch (error) {
          assert.ok(error instanceof DerError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('values', () => {
  test('OIDs go round', () => {
    for (const text of [
      '2.5.29.17',
      '1.2.840.113549.1.1.11',
      '1.3.6.1.5.5.7.8.7',
      '0.9.2342',
      '2.999.3',
      '2.16.840.1.101.3.4.2.1',
    ]) {
      assert.equal(oidText(one(oid(text)).content), text)
    }
    for (const bytes of ['', '80', '88 37 80', '2a 80 01', '2a ff ff ff ff ff ff ff ff 7f'])
      assert.throws(() => oidText(hex(bytes)), DerError)
  })

  test('small integers go round, others are refused', () => {
    for (const value of [0, 1, 127, 128, 255, 256, 65_537, 2 ** 31 - 1])
      assert.equal(smallIntegerOf(one(smallInteger(value))), value)
    for (const bytes of ['02 00', '02 01 80', '02 02 00 01', '02 05 00 ff ff ff ff'])
      assert.throws(() => smallIntegerOf(one(hex(bytes))), DerError)
    assert.equal(Buffer.from(integer(hex('00 00 ff'))).toString('hex'), '020200ff')
  })

  test('named bits go round', () => {
    for (const bits of [[], [0], [5, 6], [0, 2], [8], [0, 7, 8]]) assert.deepEqual([...namedBitsOf(one(namedBits(bits)))], bits)
    for (const bytes of ['03 00', '03 01 01', '03 02 08 00', '03 06 00 00 00 00 00 00'])
      assert.throws(() => namedBitsOf(one(hex(bytes))), DerError)
    assert.deepEqual([...octetsOfBits(one(bitString(hex('01 02'))))], [1, 2])
    assert.throws(() => octetsOfBits(one(hex('03 02 01 00'))), DerError)
  })

  test('times go round, in both forms', () => {
    for (const text of [
      '1950-01-01T00:00:00Z',
      '1999-12-31T23:59:59Z',
      '2026-02-28T12:00:00Z',
      '2049-12-31T23:59:59Z',
      '2050-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
    ]) {
      assert.equal(timeOf(one(time(Date.parse(text)))), Date.parse(text), text)
    }
    for (const text of ['260230000000Z', '260101240000Z', '261301000000Z', '2601010000Z', '260101000000+0100', '26010100000٠Z']) {
      assert.throws(() => timeOf(one(tlv(TAG.utcTime, Buffer.from(text)))), DerError, text)
    }
    assert.throws(() => timeOf(one(tlv(TAG.generalizedTime, Buffer.from('20260101000000.5Z')))), DerError)
  })

  test('text and booleans are strict', () => {
    assert.equal(booleanOf(one(hex('01 01 ff'))), true)
    assert.equal(booleanOf(one(hex('01 01 00'))), false)
    for (const bytes of ['01 01 01', '01 00', '01 02 ff ff']) assert.throws(() => booleanOf(one(hex(bytes))), DerError)
    assert.throws(() => utf8Text(hex('c3 28')), DerError)
    assert.equal(utf8Text(Buffer.from('bücher')), 'bücher')
  })
})
