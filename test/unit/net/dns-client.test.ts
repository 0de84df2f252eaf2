import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { after, before, beforeEach, describe, test } from 'node:test'
import { systemClock } from '../../../src/net/clock.ts'
import { DnsClient } from '../../../src/net/dns-client.ts'
import { type DnsServer, type DnsTransport, socketTransport } from '../../../src/net/dns-transport.ts'
import { TestDns, type TestRecords } from '../../../src/testing/dns-server.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

describe('over real sockets', () => {
  const dns = new TestDns()
  let server: DnsServer
  let client: DnsClient
  const answer = async (records: TestRecords | undefined, type: 'A' | 'AAAA' | 'SRV' = 'A') => {
    dns.set('x.example', records)
    return client.lookup('x.example', type)
  }
  before(async () => {
    server = await dns.start()
    client = new DnsClient({ servers: () => [server], transport: socketTransport, clock: systemClock })
  })
  beforeEach(() => dns.queries.splice(0))
  after(() => dns.stop())

  test('addresses, with their TTL in milliseconds', async () => {
    const records = { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::1'], ttlSeconds: 7 }
    assert.deepEqual(await answer(records), { status: 'ok', records: ['192.0.2.1', '192.0.2.2'], ttlMs: 7_000, secure: false })
    assert.deepEqual(await answer(records, 'AAAA'), { status: 'ok', records: ['2001:db8::1'], ttlMs: 7_000, secure: false })
  })

  test('SRV records, targets in lower case', async () => {
    const got = await answer(
      {
        SRV: [
          { target: 'XMPP.Example', port: 5269, priority: 1, weight: 2 },
          { target: '.', port: 0 },
        ],
      },
      'SRV',
    )
    assert.deepEqual(got.status === 'ok' && got.records, [
      { target: 'xmpp.example', port: 5269, priority: 1, weight: 2 },
      { target: '.', port: 0, priority: 0, weight: 0 },
    ])
  })

  test('no such name, no such record; kept for the time of the SOA record, 60 s at most', async () => {
    assert.deepEqual(await answer(undefined), { status: 'nxdomain', ttlMs: 60_000, secure: false })
    assert.deepEqual(await answer({ AAAA: ['::1'], ttlSeconds: 5 }), { status: 'nodata', ttlMs: 5_000, secure: false })
    assert.deepEqual(await answer({ AAAA: ['::1'], ttlSeconds: 3600 }), { status: 'nodata', ttlMs: 60_000, secure: false })
  })

  test('failures of the server', async () => {
    assert.deepEqual(await answer({ behaviour: 'servfail' }), { status: 'servfail' })
    assert.deepEqual(await answer({ behaviour: 'refused' }), { status: 'refused' })
    assert.deepEqual(await answer({ behaviour: 'bogus' }), { status: 'bogus' })
  })

  test('a truncated answer is asked for again over TCP', async () => {
    const got = await answer({ A: ['192.0.2.1'], behaviour: 'truncated' })
    assert.equal(got.status, 'ok')
    assert.deepEqual(
      dns.queries.map((q) => q.via),
      ['udp', 'tcp'],
    )
  })

  test('a thousand SRV records are bounded, not refused', async () => {
    const got = await answer({ SRV: Array.from({ length: 1000 }, (_, i) => ({ target: `t${i}.example`, port: 5269 })) }, 'SRV')
    assert.equal(got.status === 'ok' && got.records.length, 64)
  })

  test('aliases are followed, the lowest TTL on the way counts', async () => {
    dns.set('end.example', { A: ['192.0.2.9'], ttlSeconds: 20 })
    const got = await answer({ CNAME: 'END.example', ttlSeconds: 10 })
    assert.deepEqual(got, { status: 'ok', records: ['192.0.2.9'], ttlMs: 10_000, secure: false })
  })

  test('an endless chain of aliases is a failure, soon', async () => {
    assert.deepEqual(await answer({ CNAME: 'x.example' }), { status: 'servfail' })
    assert.ok(dns.queries.length <= 9)
  })

  test('DNSSEC counts when the server on this machine vouches for it', async () => {
    assert.equal(((await answer({ A: ['192.0.2.1'], authenticated: true })) as { secure: boolean }).secure, true)
  })

  test('a server that does not listen is passed over at once, and the one that answered is asked first next time', async () => {
    const idle = createSocket('udp4')
    await new Promise<void>((done) => idle.bind(0, '127.0.0.1', done))
    const dead = { address: '127.0.0.1', port: idle.address().port }
    await new Promise<void>((done) => idle.close(done))
    const begun: DnsServer[] = []
    const transport: DnsTransport = {
      ...socketTransport,
      udp: (to, ...rest) => {
        begun.push(to)
        return socketTransport.udp(to, ...rest)
      },
    }
    const servers = [dead, server]
    const two = new DnsClient({ servers: () => servers, transport, clock: systemClock })
    dns.set('x.example', { A: ['192.0.2.1'] })
    assert.equal((await two.lookup('x.example', 'A')).status, 'ok')
    assert.equal((await two.lookup('x.example', 'A')).status, 'ok')
    assert.deepEqual(begun, [dead, server, server])
  })

  test('a question that is given up at once leaves nothing behind', async () => {
    const hasty = new DnsClient({ servers: () => [server], transport: socketTransport, clock: systemClock })
    const pending = hasty.lookup('x.example', 'A')
    hasty.dispose()
    assert.deepEqual(await pending, { status: 'timeout' })
    const tcp = socketTransport.tcp(server, Buffer.alloc(12), { message: () => assert.fail(), failed: () => assert.fail() })
    tcp.dispose()
    assert.equal((await answer({ A: ['192.0.2.1'] })).status, 'ok') // the loop has turned since: no late error either
  })

  test('row 64: only the word of a trusted server makes an answer secure, and only its "bogus" is final', async () => {
    const asking = (trusts: (address: string) => boolean, ...more: DnsServer[]) =>
      new DnsClient({ servers: () => [server, ...more], transport: socketTransport, clock: systemClock, trusts })
    const secure = async (of: DnsClient) => ((await of.lookup('x.example', 'A')) as { secure?: boolean }).secure
    dns.set('x.example', { A: ['192.0.2.1'], authenticated: true })
    assert.equal(await secure(asking(() => true)), true)
    assert.equal(await secure(asking((address) => address !== server.address)), false)
    const lenient = new TestDns({ 'x.example': { A: ['192.0.2.1'] } })
    const second = await lenient.start()
    dns.set('x.example', { behaviour: 'bogus' })
    assert.equal((await asking(() => true, second).lookup('x.example', 'A')).status, 'bogus')
    assert.equal((await asking(() => false, second).lookup('x.example', 'A')).status, 'ok')
    await lenient.stop()
  })

  test('names that do not fit a question are not asked for', async () => {
    for (const name of ['', 'a..b', `${'a'.repeat(64)}.example`, 'a b', 'a\0b', 'é', `${'a.'.repeat(127)}a`]) {
      assert.equal((await client.lookup(name, 'A')).status, 'nxdomain', JSON.stringify(name))
    }
    assert.equal(dns.queries.length, 0)
  })
})

describe('with a clock that stands still', () => {
  const servers = ['192.0.2.1', '192.0.2.2'].map((address) => ({ address, port: 53 }))
  const silent = (asked: string[]): DnsTransport => {
    const never = (via: string) => (server: DnsServer) => {
      asked.push(`${via} ${server.address}`)
      return { dispose: () => asked.push(`end ${server.address}`) }
    }
    return { udp: never('udp'), tcp: never('tcp') }
  }

  test('silent servers are asked in turn, 5 s each, 15 s in all; nothing stays open', async () => {
    const clock = new FakeClock()
    const asked: string[] = []
    const client = new DnsClient({ servers: () => servers, transport: silent(asked), clock })
    let status = ''
    void client.lookup('a.example', 'A').then((answer) => (status = answer.status))
    await clock.advance(14_999)
    assert.equal(status, '')
    assert.deepEqual(asked, ['udp 192.0.2.1', 'end 192.0.2.1', 'udp 192.0.2.2', 'end 192.0.2.2', 'udp 192.0.2.1'])
    await clock.advance(1)
    assert.equal(status, 'timeout')
    assert.equal(clock.waiting, 0)
    assert.equal(asked.at(-1), 'end 192.0.2.1')
  })

  test('dispose answers what is pending', async () => {
    const clock = new FakeClock()
    const client = new DnsClient({ servers: () => servers, transport: silent([]), clock })
    const pending = client.lookup('a.example', 'A')
    client.dispose()
    assert.deepEqual(await pending, { status: 'timeout' })
    assert.equal(clock.waiting, 0)
  })

  test('answers with another id, another question or no sense are ignored until the right one comes', async () => {
    const clock = new FakeClock()
    const transport: DnsTransport = {
      udp: (_, message, events) => {
        const right = Buffer.from(message)
        right.writeUInt16BE(0x8180, 2)
        right.writeUInt16BE(0, 10)
        const wrongId = Buffer.from(right)
        wrongId.writeUInt16BE((right.readUInt16BE(0) + 1) & 0xffff, 0)
        const wrongName = Buffer.from(right)
        wrongName[13] = 'z'.charCodeAt(0)
        for (const bytes of [wrongId, wrongName, right.subarray(0, 11), Buffer.alloc(0), message, right])
          queueMicrotask(() => events.message(bytes))
        return { dispose: () => {} }
      },
      tcp: () => assert.fail('no TCP'),
    }
    const client = new DnsClient({ servers: () => servers, transport, clock })
    assert.deepEqual(await client.lookup('a.example', 'A'), { status: 'nodata', ttlMs: 0, secure: false })
    assert.equal(clock.mono(), 0)
  })

  test('DNSSEC as a server elsewhere tells it is not believed', async () => {
    const transport: DnsTransport = {
      udp: (_, message, events) => {
        const right = Buffer.from(message)
        right.writeUInt16BE(0x81a3, 2) // AD, NXDOMAIN
        right.writeUInt16BE(0, 10)
        queueMicrotask(() => events.message(right))
        return { dispose: () => {} }
      },
      tcp: () => assert.fail('no TCP'),
    }
    const at = (address: string) => new DnsClient({ servers: () => [{ address, port: 53 }], transport, clock: new FakeClock() })
    assert.deepEqual(await at('192.0.2.1').lookup('a.example', 'A'), { status: 'nxdomain', ttlMs: 0, secure: false })
    assert.deepEqual(await at('127.0.0.53').lookup('a.example', 'A'), { status: 'nxdomain', ttlMs: 0, secure: true })
  })
})
