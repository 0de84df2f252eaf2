import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64, encodeBase64 } from '../../../src/protocol/sasl/base64.ts'

test('what was encoded is decoded', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => assert.deepEqual([...decodeBase64(encodeBase64(bytes))!], [...bytes])))
})

for (const wrong of [
  '=',
  'A',
  'AA',
  'AAA',
  'AB==',
  'AAB=',
  'AA==AA==',
  'AA=A',
  ' AAAA',
  'AAAA\n',
  'AA-_',
  'AAAA=',
  'AAA*',
  'ÄAAA',
  '====',
  'AA==\0',
])
  test(`${JSON.stringify(wrong)} is not base64`, () => assert.equal(decodeBase64(wrong), undefined))
