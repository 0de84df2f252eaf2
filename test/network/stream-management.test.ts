import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { Network } from '../helpers/network.ts'
import { Relay } from '../helpers/relay.ts'
import { DIALBACK, type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, type TestClient } from '../helpers/test-client.ts'

/** XEP-0198 between servers, on the wire. Numbers are those of the checklist, 135 to 143. */
const MODULES = ['tls', 'saslauth', 'dialback', 'roster', 'disco', 'ping', 'version', 'smacks']
const SM = `<sm xmlns='${NS.sm}'/>`
const UNCONFIRMED =
  'wait/remote-server-timeout: Server-to-server connection failed: the connection was lost before the remote server confirmed this stanza, which may have arrived'

const say = (client: TestClient, id: string): void =>
  client.send(`<message to='juliet@away.example' type='chat' id='${id}'><body>${id}</body></message>`)

async function world(global = '') {
  const network = await Network.create()
  const server = await network.server('home.example', { users: ['romeo'], modules: MODULES, global })
  const peer = await ScriptedPeer.listen(network, 'away.example')
  return {
    network,
    server,
    peer,
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]().then(() => network[Symbol.asyncDispose]()),
  }
}

/** The remote's part of a stream of ours until it is authenticated by dialback; `sm` is offered. */
async function greeted(peer: ScriptedPeer): Promise<PeerStream> {
  const stream = await peer.accepted()
  await stream.greet(`${DIALBACK}${SM}`, peer.identity)
  const key = await stream.element((e) => e.is('result', NS.dialback))
  stream.send(`<db:result from='${key.attr('to')}' to='${key.attr('from')}' type='valid'/>`)
  return stream
}

async function enabled(peer: ScriptedPeer, id = 'their-secret'): Promise<PeerStream> {
  const stream = await greeted(peer)
  const wish = await stream.element()
  assert.ok(wish.is('enable', NS.sm))
  assert.equal(wish.attr('resume'), 'true')
  stream.send(`<enabled xmlns='${NS.sm}' id='${id}' resume='true' max='300'/>`)
  return stream
}

const message = async (stream: PeerStream): Promise<string | undefined> =>
  (await stream.element((e) => e.name === 'message')).attr('id')
const asked = (stream: PeerStream) => stream.element((e) => e.is('r', NS.sm))

