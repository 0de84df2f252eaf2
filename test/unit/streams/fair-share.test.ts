import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairShare } from '../../../src/streams/fair-share.ts'

test('one network gets its share, others what is left, and what is freed can be taken again', () => {
  const share = new FairShare(3, 2)
  const first = share.take('192.0.2.1')
  assert.ok(first !== undefined && share.take('192.0.2.1') !== undefined)
  assert.equal(share.take('192.0.2.1'), undefined)
  assert.notEqual(share.take('192.0.2.2'), undefined)
  assert.equal(share.take('192.0.2.3'), undefined, 'there are three in all')
  first()
  assert.notEqual(share.take('192.0.2.1'), undefined)
})

test('an IPv6 /64 is one network', () => {
  const share = new FairShare(10, 1)
  assert.notEqual(share.take('2001:db8::1'), undefined)
  assert.equal(share.take('2001:db8::ffff:2'), undefined)
  assert.notEqual(share.take('2001:db8:0:1::1'), undefined)
})
