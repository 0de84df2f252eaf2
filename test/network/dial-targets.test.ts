import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, type TestClient } from '../helpers/test-client.ts'

describe('where a remote may not lead us', () => {
  let network: Network
  let a: Server
  let romeo: TestClient
  let count = 0
  before(async () => {
    network = await Network.create()
    a = await network.server('a.example', { users: ['romeo'], more: 'VirtualHost "other.example"' })
    romeo = await network.client('romeo@a.example')
  })
  after(() => network[Symbol.asyncDispose]())

  const bounce = async (domain: string): Promise<string> => {
    romeo.send(`<message to='x@${domain}'><body>hello</body></message>`)
    return bounceOf(await romeo.message())
  }
  const leadTo = (address: string, port: number): string => {
    const domain = `b${++count}.example`
    network.dns.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: `xmpp.${domain}`, port }] })
    network.dns.set(`xmpp.${domain}`, address.includes(':') ? { AAAA: [address] } : { A: [address] })
    return domain
  }

  for (const address of [
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '::',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    'fe80::1',
  ]) {
    test(`row 59: ${address} is not dialled`, async () => {
      const text = await bounce(leadTo(address, 5269))
      assert.match(text, /^wait\/remote-server-timeout: Server-to-server connection failed: no connection: /)
      assert.match(text, /(unspecified|link-local|multicast or reserved) address$/)
    })
  }

  test('row 59: our own ports are not dialled', async () => {
    const [own] = a.config.get(undefined, 'interfaces')
    for (const port of [...a.ports('s2s'), ...a.ports('c2s')]) {
      assert.match(await bounce(leadTo(own!, port)), /no connection: this is our own address$/)
    }
    assert.equal(a.metrics().get('entente_s2s_accepted_total{transport="tcp"}') ?? 0, 0)
  })

  for (const domain of ['127.0.0.1', '2130706433', '0x7f.1', '127.1', '[::1]', '0177.0.0.1']) {
    test(`row 61: the domain ${domain} is not looked up`, async () => {
      const before = network.dns.queries.length
      const text = await bounce(domain)
      assert.match(text, /^(cancel\/remote-server-not-found|modify\/jid-malformed): /)
      assert.equal(network.dns.queries.length, before)
    })
  }

  test('row 60: an address is asked for once, and what was judged is what is dialled', async () => {
    await using peer = await ScriptedPeer.listen(network, 'rebind.example')
    const kept = peer.serve()
    network.dns.set('xmpp.rebind.example', { A: [peer.address], ttlSeconds: 0 })
    romeo.send("<message to='x@rebind.example'><body>m1</body></message>")
    await eventually('it arrives', () => kept.length === 1)
    assert.equal(network.dns.queries.filter((q) => q.name === 'xmpp.rebind.example' && q.type === 'A').length, 1)
  })

  test('row 55, item 159: a domain of ours is never looked up', async () => {
    network.dns.set('_xmpp-server._tcp.other.example', { SRV: [{ target: 'xmpp.other.example', port: 5269 }] })
    assert.match(await bounce('other.example'), /^cancel\/service-unavailable: /)
    assert.ok(!network.dns.queries.some((q) => q.name.includes('other.example')))
  })
})
