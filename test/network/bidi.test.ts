import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { Relay } from '../helpers/relay.ts'
import { DIALBACK, type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'
import type { TestClient } from '../helpers/test-client.ts'

/** XEP-0288 on the wire. Numbers are those of the checklist, 129 to 134. */
const MODULES = ['tls', 'saslauth', 'dialback', 'roster', 'disco', 'ping', 'version', 's2s_bidi']
const OFFER = `<bidi xmlns='${NS.bidiFeature}'/>`

const say = (client: TestClient, to: string, id: string): void =>
  client.send(`<message to='${to}' type='chat' id='${id}'><body>${id}</body></message>`)
const tell = (stream: PeerStream, from: string, to: string, id: string): void =>
  stream.send(`<message from='${from}' to='${to}' type='chat' id='${id}'><body>${id}</body></message>`)
const message = async (stream: PeerStream | TestClient): Promise<string | undefined> =>
  (await stream.element((e) => e.name === 'message')).attr('id')

async function world(modules = MODULES) {
  const network = await Network.create()
  const server = await network.server('home.example', { users: ['romeo'], modules })
  const peer = await ScriptedPeer.listen(network, 'away.example')
  return {
    network,
    server,
    peer,
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]().then(() => network[Symbol.asyncDispose]()),
  }
}

describe('streams that we open', () => {
  async function opened(w: { network: Network; peer: ScriptedPeer }) {
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'juliet@away.example', 'one')
    const stream = await w.peer.accepted()
    await stream.greet(`${OFFER}${DIALBACK}`, w.peer.identity)
    const wish = await stream.element()
    assert.ok(wish.is('bidi', NS.bidi), 'asked for before dialback (130)')
    assert.equal(wish.child('limits', NS.streamLimits)?.child('max-bytes')?.text, '524288') // 144
    await stream.element((e) => e.is('result', NS.dialback))
    stream.send(`<db:result from='away.example' to='home.example' type='valid'/>`)
    assert.equal(await message(stream), 'one')
    return { romeo, stream }
  }

  test('the remote sends over the same stream', async () => {
    await using w = await world()
    const { romeo, stream } = await opened(w)
    tell(stream, 'juliet@away.example', 'romeo@home.example', 'two')
    assert.equal(await message(romeo), 'two')
    say(romeo, 'juliet@away.example', 'three')
    assert.equal(await message(stream), 'three')
    assert.equal(w.peer.connections, 1)
  })

  test('and nobody but the remote', async () => {
    await using w = await world()
    const { romeo, stream } = await opened(w)
    tell(stream, 'juliet@other.example', 'romeo@home.example', 'two')
    assert.equal((await stream.error())?.condition, 'invalid-from')
    assert.deepEqual(await romeo.elements(), [])
  })

  test('a key that comes this way is refused, an answer that nobody asked for changes nothing (132)', async () => {
    await using w = await world()
    const { romeo, stream } = await opened(w)
    stream.send(`<db:result from='victim.example' to='home.example' type='valid'/>`)
    stream.send(`<db:result from='victim.example' to='home.example'>key</db:result>`)
    const answer = await stream.element((e) => e.is('result', NS.dialback))
    assert.equal(answer.attr('type'), 'error')
    tell(stream, 'juliet@victim.example', 'romeo@home.example', 'two')
    assert.equal((await stream.error())?.condition, 'invalid-from')
    assert.deepEqual(await romeo.elements(), [])
  })

  test('not asked for before TLS, and not where the module is missing (129)', async () => {
    await using w = await world(MODULES.filter((m) => m !== 's2s_bidi'))
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'juliet@away.example', 'one')
    const stream = await w.peer.accepted()
    await stream.header()
    stream.answer(`<starttls xmlns='${NS.tls}'/>${OFFER}`)
    assert.ok((await stream.element()).is('starttls', NS.tls))
    stream.send(`<proceed xmlns='${NS.tls}'/>`)
    await stream.secureAsServer(w.peer.identity!)
    await stream.header()
    stream.answer(`${OFFER}${DIALBACK}`)
    assert.ok((await stream.element()).is('result', NS.dialback))
  })
})

