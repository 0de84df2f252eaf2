import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../../src/net/clock.ts'
import type { DnsAnswer } from '../../../src/net/dns-client.ts'
import { type EndpointOptions, type LookupFailureKind, resolveEndpoints } from '../../../src/net/endpoints.ts'
import { openResolver, type Resolver } from '../../../src/net/resolver.ts'
import { TestDns, type TestRecords } from '../../../src/testing/dns-server.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const XMPP = '_xmpp-server._tcp.a.example'
const XMPPS = '_xmpps-server._tcp.a.example'
const root: TestRecords = { SRV: [{ target: '.', port: 0 }] }
const plain: TestRecords = { SRV: [{ target: 'plain.example', port: 5269, priority: 10 }] }
const direct: TestRecords = { SRV: [{ target: 'direct.example', port: 5270, priority: 5 }] }
const broken: TestRecords = {
  SRV: [
    { target: 'plain.example', port: 0 },
    { target: '127.0.0.1', port: 5269 },
    { target: 'un_der.example', port: 5269 },
  ],
}
const servfail: TestRecords = { behaviour: 'servfail' }
const hosts: Readonly<Record<string, TestRecords>> = {
  'plain.example': { A: ['192.0.2.1'] },
  'direct.example': { A: ['192.0.2.2'] },
  'empty.example': { AAAA: [] },
  'lame.example': servfail,
}
const own: TestRecords = { A: ['192.0.2.3'] }

const DIRECT = 'direct 192.0.2.2:5270'
const PLAIN = 'starttls 192.0.2.1:5269'
const OWN = 'starttls 192.0.2.3:5269'

/** What the two SRV names and the domain itself say, and where that leads. */
const table: readonly (readonly [
  string,
  Readonly<Record<string, TestRecords | undefined>>,
  readonly string[] | LookupFailureKind,
])[] = [
  ['both services: one list, by priority', { [XMPPS]: direct, [XMPP]: plain }, [DIRECT, PLAIN]],
  [
    'priorities count across both',
    { [XMPPS]: { SRV: [{ target: 'direct.example', port: 5270, priority: 20 }] }, [XMPP]: plain },
    [PLAIN, DIRECT],
  ],
  ['STARTTLS only', { [XMPP]: plain, 'a.example': own }, [PLAIN]],
  ['direct TLS only', { [XMPPS]: direct, 'a.example': own }, [DIRECT]],
  ['no SRV record: the domain itself, port 5269', { 'a.example': own }, [OWN]],
  ['nothing at all', {}, 'nxdomain'],
  ['the domain exists, without addresses', { 'www.a.example': own }, 'no-address'],
  ['xmpps declines, xmpp is there', { [XMPPS]: root, [XMPP]: plain }, [PLAIN]],
  ['xmpp declines, xmpps is there', { [XMPPS]: direct, [XMPP]: root }, [DIRECT]],
  ['xmpp declines: no fallback', { [XMPP]: root, 'a.example': own }, 'no-service'],
  ['xmpps declines, no xmpp: no fallback', { [XMPPS]: root, 'a.example': own }, 'no-service'],
  ['both decline', { [XMPPS]: root, [XMPP]: root, 'a.example': own }, 'no-service'],
  ['"." among others is passed over', { [XMPP]: { SRV: [...root.SRV!, ...plain.SRV!] } }, [PLAIN]],
  ['SERVFAIL is not "no records"', { [XMPPS]: servfail, 'a.example': own }, 'servfail'],
  ['SERVFAIL of the other one too', { [XMPP]: servfail, 'a.example': own }, 'servfail'],
  ['REFUSED likewise', { [XMPP]: { behaviour: 'refused' }, 'a.example': own }, 'servfail'],
  ['an answer that DNSSEC forbids to believe', { [XMPP]: { behaviour: 'bogus' }, 'a.example': own }, 'bogus'],
  ['one fails, the other is enough', { [XMPPS]: servfail, [XMPP]: plain }, [PLAIN]],
  ['the other way round', { [XMPPS]: direct, [XMPP]: servfail }, [DIRECT]],
  ['one fails, the other declines', { [XMPPS]: servfail, [XMPP]: root }, 'servfail'],
  ['port 0, an IP address, no host name: nobody to dial, no fallback', { [XMPP]: broken, 'a.example': own }, 'no-address'],
  ['broken records beside good ones', { [XMPP]: { SRV: [...broken.SRV!, ...plain.SRV!] } }, [PLAIN]],
  [
    'SRV answered, no target has an address: no fallback',
    { [XMPP]: { SRV: [{ target: 'empty.example', port: 5269 }] }, 'a.example': own },
    'no-address',
  ],
  [
    'SRV answered, no target exists: no fallback',
    { [XMPP]: { SRV: [{ target: 'gone.example', port: 5269 }] }, 'a.example': own },
    'nxdomain',
  ],
  [
    "SRV answered, the target's servers fail",
    { [XMPP]: { SRV: [{ target: 'lame.example', port: 5269 }] }, 'a.example': own },
    'servfail',
  ],
  [
    'a target that fails does not hide another',
    { [XMPP]: { SRV: [{ target: 'lame.example', port: 5269 }, ...plain.SRV!] } },
    [PLAIN],
  ],
  [
    'the same place named twice is one endpoint',
    {
      [XMPP]: { SRV: [...plain.SRV!, { target: 'again.example', port: 5269, priority: 20 }] },
      'again.example': { A: ['192.0.2.1'] },
    },
    [PLAIN],
  ],
  ['the domain is an alias', { 'a.example': { CNAME: 'plain.example' } }, [PLAIN]],
  ['SRV behind an alias', { [XMPP]: { CNAME: '_x.b.example' }, '_x.b.example': plain }, [PLAIN]],
  [
    'A fails, AAAA answers',
    { 'a.example': { AAAA: ['2001:db8::1'], behaviour: { A: 'servfail' } } },
    ['starttls 2001:db8::1:5269'],
  ],
  ['A fails, AAAA says nothing', { 'a.example': { behaviour: { A: 'servfail' } } }, 'servfail'],
]

