import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../../../src/net/clock.ts'
import type { DnsAnswer } from '../../../src/net/dns-client.ts'
import type { RecordType } from '../../../src/net/dns-message.ts'
import { parseHosts } from '../../../src/net/hosts-file.ts'
import { openResolver, Resolver, type ResolverOptions } from '../../../src/net/resolver.ts'
import { TestDns } from '../../../src/testing/dns-server.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

/** A resolver over a client that always gives this answer, and what the client was asked. */
function resolving(answer: DnsAnswer<string>, options: Partial<ResolverOptions> = {}) {
  const clock = new FakeClock()
  const asked: string[] = []
  const lookup = async (name: string, type: RecordType) => {
    asked.push(`${type} ${name}`)
    return answer
  }
  const client = { lookup: lookup as ResolverOptions['client']['lookup'], dispose: () => {} } // one answer for all types
  return { clock, asked, resolver: new Resolver({ client, clock, ...options }) }
}

const ok = (ttlMs: number): DnsAnswer<string> => ({ status: 'ok', records: ['192.0.2.1'], ttlMs, secure: false })

describe('how long answers are kept', () => {
  const table: readonly (readonly [string, DnsAnswer<string>, number])[] = [
    ['an answer as long as its TTL', ok(30_000), 30_000],
    ['one hour at most', ok(86_400_000), 3_600_000],
    ['a negative answer as long as the client says', { status: 'nxdomain', ttlMs: 60_000, secure: false }, 60_000],
    ['SERVFAIL 5 s', { status: 'servfail' }, 5_000],
    ['a time-out 5 s', { status: 'timeout' }, 5_000],
    ['REFUSED 5 s', { status: 'refused' }, 5_000],
    ['a bogus answer 5 s', { status: 'bogus' }, 5_000],
  ]
  for (const [what, answer, keptMs] of table) {
    test(what, async () => {
      const { resolver, clock, asked } = resolving(answer)
      assert.deepEqual(await resolver.query('a.example', 'A'), answer)
      await clock.advance(keptMs - 1)
      assert.deepEqual(await resolver.query('A.example', 'A'), answer)
      assert.equal(asked.length, 1)
      await clock.advance(1)
      await resolver.query('a.example', 'A')
      assert.equal(asked.length, 2)
    })
  }

  test('TTL 0 and unknown TTL: not at all', async () => {
    const { resolver, asked } = resolving(ok(0))
    await resolver.query('a.example', 'A')
    await resolver.query('a.example', 'A')
    assert.equal(asked.length, 2)
  })

  test('flush forgets', async () => {
    const { resolver, asked } = resolving(ok(30_000))
    await resolver.query('a.example', 'A')
    resolver.flush()
    await resolver.query('a.example', 'A')
    assert.equal(asked.length, 2)
  })

  test('when the memory is full the oldest entry goes', async () => {
    const { resolver, asked } = resolving(ok(30_000), { maxEntries: 2 })
    for (const name of ['a', 'b', 'c', 'b', 'c', 'a']) await resolver.query(name, 'A')
    assert.deepEqual(asked, ['A a', 'A b', 'A c', 'A a'])
  })
})

test('who asks the same at the same time shares one look-up; another type is another question', async () => {
  const { resolver, asked } = resolving(ok(0))
  const answers = await Promise.all([resolver.query('a', 'A'), resolver.query('A', 'A'), resolver.query('a', 'AAAA')])
  assert.deepEqual(answers, [ok(0), ok(0), ok(0)])
  assert.deepEqual(asked, ['A a', 'AAAA a'])
})

test('the hosts file stands above DNS for addresses, never for SRV', async () => {
  const hosts = parseHosts('192.0.2.7 a.example\n2001:db8::7 b.example')
  const { resolver, asked } = resolving({ status: 'servfail' }, { hosts: () => hosts })
  assert.deepEqual(await resolver.query('A.example', 'A'), { status: 'ok', records: ['192.0.2.7'], ttlMs: 0, secure: false })
  assert.deepEqual(await resolver.query('b.example', 'A'), { status: 'nodata', ttlMs: 0, secure: false })
  assert.deepEqual(asked, [])
  assert.equal((await resolver.query('a.example', 'SRV')).status, 'servfail')
  assert.deepEqual([resolver.listed('A.EXAMPLE'), resolver.listed('c.example')], [true, false])
})

test('names of the prototype are ordinary names', async () => {
  const { resolver } = resolving({ status: 'nxdomain', ttlMs: 1, secure: false }, { hosts: () => parseHosts('') })
  for (const name of ['__proto__', 'constructor', 'toString']) assert.equal((await resolver.query(name, 'A')).status, 'nxdomain')
})

test('openResolver asks the servers that the configuration names', async () => {
  const dns = new TestDns({ localhost: { A: ['192.0.2.1'] } })
  const server = await dns.start()
  const resolver = openResolver({ clock: systemClock, servers: [server] })
  try {
    const answer = await resolver.query('localhost', 'A') // the system's hosts file does not count here
    assert.deepEqual(answer, { status: 'ok', records: ['192.0.2.1'], ttlMs: 60_000, secure: false })
  } finally {
    resolver.dispose()
    await dns.stop()
  }
})
