import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressBytes, isHostName, isLoopback, neverDial, reachedBytes } from '../../../src/net/address.ts'

describe('isHostName', () => {
  for (const name of [
    'a',
    'localhost',
    'xmpp.a.example',
    'xn--bcher-kva.example',
    '1.example',
    '127.0.0.1.example',
    `${'a'.repeat(63)}.b`,
  ]) {
    test(`${name.slice(0, 40)} is one`, () => assert.equal(isHostName(name), true))
  }
  const no = [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    '-a.example',
    'a-.example',
    'a_b.example',
    'a b',
    'a\0b',
    'a<b',
    'a/b',
    'ü.example',
    'A.example',
    `${'a'.repeat(64)}.b`,
  ]
  const numeric = ['127.0.0.1', '2130706433', '0x7f.1', '0x7f000001', 'a.1', '1.2.3', 'example.0x7f', '[::1]', '::1', '1.2.3.4.']
  for (const name of [...no, ...numeric, `${'a.'.repeat(126)}abc`]) {
    test(`${JSON.stringify(name).slice(0, 40)} is none`, () => assert.equal(isHostName(name), false))
  }
})

describe('neverDial', () => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    unspecified: ['0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0', '64:ff9b::'],
    'link-local': [
      '169.254.169.254',
      '169.254.0.1',
      'fe80::1',
      'fe80::1%eth0',
      'febf::1',
      '::ffff:169.254.169.254',
      '64:ff9b::a9fe:a9fe',
      '64:ff9b:1::169.254.169.254',
      '2002:a9fe:a9fe::1',
      '::169.254.169.254',
    ],
    multicast: ['224.0.0.1', '239.255.255.255', '255.255.255.255', '240.0.0.1', 'ff02::1', '::ffff:224.0.0.1'],
    metadata: ['100.100.100.200', 'fd00:ec2::254', '192.0.0.192', '::ffff:100.100.100.200'],
    'not an IP address': ['localhost', '1.2.3', '', '127.1'],
  }
  for (const [reason, addresses] of Object.entries(refused)) {
    for (const address of addresses) {
      test(`${address}: ${reason}`, () => assert.match(neverDial(address) ?? 'allowed', new RegExp(reason)))
    }
  }
  for (const address of [
    '127.0.0.1',
    '10.0.0.1',
    '192.0.2.1',
    '8.8.8.8',
    '::1',
    '2001:db8::1',
    'fd00::1',
    '64:ff9b::808:808',
    '::ffff:8.8.8.8',
  ]) {
    test(`${address} may be`, () => assert.equal(neverDial(address), undefined))
  }
})

test('addresses as bytes', () => {
  assert.deepEqual(addressBytes('1.2.3.4'), [1, 2, 3, 4])
  assert.deepEqual(addressBytes('::'), new Array(16).fill(0))
  assert.deepEqual(addressBytes('1::'), [0, 1, ...new Array(14).fill(0)])
  assert.deepEqual(addressBytes('2001:db8::ff00:42:8329'), [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29])
  assert.deepEqual(addressBytes('1:2:3:4:5:6:7:8')?.length, 16)
  assert.deepEqual(reachedBytes('::ffff:10.1.2.3'), [10, 1, 2, 3])
  assert.equal(addressBytes('nonsense'), undefined)
})

test('loopback in all its forms', () => {
  for (const address of ['127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1'])
    assert.equal(isLoopback(address), true, address)
  for (const address of ['128.0.0.1', '::2', '10.0.0.1', 'localhost']) assert.equal(isLoopback(address), false, address)
})
