import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Explanation } from '../../src/admin/explain.ts'
import type { Examination } from '../../src/server/examine.ts'
import type { OwnCheck } from '../../src/server/own-side.ts'
import { eventually } from '../helpers/eventually.ts'
import { type Ran, runIn } from '../helpers/fake-shell.ts'
import { Network } from '../helpers/network.ts'

describe('explain and doctor', () => {
  let network: Network
  before(async () => {
    network = await Network.create()
    await network.server('b.example', { users: ['juliet'] })
    await network.server('weak.example', { certificate: 'self-signed' })
  })
  after(() => network[Symbol.asyncDispose]())

  const run = (domain: string, ...args: string[]): Promise<Ran> => runIn(dirname(network.configFile(domain)), args)
  const doctor = async (domain: string, ...args: string[]) => {
    const { code, out } = await run(domain, 'doctor', ...args, '--json')
    const found = JSON.parse(out) as { own: OwnCheck[]; remote?: Examination } // what the command documents
    return { code, ...found }
  }
  const stages = (x: Examination, at = 0): string[] => x.endpoints[at]!.stages.map((s) => s.stage)

  test('doctor: a server that can be reached, stage by stage, and no stanza and no key is sent', async () => {
    network.prepare('a.example', { address: '127.1.1.1' })
    const { code, remote } = await doctor('a.example', 'b.example')
    assert.equal(code, 0)
    assert.ok(remote!.reachable)
    const walk = ['connect', 'stream', 'features', 'tls', 'certificate', 'stream', 'features', 'auth']
    assert.deepEqual(stages(remote!), walk)
    const [endpoint] = remote!.endpoints
    assert.ok(endpoint!.stages.every((s) => s.tookMs >= 0))
    assert.match(endpoint!.stages[3]!.detail, /^TLSv1\.3, TLS_/)
    assert.equal(endpoint!.stages[4]!.detail, 'valid (pkix)')
    assert.match(endpoint!.stages[6]!.detail, /EXTERNAL, dialback/, 'our certificate was shown and believed')
    assert.match(endpoint!.stages[7]!.detail, /certificate \(EXTERNAL\)/)
    assert.match(endpoint!.chain[0]!.names, /DNS:b\.example/)
    assert.deepEqual(
      remote!.dns.map(({ name, type }) => `${name} ${type}`),
      ['_xmpps-server._tcp.b.example SRV', '_xmpp-server._tcp.b.example SRV', 'xmpp.b.example AAAA', 'xmpp.b.example A'],
    )
    const b = network.servers.get('b.example')!
    await eventually('the end of the stream', () => b.status().serverStreams.length === 0)
    const counters = [...b.metrics().keys()]
    assert.ok(!counters.some((name) => name.startsWith('entente_s2s_authenticated')), 'nobody authenticated')
    assert.ok(!counters.some((name) => name.includes('ended') && name.includes('by="us"')), 'it was left in order')
  })

  test('doctor: what our policy refuses is not reachable, and both operators read what to do', async () => {
    network.prepare('strict.example', { address: '127.1.1.2', global: 's2s_secure_auth = true' })
    const { code, remote } = await doctor('strict.example', 'weak.example')
    assert.equal(code, 1)
    const [endpoint] = remote!.endpoints
    assert.equal(endpoint!.failure?.condition, 'certificate-self-signed')
    assert.match(endpoint!.advice?.here ?? '', /pin the key/)
    assert.match(endpoint!.advice?.there ?? '', /public authority/)
    const { out } = await run('strict.example', 'doctor', 'weak.example')
    assert.match(out, /FAILED at certificate: Remote server's certificate is self-signed/)
    assert.match(out, /weak\.example cannot be reached\.$/)
    const pin = /key (sha256:[0-9a-f]{64})/.exec(out)?.[1]
    network.prepare('strict.example', {
      address: '127.1.1.2',
      global: `s2s_secure_auth = true\ns2s_rules = { { remote = "weak.example", pins = { "${pin}" } } }`,
    })
    const pinned = await doctor('strict.example', 'weak.example')
    assert.equal(pinned.code, 0, 'the key that it printed may be pinned')
    assert.ok(pinned.remote!.endpoints[0]!.stages.some((s) => s.detail === 'valid (pin)'))
  })

  test('doctor: no name, nobody there, one that says nothing', async () => {
    network.prepare('a.example', { address: '127.1.1.1', global: 's2s_timeout = 1' })
    const nobody = await doctor('a.example', 'nobody.example')
    assert.deepEqual([nobody.code, nobody.remote!.endpoints], [1, []])
    assert.match(nobody.remote!.lookupFailure ?? '', /no such name/)
    const mute = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.1.1.3')
    await new Promise((resolve) => mute.once('listening', resolve))
    const { port } = mute.address() as { port: number } // a TCP server has one
    network.dns.set('_xmpp-server._tcp.mute.example', {
      SRV: [
        { target: 'one.mute.example', port: 9, priority: 1 },
        { target: 'two.mute.example', port, priority: 2 },
      ],
    })
    network.dns.set('one.mute.example', { A: ['127.1.1.4'] })
    network.dns.set('two.mute.example', { A: ['127.1.1.3'] })
    const { code, remote } = await doctor('a.example', 'mute.example')
    mute.close()
    assert.equal(code, 1)
    assert.deepEqual(
      remote!.endpoints.map((e) => `${e.endpoint.host}: ${e.failure?.stage}: ${e.failure?.text}`),
      [
        'one.mute.example: connect: connection refused',
        'two.mute.example: stream: The remote server did not answer in time, while the stream was being opened',
      ],
    )
  })

  test('doctor: our own side', async () => {
    const own = async (...args: string[]) => {
      const found = await doctor('own.example', ...args)
      return { code: found.code, checks: found.own.map(({ about, ok, text }) => `${ok ? 'ok' : 'WRONG'} ${about}: ${text}`) }
    }
    network.prepare('own.example', { address: '127.1.1.5' })
    const bare = await own()
    assert.equal(bare.code, 1)
    assert.match(bare.checks[0]!, /^WRONG dns: other servers do not find it/)
    network.dns.set('_xmpp-server._tcp.own.example', { SRV: [{ target: 'xmpp.own.example', port: 5270 }] })
    network.dns.set('xmpp.own.example', { A: ['127.0.0.1'] })
    const port = 's2s_ports = { 5269 }; external_addresses = { "192.0.2.1" }'
    network.prepare('own.example', { address: '127.1.1.5', global: port, certificate: { dns: ['other.example'] } })
    const wrong = await own()
    assert.match(wrong.checks[0]!, /WRONG dns: DNS leads to .* s2s_ports has no port 5270/)
    assert.match(wrong.checks[1]!, /WRONG certificate: it has no certificate/)
    const soon = { dns: ['own.example'], notAfter: Date.now() + 3 * 86_400_000 }
    network.prepare('own.example', { address: '127.1.1.5', global: port.replace('5269', '5270'), certificate: soon })
    const almost = await own()
    assert.match(
      almost.checks.join('\n'),
      /ok dns: [\s\S]*ok certificate: .* names it\nWRONG certificate: .*, [23] days from now/,
    )
    network.dns.set('xmpp.own.example', { A: ['192.0.2.1', '192.0.2.9'] })
    network.prepare('own.example', { address: '127.1.1.5', global: port.replace('5269', '5270') })
    const addresses = (await own()).checks
    assert.ok(addresses.some((c) => c.startsWith('ok dns: DNS leads to xmpp.own.example (192.0.2.1')))
    assert.ok(addresses.some((c) => c.startsWith('WRONG dns') && c.includes('192.0.2.9, port 5270')))
  })

  test('explain: from the configuration alone, and from a running server with what it has seen', async () => {
    const global = 's2s_secure_domains = { "weak.example" }'
    network.prepare('seen.example', { global })
    const offline = await run('seen.example', 'explain', 'weak.example')
    assert.equal(offline.code, 0)
    assert.match(offline.out, /seen\.example and weak\.example/)
    assert.match(offline.out, /encryption: required {2}\[s2s_secure_domains \(.*entente\.cfg\.lua:\d+:\d+\)\]/)
    assert.match(
      offline.out,
      /with any other certificate: refused, certificate-untrusted: Your server's certificate is not trusted/,
    )
    assert.match(offline.out, /No server is running/)

    await network.server('seen.example', { global, users: ['romeo'] })
    const romeo = await network.client('romeo@seen.example')
    for (const to of ['juliet@b.example', 'x@weak.example'])
      romeo.send(`<message to='${to}' type='chat'><body>x</body></message>`)
    await romeo.message((m) => m.attr('type') === 'error')
    const json = async (...args: string[]) =>
      JSON.parse((await run('seen.example', 'explain', ...args, '--json')).out) as Explanation
    const server = network.servers.get('seen.example')!
    await eventually('the outcome', () => server.explain(undefined, 'b.example').evidence?.outcomes.out !== undefined)
    const good = await json('seen.example', 'b.example')
    assert.equal(good.from, 'server')
    assert.equal(good.evidence?.outcomes.out?.via, 'external')
    assert.equal(good.evidence?.lookup?.endpoints[0]?.host, 'xmpp.b.example')
    assert.match(good.evidence?.handshakes.out?.cipher ?? '', /^TLS_/)
    assert.equal(good.shown?.best, 'certificate')
    assert.ok(good.verdicts.find((v) => v.facts.startsWith('as last seen') && v.direction === 'out')?.allow)

    const { out } = await run('seen.example', 'explain', 'weak.example')
    assert.match(out, /we to them: TLSv1\.3, TLS_\w+; certificate for seen\.example: self-signed/)
    assert.match(out, /we to them: refused, certificate-self-signed: Remote server's certificate is self-signed/)
    assert.match(out, /xmpp\.weak\.example \(127\.1\.0\.\d+, port \d+, STARTTLS\), not secured by DNSSEC/)

    const fault = await run('seen.example', 'explain', 'other.example', 'b.example')
    assert.deepEqual([fault.code, fault.err.includes('other.example is not served here')], [1, true])
    assert.equal((await run('seen.example', 'explain', 'b..example')).code, 1)
    assert.equal((await run('seen.example', 'explain')).code, 2)
    assert.equal((await run('seen.example', 'forget', 'b.example')).code, 0)
    assert.equal((await run('seen.example', 'forget', 'b.example')).code, 1)
  })
})