describe('streams that others open', () => {
  const ask = (stream: PeerStream, maxBytes = ''): void => stream.send(`<bidi xmlns='${NS.bidi}'>${maxBytes}</bidi>`)

  test('after EXTERNAL our stanzas leave on the stream, and none before (131, 133)', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    const { stream, features } = await w.peer.dial(w.server, 'home.example')
    assert.ok(features?.child('bidi', NS.bidiFeature) !== undefined)
    ask(stream, `<limits xmlns='${NS.streamLimits}'><max-bytes>10000</max-bytes></limits>`)
    assert.equal(await stream.external('away.example'), 'success')
    const last = await stream.reopen()
    assert.equal(last?.child('bidi', NS.bidiFeature), undefined)
    tell(stream, 'juliet@away.example', 'romeo@home.example', 'one')
    assert.equal(await message(romeo), 'one')
    say(romeo, 'juliet@away.example', 'two')
    assert.equal(await message(stream), 'two')
    say(romeo, 'juliet@away.example', 'x'.repeat(10_001))
    assert.equal((await romeo.message()).child('error')?.children[0]?.name, 'policy-violation')
    assert.equal(w.peer.connections, 0)
  })

  test('what waits for a stream leaves on theirs, though our own attempt hangs', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'juliet@away.example', 'one')
    await w.peer.accepted() // and never a word
    const { stream } = await w.peer.dial(w.server, 'home.example')
    ask(stream)
    await stream.external('away.example')
    await stream.reopen()
    assert.equal(await message(stream), 'one')
  })

  test('after dialback only for the pair that is proven; other pairs go another way (133)', async () => {
    await using w = await world()
    await using other = await ScriptedPeer.listen(w.network, 'other.example', { address: '127.2.0.2' })
    const kept = other.serve()
    const romeo = await w.network.client('romeo@home.example')
    w.peer.serve()
    const { stream } = await w.peer.dial(w.server, 'home.example')
    ask(stream)
    assert.equal(await stream.dialback('away.example', 'home.example'), 'valid')
    assert.equal(w.peer.connections, 1, 'the key was verified over another connection (132)')
    tell(stream, 'juliet@away.example', 'romeo@home.example', 'one')
    assert.equal(await message(romeo), 'one')
    say(romeo, 'juliet@away.example', 'two')
    assert.equal(await message(stream), 'two')
    say(romeo, 'juliet@other.example', 'three')
    await eventually('it went to its own server', () => kept.some((e) => e.attr('id') === 'three'))
  })

  test('a stream that did not ask gets nothing; when one that did is lost, another way is taken', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    const kept = w.peer.serve()
    const { stream } = await w.peer.dial(w.server, 'home.example')
    await stream.external('away.example')
    await stream.reopen()
    say(romeo, 'juliet@away.example', 'one')
    await eventually('one came over our own stream', () => kept.length === 1)
    await using second = await world()
    const romeo2 = await second.network.client('romeo@home.example')
    const kept2 = second.peer.serve()
    const both = (await second.peer.dial(second.server, 'home.example')).stream
    ask(both)
    await both.external('away.example')
    await both.reopen()
    tell(both, 'juliet@away.example', 'romeo@home.example', 'hello')
    await message(romeo2)
    both.end()
    await both.untilClosed()
    say(romeo2, 'juliet@away.example', 'two')
    await eventually('two came over our own stream', () => kept2.length === 1)
  })
})

describe('between two of us', () => {
  async function pair(modules: readonly string[]) {
    const network = await Network.create()
    const relays: Relay[] = []
    for (const [domain, user, at] of [
      ['home.example', 'romeo', '127.3.0.1'],
      ['away.example', 'juliet', '127.3.0.2'],
    ] as const) {
      const server = await network.server(domain, { users: [user], modules })
      const [address] = server.config.get(undefined, 'interfaces')
      const relay = await Relay.open(at, { address: address!, port: server.ports('s2s')[0]! })
      network.dns.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: `relay.${domain}`, port: relay.port }] })
      network.dns.set(`relay.${domain}`, { A: [at] })
      relays.push(relay)
    }
    const romeo = await network.client('romeo@home.example')
    const juliet = await network.client('juliet@away.example')
    const dispose = async () => {
      for (const relay of relays) await relay[Symbol.asyncDispose]()
      await network[Symbol.asyncDispose]()
    }
    return { network, relays, romeo, juliet, [Symbol.asyncDispose]: dispose }
  }

  test('one connection serves both directions', async () => {
    await using w = await pair(MODULES)
    say(w.romeo, 'juliet@away.example', 'one')
    assert.equal(await message(w.juliet), 'one')
    say(w.juliet, 'romeo@home.example', 'two')
    assert.equal(await message(w.romeo), 'two')
    assert.deepEqual(
      w.relays.map((r) => r.connections),
      [0, 1],
    )
  })

  test('both dial at once: nothing is lost', async () => {
    await using w = await pair([...MODULES, 'smacks'])
    for (let i = 0; i < 20; i++) {
      say(w.romeo, 'juliet@away.example', `${i}`)
      say(w.juliet, 'romeo@home.example', `${i}`)
    }
    for (const client of [w.romeo, w.juliet]) for (let i = 0; i < 20; i++) assert.equal(await message(client), `${i}`)
  })

  test('a broken stream is taken up both ways: nothing is lost, doubled or out of order', async () => {
    await using w = await pair([...MODULES, 'smacks'])
    say(w.romeo, 'juliet@away.example', 'first')
    assert.equal(await message(w.juliet), 'first')
    const total = 200
    const got: [string[], string[]] = [[], []]
    for (let i = 0; i < total; i++) {
      say(w.romeo, 'juliet@away.example', `${i}`)
      say(w.juliet, 'romeo@home.example', `${i}`)
      if (i % 100 !== 99) continue
      while (got[0].length < i - 20) got[0].push((await message(w.juliet))!)
      while (got[1].length < i - 20) got[1].push((await message(w.romeo))!)
      for (const relay of w.relays) relay.cut()
    }
    while (got[0].length < total) got[0].push((await message(w.juliet))!)
    while (got[1].length < total) got[1].push((await message(w.romeo))!)
    const all = Array.from({ length: total }, (_, i) => `${i}`)
    assert.deepEqual(got, [all, all])
    assert.deepEqual([...(await w.romeo.elements()), ...(await w.juliet.elements())], [])
  })
})