describe('streams that we open', () => {
  test('an acknowledgement is asked for; what it covers is settled, what it does not goes over the resumed stream (140, 141)', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const first = await enabled(w.peer)
    assert.equal(await message(first), 'one')
    await asked(first)
    first.send(`<a xmlns='${NS.sm}' h='1'/>`)
    for (const id of ['two', 'three']) say(romeo, id)
    assert.equal(await message(first), 'two')
    assert.equal(await message(first), 'three')
    first.destroy()

    const second = await greeted(w.peer)
    const resume = await second.element()
    assert.ok(resume.is('resume', NS.sm))
    assert.deepEqual([resume.attr('previd'), resume.attr('h')], ['their-secret', '0'])
    say(romeo, 'four')
    await romeo.ping()
    second.send(`<resumed xmlns='${NS.sm}' previd='their-secret' h='2'/>`)
    assert.equal(await message(second), 'three')
    assert.equal(await message(second), 'four')
    await asked(second)
    second.send(`<a xmlns='${NS.sm}' h='4'/>`)
    say(romeo, 'five')
    assert.equal(await message(second), 'five')
  })

  test('a stream that cannot be resumed: what was not acknowledged goes back, the stream goes on (140, 142)', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    for (const id of ['one', 'two']) say(romeo, id)
    const first = await enabled(w.peer)
    assert.equal(await message(first), 'one')
    assert.equal(await message(first), 'two')
    first.destroy()
    const second = await greeted(w.peer)
    await second.element((e) => e.is('resume', NS.sm))
    // it remembers the count, though not the stream
    second.send(`<failed xmlns='${NS.sm}' h='1'><item-not-found xmlns='${NS.stanzaErrors}'/></failed>`)
    const bounce = await romeo.message()
    assert.equal(bounce.attr('id'), 'two')
    assert.equal(bounceOf(bounce), UNCONFIRMED)
    assert.ok((await second.element()).is('enable', NS.sm))
    say(romeo, 'three')
    assert.equal(await message(second), 'three')
  })

  test('smacks_s2s_resend: it is sent again instead, before what is new', async () => {
    await using w = await world('smacks_s2s_resend = true')
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const first = await greeted(w.peer)
    await first.element((e) => e.is('enable', NS.sm))
    first.send(`<enabled xmlns='${NS.sm}'/>`) // as Prosody: no resumption
    assert.equal(await message(first), 'one')
    first.destroy()
    const second = await greeted(w.peer)
    assert.ok((await second.element()).is('enable', NS.sm))
    assert.equal(await message(second), 'one')
  })

  test('without resumption it goes back at once', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const first = await greeted(w.peer)
    await first.element((e) => e.is('enable', NS.sm))
    first.send(`<enabled xmlns='${NS.sm}'/>`)
    assert.equal(await message(first), 'one')
    first.destroy()
    assert.equal(bounceOf(await romeo.message()), UNCONFIRMED)
  })

  test('a remote that refuses is talked to without', async () => {
    await using w = await world('smacks_max_queue_size = 2')
    const romeo = await w.network.client('romeo@home.example')
    for (const id of ['one', 'two', 'three', 'four']) say(romeo, id)
    const stream = await greeted(w.peer)
    await stream.element((e) => e.is('enable', NS.sm))
    stream.send(`<failed xmlns='${NS.sm}'><service-unavailable xmlns='${NS.stanzaErrors}'/></failed>`)
    for (const id of ['one', 'two', 'three', 'four']) assert.equal(await message(stream), id)
  })

  test('more acknowledged than was sent ends the stream (138)', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const stream = await enabled(w.peer)
    assert.equal(await message(stream), 'one')
    stream.send(`<a xmlns='${NS.sm}' h='7'/>`)
    const error = await stream.error()
    assert.equal(error?.condition, 'undefined-condition')
    const count = error.element.child('handled-count-too-high', NS.sm)
    assert.deepEqual([count?.attr('h'), count?.attr('send-count')], ['7', '1'])
    assert.equal(bounceOf(await romeo.message()), UNCONFIRMED)
  })

  test('no acknowledgement in time ends the stream; another is resumed (56, 137)', async () => {
    await using w = await world('smacks_max_ack_delay = 1')
    const romeo = await w.network.client('romeo@home.example')
    say(romeo, 'one')
    const first = await enabled(w.peer)
    assert.equal(await message(first), 'one')
    assert.equal((await first.error())?.condition, 'connection-timeout')
    const second = await greeted(w.peer)
    assert.ok((await second.element()).is('resume', NS.sm))
    second.send(`<resumed xmlns='${NS.sm}' previd='their-secret' h='0'/>`)
    assert.equal(await message(second), 'one')
  })

  test('no more than smacks_max_queue_size are unacknowledged; the next wait', async () => {
    await using w = await world('smacks_max_queue_size = 2')
    const romeo = await w.network.client('romeo@home.example')
    for (const id of ['one', 'two', 'three']) say(romeo, id)
    const stream = await enabled(w.peer)
    assert.equal(await message(stream), 'one')
    assert.equal(await message(stream), 'two')
    await asked(stream)
    await romeo.ping()
    assert.deepEqual(stream.take(), [])
    stream.send(`<a xmlns='${NS.sm}' h='1'/>`)
    assert.equal(await message(stream), 'three')
  })
})

