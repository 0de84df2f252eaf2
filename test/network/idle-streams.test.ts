import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network, type ServerSetup } from '../helpers/network.ts'
import { DIALBACK, type PeerSetup, type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'
import type { TestClient } from '../helpers/test-client.ts'

const MODULES = ['tls', 'saslauth', 'dialback', 'roster', 'disco', 'ping', 'version']
const say = (client: TestClient, id: string): void =>
  client.send(`<message to='juliet@away.example' type='chat' id='${id}'><body>${id}</body></message>`)

async function world(setup: ServerSetup, peerSetup: PeerSetup = {}) {
  const network = await Network.create()
  const server = await network.server('home.example', { users: ['romeo'], ...setup })
  const peer = await ScriptedPeer.listen(network, 'away.example', peerSetup)
  const dispose = () => peer[Symbol.asyncDispose]().then(() => network[Symbol.asyncDispose]())
  return { network, server, peer, [Symbol.asyncDispose]: dispose }
}

async function accepted(peer: ScriptedPeer, features = DIALBACK): Promise<PeerStream> {
  const stream = await peer.accepted()
  await stream.greet(features, peer.identity)
  await stream.element((e) => e.is('result', NS.dialback))
  stream.send(`<db:result from='away.example' to='home.example' type='valid'/>`)
  return stream
}

async function arrived(w: { server: Parameters<ScriptedPeer['dial']>[0]; peer: ScriptedPeer }): Promise<PeerStream> {
  const { stream } = await w.peer.dial(w.server, 'home.example')
  assert.equal(await stream.external('away.example'), 'success')
  await stream.reopen()
  return stream
}

const endsOf = async (stream: PeerStream): Promise<readonly string[]> =>
  (await stream.untilClosed()).map((h) => (h.kind === 'element' ? h.element.name : h.kind))

describe('streams that carry nothing', () => {
  test('are ended without an error, both ways, and made again when they are needed', async () => {
    await using w = await world({ global: 's2s_idle_timeout = 1' })
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const out = await accepted(w.peer)
    await out.element((e) => e.name === 'message')
    const incoming = await arrived(w)
    assert.deepEqual(await endsOf(out), ['end', 'closed'])
    assert.deepEqual(await endsOf(incoming), ['end', 'closed'])
    await eventually('nothing is left of them', () => w.server.status().serverStreams.length === 0)
    say(romeo, 'two')
    const again = await accepted(w.peer)
    assert.equal((await again.element((e) => e.name === 'message')).attr('id'), 'two')
  })

  test('are told how long they may (144)', async () => {
    await using w = await world({ global: 's2s_idle_timeout = 90' })
    const { features } = await w.peer.dial(w.server, 'home.example')
    assert.equal(features?.child('limits', NS.streamLimits)?.child('idle-seconds')?.text, '90')
  })
})

describe('streams on which nothing is heard', () => {
  test('get white space', async () => {
    await using w = await world({ global: 'network_settings = { read_timeout = 1 }' })
    const [first] = await once((await arrived(w)).socket, 'data')
    assert.equal(`${first}`, ' ')
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const out = await accepted(w.peer)
    await out.element((e) => e.name === 'message')
    const [bytes] = await once(out.socket, 'data')
    assert.equal(`${bytes}`, ' ')
  })

  test('and a question where they are managed: a peer that is gone is found out (56, 57)', async () => {
    const global = 'network_settings = { read_timeout = 1 }\nsmacks_max_ack_delay = 1'
    await using w = await world({ global, modules: [...MODULES, 'smacks'] })
    const stream = await arrived(w)
    stream.send(`<enable xmlns='${NS.sm}'/>`)
    await stream.element((e) => e.is('r', NS.sm))
    stream.send(`<a xmlns='${NS.sm}' h='0'/>`) // still there
    await stream.element((e) => e.is('r', NS.sm))
    assert.equal((await stream.error())?.condition, 'connection-timeout')
  })
})

describe('a certificate that ends while a stream rests on it', () => {
  const short = () => ({ dns: ['away.example'], notAfter: Date.now() + 3000 })

  test('is judged again: the stream ends where it is required', async () => {
    await using w = await world({ global: 's2s_secure_auth = true' }, { certificate: short() })
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const out = await accepted(w.peer)
    const incoming = await arrived(w)
    for (const stream of [out, incoming]) {
      const error = await stream.error()
      assert.deepEqual([error?.condition, error?.text], ['reset', "Your server's certificate has expired"])
    }
  })

  test('and goes on where dialback has proven the domain and nothing more is required', async () => {
    await using w = await world({}, { certificate: short() })
    const romeo = await w.network.client('romeo@home.example')
    const kept = w.peer.serve()
    say(romeo, 'one')
    const incoming = await arrived(w)
    assert.equal((await incoming.error())?.condition, 'reset') // EXTERNAL rests on the certificate
    say(romeo, 'two')
    await eventually('it came over the same stream', () => kept.some((e) => e.attr('id') === 'two'))
    assert.equal(w.peer.connections, 1)
  })
})
