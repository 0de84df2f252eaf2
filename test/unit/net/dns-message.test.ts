import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import packet from 'dns-packet'
import fc from 'fast-check'
import { decodeReply, encodeQuery, type Query } from '../../../src/net/dns-message.ts'

const query = encodeQuery(4711, 'A.example', 'SRV')
const SRV: packet.Record = {
  name: 'a.example',
  type: 'SRV',
  ttl: 60,
  data: { priority: 1, weight: 2, port: 5269, target: 'xmpp.a.example' },
}
const message = (more: Partial<packet.Packet> = {}): Buffer =>
  packet.encode({ type: 'response', id: query.id, flags: 0x0180, questions: [{ name: 'a.example', type: 'SRV' }], ...more })
const whole = message({
  answers: [
    { name: 'a.example', type: 'CNAME', ttl: 5, data: 'b.example' },
    { ...SRV, name: 'b.example' },
    { name: 'b.example', type: 'A', ttl: 5, data: '192.0.2.1' },
    { name: 'b.example', type: 'AAAA', ttl: 5, data: '2001:db8::1' },
  ],
  authorities: [{ name: 'example', type: 'SOA', ttl: 30, data: { mname: 'ns.example', rname: 'x.example', minimum: 20 } }],
  additionals: [{ type: 'OPT', name: '.', options: [{ code: 15, data: Buffer.from([0, 6, 120]) }] }],
})

test('a question says what it must: recursion, AD, EDNS, one name', () => {
  const read = packet.decode(query.bytes)
  assert.deepEqual([read.type, read.id, read.flags, read.questions[0]?.name], ['query', 4711, 0x0120, 'A.example'])
  assert.equal(read.additionals?.[0]?.udpPayloadSize, 1232)
})

test('an answer is read in full', () => {
  const reply = decodeReply(query, whole)
  assert.deepEqual(
    reply?.answers.map((r) => `${r.type} ${r.owner} ${r.ttlMs}`),
    ['CNAME a.example 5000', 'SRV b.example 60000', 'A b.example 5000', 'AAAA b.example 5000'],
  )
  assert.deepEqual(reply?.answers[1]?.data, { priority: 1, weight: 2, port: 5269, target: 'xmpp.a.example' })
  assert.deepEqual([reply?.negativeTtlMs, reply?.bogus, reply?.rcode, reply?.truncated], [20_000, true, 0, false])
})

test('a TLSA record, whatever its numbers', () => {
  const asked = encodeQuery(4711, '_5269._tcp.a.example', 'TLSA')
  const questions = [{ name: '_5269._tcp.a.example', type: 'TLSA' }]
  const data = { usage: 3, selector: 1, matchingType: 255, certificate: Buffer.from('abc') }
  const answers = [{ name: '_5269._tcp.a.example', type: 'TLSA', ttl: 60, data }]
  const reply = decodeReply(asked, packet.encode({ type: 'response', id: 4711, flags: 0x0180, questions, answers }))
  assert.deepEqual(reply?.answers[0]?.data, { usage: 3, selector: 1, matching: 255, data: Uint8Array.from(Buffer.from('abc')) })
})

test('a TTL with the highest bit set is 0', () => {
  const reply = decodeReply(query, message({ answers: [{ ...SRV, ttl: 0x80000000 }] }))
  assert.equal(reply?.answers[0]?.ttlMs, 0)
})

describe('what is no answer to this question', () => {
  const other = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(whole)
    change(bytes)
    return bytes
  }
  const table: readonly (readonly [string, Uint8Array])[] = [
    ['another id', other((b) => b.writeUInt16BE(4712, 0))],
    ['a question', other((b) => b.writeUInt16BE(0x0100, 2))],
    ['another opcode', other((b) => b.writeUInt16BE(0xa980, 2))],
    ['no question in it', other((b) => b.writeUInt16BE(0, 4))],
    ['two questions in it', other((b) => b.writeUInt16BE(2, 4))],
    ['another name', other((b) => b.write('z', 13))],
    ['another type', message({ questions: [{ name: 'a.example', type: 'A' }] })],
    ['nothing', Buffer.alloc(0)],
    ['half a header', whole.subarray(0, 7)],
    ['a record that runs over the end', whole.subarray(0, whole.length - 1)],
    ['more records counted than there are', other((b) => b.writeUInt16BE(60, 6))],
    [
      'a name that points to itself',
      Buffer.concat([message().fill(1, 7, 8), Buffer.from([0xc0, 27, 0, 33, 0, 1, 0, 0, 0, 0, 0, 0])]),
    ],
    [
      'a name that points forward',
      Buffer.concat([message().fill(1, 7, 8), Buffer.from([0xc0, 0xff, 0, 33, 0, 1, 0, 0, 0, 0, 0, 0])]),
    ],
  ]
  for (const [what, bytes] of table) test(what, () => assert.equal(decodeReply(query, bytes), undefined))
})

test('names with strange bytes come out as text and harm nobody', () => {
  for (const target of ['a\0b.example', 'a b', '<x/>', 'a\nb']) {
    const reply = decodeReply(query, message({ answers: [{ ...SRV, data: { port: 1, target } }] }))
    assert.deepEqual(reply?.answers[0]?.data, { priority: 0, weight: 0, port: 1, target })
  }
})

test('a message made to be read slowly is read fast', () => {
  // a record full of pointers, each to the one before; the names of 2000 more records walk through all of them
  const head = Buffer.concat([message(), Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0])])
  const chain = Buffer.alloc(16_000)
  for (let at = 0; at < chain.length; at += 2) chain.writeUInt16BE(0xc000 | (at === 0 ? 12 : head.length + at - 2), at)
  head.writeUInt16BE(chain.length, head.length - 2)
  const record = Buffer.from([0, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1])
  record.writeUInt16BE(0xc000 | (head.length + chain.length - 2), 0)
  const bytes = Buffer.concat([head, chain, ...new Array<Buffer>(2000).fill(record)])
  bytes.writeUInt16BE(2001, 6)
  const started = performance.now()
  const reply = decodeReply(query, bytes)
  assert.ok(performance.now() - started < 300)
  assert.deepEqual([reply?.answers.length, reply?.answers[0]?.owner], [63, 'a.example'])
})

test('no change to an answer makes the reader throw', () => {
  const change = fc.record({ at: fc.nat(whole.length - 1), value: fc.nat(255) })
  const queries: readonly Query[] = [query, encodeQuery(0, 'a', 'A')]
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), fc.nat(whole.length), (changes, cut) => {
      const bytes = Buffer.from(whole)
      for (const { at, value } of changes) bytes[at] = value
      for (const asked of queries) {
        decodeReply(asked, bytes)
        decodeReply(asked, bytes.subarray(0, cut))
      }
    }),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (tail) => {
      const reply = decodeReply(query, Buffer.concat([whole.subarray(0, 27), tail]))
      assert.ok((reply?.answers.length ?? 0) <= 64)
    }),
    { numRuns: 2000 },
  )
})
