import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { Network, type ServerSetup } from '../helpers/network.ts'
import { ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, type Heard, type TestClient } from '../helpers/test-client.ts'

const message = (to: string, id = 'm1'): string => `<message to='${to}' type='chat' id='${id}'><body>hello</body></message>`
const rules = (...lines: string[]): string => `s2s_rules = { ${lines.map((l) => `{ ${l} }`).join(', ')} }`
const stanzas = (heard: readonly Heard[], name: string) =>
  heard.flatMap((h) => (h.kind === 'element' && h.element.name === name ? [h.element] : []))

describe('rules about remote domains', () => {
  let network: Network
  let juliet: TestClient
  let count = 0
  before(async () => {
    network = await Network.create()
    await network.server('b.example', { users: ['juliet'] })
    juliet = await network.client('juliet@b.example')
  })
  after(() => network[Symbol.asyncDispose]())

  /** A server under test with its user, under a name of its own. */
  const start = async (setup: ServerSetup): Promise<{ domain: string; server: Server; romeo: TestClient }> => {
    const domain = `a${++count}.example`
    const server = await network.server(domain, { users: ['romeo'], ...setup })
    return { domain, server, romeo: await network.client(`romeo@${domain}`) }
  }
  const keyPin = (domain: string): string => {
    const { publicKey } = new X509Certificate(readFileSync(join(network.folder, domain, 'certs', `${domain}.crt`)))
    return `sha256:${createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex')}`
  }
  const certificatePin = (domain: string): string =>
    `sha256:${new X509Certificate(readFileSync(join(network.folder, domain, 'certs', `${domain}.crt`))).fingerprint256}`

  test('block: the local sender is told without a look-up; the remote one reads the text of the rule', async () => {
    const { domain, server, romeo } = await start({
      global: rules('remote = "*.example", action = "block", text = "write to abuse@a.example"'),
    })
    romeo.send(message('juliet@b.example'))
    assert.equal(
      bounceOf(await romeo.message()),
      'cancel/not-allowed: Server-to-server connection failed: Communication with this domain is not allowed',
    )
    assert.equal(server.explain(undefined, 'b.example').evidence?.lookup, undefined, 'nobody looked for it')
    juliet.send(message(`romeo@${domain}`))
    const text = 'Communication with your domain is not allowed here: write to abuse@a.example'
    assert.ok(bounceOf(await juliet.message()).includes(`policy-violation (${text})`))
    const dialback = await ScriptedPeer.listen(network, 'c.example')
    const stream = await dialback.connect(server)
    stream.send(`<stream:stream xmlns='jabber:server' xmlns:stream='${NS.streams}' xmlns:db='jabber:server:dialback'>`)
    await stream.header()
    stream.send(`<db:result from='c.example' to='${domain}'>key</db:result>`)
    const answer = await stream.element((e) => e.name === 'result' || e.name === 'error')
    assert.ok(answer.toString().includes('policy-violation'), 'also one that says its name only in dialback')
    assert.equal(dialback.connections, 0, 'no key is verified for it')
    await dialback[Symbol.asyncDispose]()
  })

  test('a list of friends: a rule of the host goes before the global one, and only there', async () => {
    const { server } = await start({
      global: rules('remote = "*", action = "block"'),
      host: rules('remote = "b.example", action = "allow"'),
      more: 'VirtualHost "closed.example"',
    })
    const host = server.config.hosts[0]!.domain
    const action = (local: string, remote: string) => server.explain(local, remote).demands[0]?.value
    assert.deepEqual(
      [action(host, 'b.example'), action(host, 'c.example'), action('closed.example', 'b.example')],
      ['allow', 'blocked', 'blocked'],
    )
  })

  test("Prosody's options count in a host's section", async () => {
    const { domain, romeo } = await start({ host: 's2s_secure_domains = { "weak.example" }' })
    await network.server('weak.example', { certificate: 'self-signed', users: ['paris'] })
    romeo.send(message('paris@weak.example'))
    assert.match(bounceOf(await romeo.message()), /Remote server's certificate is self-signed/)
    const paris = await network.client('paris@weak.example')
    paris.send(message(`romeo@${domain}`))
    assert.match(bounceOf(await paris.message()), /Your server's certificate is self-signed/)
  })

  test('pins: a key or a certificate that is pinned is as good as an authority, and no other passes', async () => {
    await network.server('pinned.example', { certificate: 'self-signed', users: ['nurse'] })
    const nurse = await network.client('nurse@pinned.example')
    for (const pin of [keyPin('pinned.example'), certificatePin('pinned.example')]) {
      const { domain, server, romeo } = await start({
        global: `s2s_secure_auth = true\n${rules(`remote = "pinned.example", pins = { "${pin}" }`)}`,
      })
      romeo.send(message('nurse@pinned.example'))
      await nurse.message()
      nurse.send(message(`romeo@${domain}`))
      await romeo.message()
      const { evidence } = server.explain(undefined, 'pinned.example')
      for (const direction of ['in', 'out'] as const) {
        assert.equal(evidence?.handshakes[direction]?.proof, 'pin')
        assert.equal(evidence?.outcomes[direction]?.via, 'external')
      }
      assert.equal(evidence?.handshakes.out?.chain[0]?.keyFingerprint, keyPin('pinned.example'))
    }
    const { domain, server, romeo } = await start({
      global: rules(`remote = "b.example", pins = { "${keyPin('pinned.example')}" }`),
    })
    romeo.send(message('juliet@b.example'))
    assert.match(bounceOf(await romeo.message()), /Remote server's certificate does not hold the key that is pinned/)
    juliet.send(message(`romeo@${domain}`))
    assert.match(bounceOf(await juliet.message()), /Your server's certificate does not hold the key that is pinned/)
    const refused = server.explain(undefined, 'b.example').verdicts.find((v) => v.facts.startsWith('as last seen'))
    assert.equal(refused?.because, 'certificate-pin-mismatch')
    assert.match(refused?.rule ?? '', /^s2s_rules \(.*entente\.cfg\.lua:\d+:\d+\)$/)
  })

  test('quarantine: only contacts pass; our users may make contacts, theirs may not', async () => {
    const { domain, romeo } = await start({ global: rules('remote = "b.example", action = "quarantine"') })
    const denied = 'cancel/not-allowed: Between these domains only contacts may exchange messages'
    romeo.send(message('juliet@b.example'))
    assert.equal(bounceOf(await romeo.message()), denied)
    juliet.send(message(`romeo@${domain}`))
    assert.equal(bounceOf(await juliet.message()), denied)
    juliet.send(`<presence to='romeo@${domain}' type='subscribe'/>`)
    juliet.send(`<iq to='${romeo.jid}' type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>`)
    assert.equal(bounceOf(await juliet.element((e) => e.attr('id') === 'p1')), denied)
    await romeo.ping()
    assert.deepEqual(stanzas(romeo.take(), 'presence'), [], 'no request of a stranger arrives')
    juliet.send(`<presence to='romeo@${domain}' type='unsubscribe'/>`)

    await romeo.request('get', romeo.jid.split('/')[0]!, "<query xmlns='jabber:iq:roster'/>")
    romeo.send("<presence to='juliet@b.example' type='subscribe'/>")
    await juliet.presence((e) => e.attr('type') === 'subscribe')
    juliet.send(`<presence to='romeo@${domain}' type='subscribed'/>`)
    await romeo.presence((e) => e.attr('type') === 'subscribed')
    romeo.send(message('juliet@b.example', 'm2'))
    assert.equal((await juliet.message()).attr('id'), 'm2')
    juliet.send(message(`romeo@${domain}`, 'm3'))
    assert.equal((await romeo.message()).attr('id'), 'm3')
  })

  for (const policy of ['warn', 'refuse'] as const) {
    test(`a domain that proves itself worse than before, under ${policy}`, async () => {
      const remote = `fallen-${policy}.example`
      const weak = { certificate: 'self-signed', users: ['tybalt'] } as const
      await network.server(remote, { users: ['tybalt'] })
      const { domain, server, romeo } = await start({ global: `s2s_downgrade_policy = "${policy}"` })
      romeo.send(message(`tybalt@${remote}`))
      await (await network.client(`tybalt@${remote}`)).message()
      assert.equal(server.explain(undefined, remote).shown?.best, 'certificate')

      network.writeCertificate(remote, weak.certificate)
      await network.restart(remote)
      await network.restart(domain)
      const again = network.servers.get(domain)!
      assert.equal(again.explain(undefined, remote).shown?.best, 'certificate', 'it survives a restart')
      const [romeo2, tybalt] = [await network.client(`romeo@${domain}`), await network.client(`tybalt@${remote}`)]
      romeo2.send(message(`tybalt@${remote}`, 'm2'))
      const counted = () => [...again.metrics()].filter(([name]) => name.startsWith('entente_s2s_downgrades_total'))
      if (policy === 'warn') {
        assert.equal((await tybalt.message((m) => m.attr('id') === 'm2')).attr('id'), 'm2')
        assert.deepEqual(counted(), [['entente_s2s_downgrades_total{direction="out",from="certificate",to="encrypted"}', 1]])
        return
      }
      assert.match(bounceOf(await romeo2.message()), /has proven its domain better before than it does now/)
      tybalt.send(message(`romeo@${domain}`, 'm3'))
      assert.match(bounceOf(await tybalt.message()), /Your server has proven your domain better before/)
      const lines = again.explain(undefined, remote).verdicts.filter((v) => v.because === 'downgrade')
      assert.ok(lines.length > 0 && lines.every((v) => v.here?.includes('forget')))
      assert.ok(again.forget(remote))
      romeo2.send(message(`tybalt@${remote}`, 'm4'))
      await tybalt.message((m) => m.attr('id') === 'm4')
    })
  }
})