describe('resolveEndpoints over a real name server', () => {
  let dns: TestDns
  let server: { address: string; port: number }
  let resolver: Resolver
  before(async () => {
    dns = new TestDns()
    server = await dns.start()
  })
  after(() => dns.stop())

  async function find(
    zones: Readonly<Record<string, TestRecords | undefined>>,
    more: Partial<EndpointOptions> = {},
    domain = 'a.example',
  ) {
    for (const [name, records] of Object.entries({ ...hosts, ...zones })) dns.set(name, records)
    resolver = openResolver({ clock: systemClock, servers: [server] })
    const options = { resolver, clock: systemClock, random: () => 0.5, ipv4: true, ipv6: true, ...more }
    const found = await resolveEndpoints(domain, options)
    for (const name of Object.keys(zones)) dns.set(name, undefined)
    resolver.dispose()
    return found
  }

  for (const [what, zones, expected] of table) {
    test(what, async () => {
      const found = await find(zones)
      assert.deepEqual(found.failure?.kind ?? found.endpoints?.map((e) => `${e.tls} ${e.address}:${e.port}`), expected)
      if (found.failure) {
        assert.doesNotMatch(found.failure.text, /example/, 'the sender must not learn names')
        assert.match(found.failure.detail, /example/)
      }
    })
  }

  test('an endpoint in full', async () => {
    const found = await find({ [XMPPS]: direct })
    assert.deepEqual(found.endpoints, [
      { host: 'direct.example', address: '192.0.2.2', family: 4, port: 5270, tls: 'direct', priority: 5, secure: false },
    ])
  })

  test('secure only when SRV and address both are', async () => {
    const signed = { ...direct, authenticated: true }
    const host = { 'direct.example': { A: ['192.0.2.2'], authenticated: true } }
    const secure = async (zones: Readonly<Record<string, TestRecords>>) => (await find(zones)).endpoints?.map((e) => e.secure)
    assert.deepEqual(await secure({ [XMPPS]: signed, ...host }), [true])
    assert.deepEqual(await secure({ [XMPPS]: direct, ...host }), [false])
    assert.deepEqual(await secure({ [XMPPS]: signed }), [false])
  })

  test('the host is secure where SRV is, whatever the address', async () => {
    const signed = { ...direct, authenticated: true }
    const hostSecure = async (srv: TestRecords) => (await find({ [XMPPS]: srv })).endpoints?.map((e) => e.hostSecure)
    assert.deepEqual([await hostSecure(signed), await hostSecure(direct)], [[true], [undefined]])
  })

  describe('TLSA records', () => {
    const record = { usage: 3, selector: 1, matching: 1, data: new Uint8Array(32) }
    const signed = { [XMPP]: { ...plain, authenticated: true }, 'plain.example': { A: ['192.0.2.1'], authenticated: true } }
    const NAME = '_5269._tcp.plain.example'
    const shown = async (tlsa: TestRecords | undefined, more: Readonly<Record<string, TestRecords>> = {}, dane = true) => {
      dns.queries.splice(0)
      const found = await find({ ...signed, [NAME]: tlsa, ...more }, { dane })
      const asked = dns.queries.filter((q) => q.type === 'TLSA').map((q) => q.name)
      return [found.failure?.kind ?? found.endpoints?.map((e) => e.tlsa?.length ?? 0), asked] as const
    }
    const there = { TLSA: [record], authenticated: true }
    for (const [what, got, expected] of [
      ['there', () => shown(there), [[1], [NAME]]],
      ['only those that are usable', () => shown({ ...there, TLSA: [record, { ...record, usage: 7 }] }), [[1], [NAME]]],
      ['none', () => shown(undefined), [[0], [NAME]]],
      ['not signed', () => shown({ TLSA: [record] }), [[0], [NAME]]],
      ['SRV not signed: not asked', () => shown(there, { [XMPP]: plain }), [[0], []]],
      ['address not signed: not asked', () => shown(there, { 'plain.example': { A: ['192.0.2.1'] } }), [[0], []]],
      ['bogus', () => shown({ behaviour: 'bogus' }), ['bogus', [NAME]]],
      ['refused', () => shown({ behaviour: 'refused' }), ['bogus', [NAME]]],
      ['nobody wants to know', () => shown(there, {}, false), [[0], []]],
      [
        'behind a signed alias',
        () => shown({ CNAME: 'tlsa.example', authenticated: true }, { 'tlsa.example': { TLSA: [record], authenticated: true } }),
        [[1], [NAME]],
      ],
    ] as const) {
      test(what, async () => assert.deepEqual(await got(), expected))
    }
  })

  const both: TestRecords = { A: ['192.0.2.3', '192.0.2.4', '192.0.2.5'], AAAA: ['2001:db8::3', '2001:db8::4'] }

  test('addresses of one target: the families in turn, IPv6 first', async () => {
    const found = await find({ 'a.example': both })
    assert.deepEqual(
      found.endpoints?.map((e) => e.address),
      ['2001:db8::3', '192.0.2.3', '2001:db8::4', '192.0.2.4', '192.0.2.5'],
    )
  })

  test('a family that is switched off is not asked for', async () => {
    dns.queries.splice(0)
    assert.deepEqual(
      (await find({ 'a.example': both }, { ipv6: false })).endpoints?.map((e) => e.family),
      [4, 4, 4],
    )
    assert.ok(dns.queries.every((q) => q.type !== 'AAAA'))
    assert.deepEqual(
      (await find({ 'a.example': both }, { ipv4: false })).endpoints?.map((e) => e.family),
      [6, 6],
    )
  })

  test('a zone full of records costs a bounded number of look-ups and endpoints', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `t${i}.a.example`,
        { A: Array.from({ length: 30 }, (_, n) => `198.18.${i}.${n + 1}`) },
      ]),
    )
    dns.queries.splice(0)
    const found = await find({
      ...many,
      [XMPP]: { SRV: Object.keys(many).map((target, i) => ({ target, port: 5269, priority: i })) },
    })
    assert.equal(found.endpoints?.length, 64)
    assert.equal(found.endpoints?.filter((e) => e.host === 't0.a.example').length, 8)
    assert.ok(dns.queries.length <= 3 + 2 * 16, String(dns.queries.length)) // the long SRV answer is asked for twice
  })

  for (const domain of [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '::1',
    'a..b',
    '',
    '-a.example',
    'a b',
    `${'x'.repeat(5000)}!`,
  ]) {
    test(`${JSON.stringify(domain).slice(0, 30)} is no host name, and nobody is asked`, async () => {
      dns.queries.splice(0)
      const found = await find({}, {}, domain)
      assert.equal(found.failure?.kind, 'not-a-hostname')
      assert.ok(found.failure.text.length < 200)
      assert.equal(dns.queries.length, 0)
    })
  }
})