describe('streams that others open', () => {
  async function arrive(w: { server: Parameters<ScriptedPeer['dial']>[0]; peer: ScriptedPeer }) {
    const { stream } = await w.peer.dial(w.server, 'home.example')
    assert.equal(await stream.external('away.example'), 'success')
    const features = await stream.reopen()
    assert.ok(features?.child('sm', NS.sm) !== undefined && features.child('sm', NS.sm2) !== undefined)
    return stream
  }
  const enable = async (stream: PeerStream): Promise<string> => {
    stream.send(`<enable xmlns='${NS.sm}' resume='true'/>`)
    const answer = await stream.element()
    assert.ok(answer.is('enabled', NS.sm))
    return answer.attr('id')!
  }
  const tell = (stream: PeerStream, id: string): void =>
    stream.send(`<message from='juliet@away.example' to='romeo@home.example' id='${id}' type='chat'><body>${id}</body></message>`)
  const count = async (stream: PeerStream): Promise<string | undefined> => {
    stream.send(`<r xmlns='${NS.sm}'/>`)
    return (await stream.element((e) => e.is('a', NS.sm))).attr('h')
  }

  test('stanzas are counted, and nothing else; the last count comes before the end (136, 137, 143)', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    const stream = await arrive(w)
    tell(stream, 'before')
    const id = await enable(stream)
    assert.ok(id.length >= 32, 'the id cannot be guessed')
    assert.equal(await count(stream), '0')
    for (const what of ['one', 'two']) tell(stream, what)
    assert.equal(await count(stream), '2')
    for (const what of ['before', 'one', 'two']) assert.equal((await romeo.message()).attr('id'), what)
    tell(stream, 'three')
    stream.end()
    const [last] = (await stream.untilClosed()).filter((h) => h.kind === 'element')
    assert.equal(last?.kind === 'element' && last.element.is('a', NS.sm) && last.element.attr('h'), '3')
  })

  test('a broken stream is taken up, with its count; one that is still there ends with conflict (141)', async () => {
    await using w = await world()
    const romeo = await w.network.client('romeo@home.example')
    const first = await arrive(w)
    const id = await enable(first)
    tell(first, 'one')
    assert.equal(await count(first), '1')
    first.destroy()
    const second = await arrive(w)
    second.send(`<resume xmlns='${NS.sm}' previd='${id}' h='0'/>`)
    const resumed = await second.element()
    assert.ok(resumed.is('resumed', NS.sm))
    assert.deepEqual([resumed.attr('previd'), resumed.attr('h')], [id, '1'])
    tell(second, 'two')
    assert.equal(await count(second), '2')
    const third = await arrive(w)
    third.send(`<resume xmlns='${NS.sm}' previd='${id}' h='0'/>`)
    assert.equal((await third.element()).attr('h'), '2')
    tell(second, 'too late')
    assert.equal((await second.error())?.condition, 'conflict')
    tell(third, 'three')
    assert.equal(await count(third), '3')
    for (const what of ['one', 'two', 'three']) assert.equal((await romeo.message()).attr('id'), what)
  })

  test('only as the same pair, only what is known, and never what has ended (141, 142)', async () => {
    await using w = await world()
    await using other = await ScriptedPeer.listen(w.network, 'evil.example', { address: '127.2.0.2' })
    const first = await arrive(w)
    const id = await enable(first)
    const { stream: evil } = await other.dial(w.server, 'home.example')
    assert.equal(await evil.external('evil.example'), 'success')
    await evil.reopen()
    const refused = async (stream: PeerStream, previd: string): Promise<void> => {
      stream.send(`<resume xmlns='${NS.sm}' previd='${previd}' h='0'/>`)
      const answer = await stream.element()
      assert.ok(answer.is('failed', NS.sm))
      assert.ok(answer.child('item-not-found', NS.stanzaErrors) !== undefined)
    }
    await refused(evil, id)
    assert.equal(await count(first), '0') // nothing happened to it
    first.end()
    await first.untilClosed()
    const second = await arrive(w)
    await refused(second, id)
    await refused(second, 'no-such-stream')
    await enable(second) // the stream goes on unresumed
    assert.equal(await count(second), '0')
  })

  test('not before authentication, not twice, not where it is off (135)', async () => {
    await using w = await world()
    const { stream: early } = await w.peer.dial(w.server, 'home.example')
    early.send(`<enable xmlns='${NS.sm}'/>`)
    assert.ok((await early.element()).child('unexpected-request', NS.stanzaErrors) !== undefined)
    assert.equal(await early.external('away.example'), 'success') // it may still become something
    const twice = await arrive(w)
    await enable(twice)
    twice.send(`<enable xmlns='${NS.sm}'/>`)
    assert.equal((await twice.error())?.condition, 'policy-violation')
    await using off = await world('smacks_enabled_s2s = false')
    const { stream } = await off.peer.dial(off.server, 'home.example')
    await stream.external('away.example')
    const features = await stream.reopen()
    assert.equal(features?.child('sm', NS.sm), undefined)
    stream.send(`<enable xmlns='${NS.sm}'/>`)
    assert.ok((await stream.element()).child('service-unavailable', NS.stanzaErrors) !== undefined)
  })
})

test('between two of us nothing is lost, doubled or out of order, however often the network breaks', async () => {
  await using network = await Network.create()
  await network.server('home.example', { users: ['romeo'], modules: MODULES })
  const away = await network.server('away.example', { users: ['juliet'], modules: MODULES })
  const [address] = away.config.get(undefined, 'interfaces')
  await using relay = await Relay.open('127.3.0.1', { address: address!, port: away.ports('s2s')[0]! })
  network.dns.set('_xmpp-server._tcp.away.example', { SRV: [{ target: 'relay.example', port: relay.port }] })
  network.dns.set('relay.example', { A: ['127.3.0.1'] })
  const romeo = await network.client('romeo@home.example')
  const juliet = await network.client('juliet@away.example')
  const total = 300
  const got: string[] = []
  for (let i = 0; i < total; i++) {
    say(romeo, `${i}`)
    if (i % 100 !== 99) continue
    while (got.length < i - 20) got.push((await juliet.message()).attr('id')!)
    relay.cut() // with much under way
  }
  while (got.length < total) got.push((await juliet.message()).attr('id')!)
  assert.deepEqual(
    got,
    Array.from({ length: total }, (_, i) => `${i}`),
  )
  assert.deepEqual(await romeo.elements(), [])
  assert.ok(relay.connections >= 3)
})
