import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, EXTERNAL, type PeerStream, ScriptedPeer, STARTTLS } from '../helpers/scripted-peer.ts'
import { bounceOf, type TestClient } from '../helpers/test-client.ts'

const HEADER = `<stream:stream xmlns='jabber:server' xmlns:stream='${NS.streams}' xmlns:db='${NS.dialback}' id='i' version='1.0'>`
const TIMEOUT = 'wait/remote-server-timeout: Server-to-server connection failed: '

describe('a remote that misbehaves when we dial it', () => {
  let network: Network
  let a: Server
  let romeo: TestClient
  let b: ScriptedPeer
  let count = 0
  before(async () => {
    network = await Network.create()
    a = await network.server('a.example', { users: ['romeo', 'benvolio'] })
    romeo = await network.client('romeo@a.example')
  })
  after(() => network[Symbol.asyncDispose]())
  beforeEach(async () => {
    b = await ScriptedPeer.listen(network, `b${++count}.example`)
  })
  afterEach(() => b[Symbol.asyncDispose]())

  const send = (body: string): void => romeo.send(`<message to='x@${b.domain}' id='${body}'><body>${body}</body></message>`)
  const dialled = async (): Promise<PeerStream> => {
    send('m1')
    const stream = await b.accepted()
    await stream.header()
    return stream
  }
  const freed = (): Promise<void> =>
    eventually('all is freed', () => a.status().queues.length === 0 && a.status().serverStreams.length === 0)

  const bad: readonly (readonly [string, string | Buffer, RegExp])[] = [
    ['item 31: a header without id', HEADER.replace("id='i'", ''), /no id/],
    ['item 43: a header of another namespace', HEADER.replace(NS.streams, 'urn:x'), /header is not right/],
    ['item 44: the header of a client stream', HEADER.replace('jabber:server', 'jabber:client'), /header is not right/],
    ['item 36: a version that is none', HEADER.replace('1.0', 'x'), /header is not right/],
    ['no XML', 'SSH-2.0-OpenSSH_9.7\r\n', /bad XML/],
    ['UTF-16', Buffer.from(`\ufeff${HEADER}`, 'utf16le'), /bad XML/],
    ['a DTD', `<!DOCTYPE x>${HEADER}`, /bad XML/],
    ['a flood before the header', ' '.repeat(1_000_000), /bad XML/],
    ['features that never end', `${HEADER}<stream:features>${'<x/>'.repeat(100_000)}`, /bad XML/],
    ['a flood of white space', `${HEADER}${' '.repeat(1_000_000)}`, /bad XML/],
    [
      'item 53: a stanza',
      `${HEADER}<message from='x@b.example' to='romeo@a.example'><body>forged</body></message>`,
      /broke the protocol/,
    ],
    ['<proceed/> unasked', `${HEADER}<proceed xmlns='${NS.tls}'/>`, /broke the protocol/],
    [
      'success unasked',
      `${HEADER}<stream:features>${DIALBACK}</stream:features><success xmlns='${NS.sasl}'/>`,
      /broke the protocol/,
    ],
    [
      'item 38: no method that we know',
      `${HEADER}<stream:features><mechanisms xmlns='${NS.sasl}'><mechanism>X</mechanism></mechanisms></stream:features>`,
      /no way to authenticate/,
    ],
    [
      'row 24: text after <proceed/>',
      `${HEADER}<stream:features>${STARTTLS}</stream:features><proceed xmlns='${NS.tls}'/><stream:features/>`,
      /TLS|broke the protocol/,
    ],
    ['an end', `${HEADER}</stream:stream>`, /The remote server closed the stream$/],
    [
      'item 59: an unknown condition',
      `${HEADER}<stream:error><gone-fishing xmlns='${NS.streamErrors}'/></stream:error>`,
      /undefined-condition/,
    ],
    [
      'item 62: see-other-host',
      `${HEADER}<stream:error><see-other-host xmlns='${NS.streamErrors}'>127.0.0.1:22</see-other-host></stream:error>`,
      /see-other-host/,
    ],
  ]
  for (const [name, bytes, text] of bad) {
    test(`${name}: the message comes back, nothing is left`, async () => {
      const stream = await dialled()
      stream.send(bytes)
      const bounce = bounceOf(await romeo.message())
      assert.ok(bounce.startsWith(TIMEOUT), bounce)
      assert.match(bounce, text)
      await stream.untilClosed()
      await freed()
    })
  }

  test('host-unknown: remote-server-not-found, and its words without its name', async () => {
    const stream = await dialled()
    stream.answer()
    stream.send(
      `<stream:error><host-unknown xmlns='${NS.streamErrors}'/><text xmlns='${NS.streamErrors}'>no ${b.domain.toUpperCase()} here</text></stream:error></stream:stream>`,
    )
    assert.equal(
      bounceOf(await romeo.message()),
      'cancel/remote-server-not-found: Server-to-server connection failed: The remote server closed the stream: host-unknown (no (domain) here)',
    )
  })

  for (const [type, bounce] of [
    [
      "type='invalid'/>",
      'cancel/internal-server-error: Server-to-server connection failed: The remote server found our dialback key invalid',
    ],
    [
      `type='error'><error type='cancel'><item-not-found xmlns='${NS.stanzaErrors}'/></error></db:result>`,
      `${TIMEOUT}The remote server could not verify our domain by dialback: item-not-found`,
    ],
  ] as const) {
    test(`items 113, 114: the answer to our key is ${type.slice(0, 14)}`, async () => {
      const stream = await dialled()
      stream.answer(DIALBACK)
      await stream.element((e) => e.is('result', NS.dialback))
      stream.send(`<db:result xmlns='jabber:server' from='${b.domain}' to='a.example' ${type}`)
      assert.equal(bounceOf(await romeo.message()), bounce)
    })
  }

  test('EXTERNAL offered and refused: dialback follows', async () => {
    send('m1')
    const stream = await b.accepted()
    await stream.greet(EXTERNAL + DIALBACK, b.identity)
    const auth = await stream.element((e) => e.is('auth', NS.sasl))
    assert.equal(atob(auth.text), 'a.example', 'item 99: for old servers the domain is said')
    stream.send(`<failure xmlns='${NS.sasl}'><not-authorized/></failure>`)
    await stream.element((e) => e.is('result', NS.dialback))
    stream.send(`<db:result from='${b.domain}' to='a.example' type='valid'/>`)
    assert.equal((await stream.element((e) => e.name === 'message')).attr('id'), 'm1')
  })

  test('EXTERNAL refused and nothing else offered: the bounce says both', async () => {
    send('m1')
    const stream = await b.accepted()
    await stream.greet(EXTERNAL, b.identity)
    await stream.element((e) => e.is('auth', NS.sasl))
    stream.send(`<failure xmlns='${NS.sasl}'><not-authorized/><text>who is ${b.domain}?</text></failure>`)
    assert.equal(
      bounceOf(await romeo.message()),
      `${TIMEOUT}The remote server refused our certificate: not-authorized (who is (domain)?); then: The remote server offered no way to authenticate that we can use`,
    )
  })

  /** A stream that carries; it has delivered m1. */
  const ready = async (): Promise<PeerStream> => {
    send('m1')
    const stream = await b.accepted()
    await stream.greet(DIALBACK, b.identity)
    await stream.element((e) => e.is('result', NS.dialback))
    stream.send(`<db:result from='${b.domain}' to='a.example' type='valid'/>`)
    await stream.element((e) => e.name === 'message')
    return stream
  }
  const endings: readonly (readonly [string, (stream: PeerStream) => void])[] = [
    ['its end of stream', (stream) => stream.end()],
    ['a stream error', (stream) => stream.send(`<stream:error><reset xmlns='${NS.streamErrors}'/></stream:error>`)],
    ['FIN', (stream) => stream.socket.end()],
    ['a cut connection', (stream) => stream.destroy()],
    ['no XML', (stream) => stream.send('<<<')],
    [
      'item 53: a stanza',
      (stream) => stream.send(`<message from='x@${b.domain}' to='romeo@a.example'><body>forged</body></message>`),
    ],
  ]
  for (const [name, end] of endings) {
    test(`after ${name} on a stream that is ready the next message makes a new one`, async () => {
      const stream = await ready()
      end(stream)
      await eventually('the link knows', () => a.status().queues.length === 0)
      send('m2')
      const again = await b.accepted()
      await again.greet(DIALBACK, b.identity)
      await again.element((e) => e.is('result', NS.dialback))
      again.send(`<db:result from='${b.domain}' to='a.example' type='valid'/>`)
      assert.equal((await again.element((e) => e.name === 'message')).attr('id'), 'm2')
      await romeo.ping()
      const forged = romeo.take().filter((h) => h.kind === 'element' && h.element.name === 'message')
      assert.deepEqual(forged, [], 'nothing came by that way')
      stream.destroy()
      again.destroy()
      await freed()
    })
  }

  test('what is no stanza does not count on a stream that is ready', async () => {
    const stream = await ready()
    stream.send(
      `<db:result from='victim.example' to='a.example' type='valid'/><x xmlns='urn:x'/> <db:verify from='v' to='a.example' id='1' type='valid'/>`,
    )
    send('m2')
    assert.equal((await stream.element((e) => e.name === 'message')).attr('id'), 'm2')
    stream.destroy()
    await freed()
  })

  test('row 66: a remote that stops reading slows its sender, nobody else; all arrives in order', async () => {
    await network.server('good.example', { users: ['juliet'] })
    const juliet = await network.client('juliet@good.example')
    const benvolio = await network.client('benvolio@a.example')
    const stream = await ready()
    stream.socket.pause()
    const body = 'x'.repeat(100_000)
    for (let i = 0; i < 200; i++) romeo.send(`<message to='x@${b.domain}' id='s${i}'><body>${body}</body></message>`)
    await eventually('the queue holds', () => a.status().queues.some((q) => q.queued > 0))
    benvolio.send("<message to='juliet@good.example'><body>hello</body></message>")
    await juliet.message()
    stream.socket.resume()
    for (let i = 0; i < 200; i++) assert.equal((await stream.element((e) => e.name === 'message')).attr('id'), `s${i}`)
    stream.destroy()
  })
})