describe('time, with a clock that stands still', () => {
  type Delayed = readonly [delayMs: number, answer: DnsAnswer<unknown>]
  const none: DnsAnswer<never> = { status: 'nxdomain', ttlMs: 0, secure: false }
  const ok = (...records: unknown[]): DnsAnswer<unknown> => ({ status: 'ok', records, ttlMs: 0, secure: false })
  const target = { target: 'plain.example', port: 5269, priority: 0, weight: 0 }

  /** Answers by type and name, each after its time; undefined: never. */
  async function find(script: Readonly<Record<string, Delayed | undefined>>, listed = false) {
    const clock = new FakeClock()
    const query = (name: string, type: string) =>
      new Promise((resolve) => {
        const [delayMs, answer] =
          name in script ? (script[name] ?? [Number.POSITIVE_INFINITY, none]) : (script[type] ?? [0, none])
        if (delayMs !== Number.POSITIVE_INFINITY) clock.after(delayMs, () => resolve(answer))
      })
    const resolver = { query: query as Resolver['query'], listed: () => listed } // the script has the right types
    let doneAt = -1
    const found = resolveEndpoints('a.example', { resolver, clock, random: () => 0, ipv4: true, ipv6: true })
    void found.then(() => (doneAt = clock.mono()))
    await clock.advance(20_000)
    assert.notEqual(doneAt, -1, 'still looking after 20 s')
    return { ...(await found), doneAt, waiting: clock.waiting }
  }

  test('servers that never answer: a time-out after 15 s', async () => {
    const found = await find({ [XMPP]: undefined, [XMPPS]: undefined })
    assert.deepEqual([found.failure?.kind, found.doneAt, found.waiting], ['timeout', 15_000, 0])
  })

  test('15 s is for all stages together', async () => {
    const found = await find({ [XMPPS]: [14_000, none], [XMPP]: [14_000, ok(target)], A: undefined, 'plain.example': undefined })
    assert.deepEqual([found.failure?.kind, found.doneAt], ['timeout', 15_000])
  })

  test('once one SRV answer is there, the other gets 2 s', async () => {
    const found = await find({ [XMPPS]: undefined, [XMPP]: [100, ok(target)], A: [0, ok('192.0.2.1')] })
    assert.deepEqual([found.endpoints?.length, found.doneAt], [1, 2_100])
  })

  test('a name server that swallows AAAA questions costs 2 s', async () => {
    const found = await find({ A: [0, ok('192.0.2.1')], AAAA: [Number.POSITIVE_INFINITY, none] })
    assert.deepEqual([found.endpoints?.[0]?.address, found.doneAt], ['192.0.2.1', 2_000])
  })

  test('what the hosts file names is reached without DNS', async () => {
    const silent: Delayed = [1_000, { status: 'refused' }]
    const script = { [XMPP]: silent, [XMPPS]: silent, A: [0, ok('192.0.2.1')] as Delayed }
    assert.equal((await find(script, true)).endpoints?.[0]?.address, '192.0.2.1')
    assert.equal((await find(script, false)).failure?.kind, 'servfail')
  })
})