describe('where a certificate is demanded', () => {
  const start = async (network: Network) => {
    await network.server('a.example', { global: 's2s_secure_auth = true', users: ['romeo'] })
    return network.client('romeo@a.example')
  }

  test('neither key nor stanza is sent to a remote whose certificate is not good, whatever it offers', async () => {
    await using network = await Network.create()
    const romeo = await start(network)
    await using b = await ScriptedPeer.listen(network, 'b.example', { certificate: 'self-signed' })
    romeo.send("<message to='x@b.example'><body>m1</body></message>")
    const stream = await b.accepted()
    await stream.header()
    stream.answer(STARTTLS)
    await stream.element((e) => e.is('starttls', NS.tls))
    stream.send(`<proceed xmlns='${NS.tls}'/>`)
    await stream.secureAsServer(b.identity!)
    const error = await stream.error()
    assert.deepEqual([error?.condition, error?.text], ['not-authorized', "Your server's certificate is self-signed"])
    assert.equal(bounceOf(await romeo.message()), `${TIMEOUT}Remote server's certificate is self-signed`)
  })

  test('row 23, item 74: STARTTLS stripped: it is asked for all the same, and nothing else is said', async () => {
    await using network = await Network.create()
    const romeo = await start(network)
    await using b = await ScriptedPeer.listen(network, 'b.example')
    romeo.send("<message to='x@b.example'><body>m1</body></message>")
    const stream = await b.accepted()
    await stream.header()
    stream.answer(EXTERNAL + DIALBACK)
    await stream.element((e) => e.is('starttls', NS.tls))
    stream.send(`<db:result from='b.example' to='a.example' type='valid'/>`)
    stream.send(`<failure xmlns='${NS.tls}'/></stream:stream>`)
    const rest = await stream.untilClosed()
    assert.ok(!rest.some((h) => h.kind === 'element' && h.element.ns !== NS.streams))
    assert.equal(bounceOf(await romeo.message()), `${TIMEOUT}The remote server refused to start TLS`)
  })

  test('after a certificate that is refused the next endpoint is tried', async () => {
    await using network = await Network.create()
    const romeo = await start(network)
    await using bad = await ScriptedPeer.listen(network, 'b.example', { certificate: 'self-signed', publish: false })
    await using good = await ScriptedPeer.listen(network, 'b.example')
    network.dns.set('_xmpp-server._tcp.b.example', {
      SRV: [bad, good].map(({ port }, priority) => ({ target: 'xmpp.b.example', port, priority })),
    })
    bad.serve()
    const kept = good.serve()
    romeo.send("<message to='x@b.example'><body>m1</body></message>")
    await eventually('it arrives', () => kept.length === 1)
    assert.equal(bad.connections, 1)
  })
})
