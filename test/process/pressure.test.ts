import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { Network, PASSWORD } from '../helpers/network.ts'
import { entente, IS_LINUX, ServerProcess } from '../helpers/server-process.ts'
import { TestClient, TestStream } from '../helpers/test-client.ts'

const log = '{ debug = "*console" }'
const MESSAGES = 100
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

async function withUsers(domain: string, users: readonly string[], global = '', limits: readonly string[] = []) {
  const file = network.prepare(domain, { log, global })
  const server = await ServerProcess.start(file, limits)
  await server.users(...users.map((user) => `${user}@${domain}`))
  return { file, server }
}

/** Waits, looking at what the server says of itself, until it is so. */
async function until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await look())) {
    assert.ok(performance.now() < end, `never: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('file descriptors that run out', { skip: !IS_LINUX }, () => {
  test('cost nobody the process; connections are accepted again when there are some', async () => {
    const { file, server } = await withUsers('fds.example', ['romeo'], '', ['--nofile=60'])
    await using _ = server
    const { address, port } = server.address('c2s')
    const romeo = await server.client('romeo@fds.example', PASSWORD)
    const flood: Socket[] = []
    let turnedAway = 0
    for (let i = 0; i < 120; i++) {
      flood.push(
        connect(port, address)
          .on('error', () => {})
          .on('close', () => void turnedAway++)
          .resume(),
      )
    }
    await until('those that are too many are turned away', () => turnedAway >= 80)
    await romeo.ping()
    assert.equal(entente('status', '--config', file).code, 1) // it cannot be asked now, and the command says so
    for (const socket of flood) socket.destroy()
    await until('descriptors are free', () => server.descriptors() < 40)
    const again = await server.client('romeo@fds.example', PASSWORD, { resource: 'again' })
    await again.ping()
    await romeo.ping()
    await until('only the two are left', async () => (await server.status()).clientStreams === 2)
    for (const one of [romeo, again]) one.destroy()
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.equal(server.stderr, '')
  })
})

test('2000 connections that come and go leave nothing behind', { skip: !IS_LINUX }, async () => {
  const { server } = await withUsers('many.example', [])
  await using _ = server
  const round = async (connections: number): Promise<void> => {
    for (let done = 0; done < connections; done += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => comeAndGo(server, i)))
    }
    await until('every stream is gone', () => server.descriptors() <= atRest)
  }
  const atRest = server.descriptors()
  await round(1000)
  const before = server.memory()
  await round(1000)
  assert.ok(server.memory() - before < 25, `${before} MiB, then ${server.memory()} MiB`)
  const { clientStreams, serverStreams, queues } = await server.status()
  assert.deepEqual({ clientStreams, serverStreams, queues }, { clientStreams: 0, serverStreams: [], queues: [] })
})

/** One of several ways to be rude. */
async function comeAndGo(server: ServerProcess, way: number): Promise<void> {
  const { address, port } = server.address(way % 2 === 0 ? 'c2s' : 's2s')
  const socket = connect(port, address)
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  const header = `<stream:stream xmlns='jabber:${way % 2 === 0 ? 'client' : 'server'}' xmlns:stream='http://etherx.jabber.org/streams' to='many.example' version='1.0'>`
  if (way % 5 === 1) socket.write(header)
  if (way % 5 === 2) socket.write(`${header}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
  if (way % 5 === 3) socket.write('GET / HTTP/1.1\r\n\r\n')
  if (way % 3 === 0) socket.resetAndDestroy()
  else socket.end()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.resume()
  if (way % 5 === 4) socket.destroy()
  await closed
}

describe('a client that does not read', { concurrency: 2 }, () => {
  test('is given up after send_timeout, and whoever wrote to it goes on', async () => {
    const { server } = await withUsers('slow.example', ['romeo', 'juliet'], 'network_settings = { send_timeout = 2 }')
    await using _ = server
    const juliet = await server.client('juliet@slow.example', PASSWORD)
    juliet.send('<presence/>')
    await juliet.ping()
    juliet.socket.pause()
    const romeo = await server.client('romeo@slow.example', PASSWORD)
    romeo.send('<presence/>')
    await romeo.ping()
    const body = 'x'.repeat(100_000)
    // far more than sockets and the server's own buffer take: romeo is not read until juliet is gone
    for (let i = 0; i < 120; i++) romeo.send(`<message to='juliet@slow.example/test' type='chat'><body>${body}</body></message>`)
    const begin = performance.now()
    await romeo.ping()
    assert.ok(performance.now() - begin > 1_000, 'romeo had to wait')
    const ended = await server.line((l) => l.event === 'client stream closed' && l['jid'] === 'juliet@slow.example/test')
    assert.equal(ended['why'], 'the other side does not read what it is sent')
    await romeo.ping()
    for (const one of [romeo, juliet]) one.destroy()
  })

  test('but slowly, is not: it gets everything', async () => {
    const { server } = await withUsers('steady.example', ['romeo', 'juliet'], 'network_settings = { send_timeout = 1 }')
    await using _ = server
    const juliet = await server.client('juliet@steady.example', PASSWORD)
    juliet.send('<presence/>')
    await juliet.ping()
    const romeo = await server.client('romeo@steady.example', PASSWORD)
    const body = 'x'.repeat(100_000)
    for (let i = 0; i < MESSAGES; i++) {
      romeo.send(`<message to='juliet@steady.example/test' type='chat' id='m${i}'><body>${body}</body></message>`)
    }
    const begin = performance.now()
    // a mobile link: some, then a pause, for longer than the time-out in all
    const trickle = setInterval(() => {
      juliet.socket.resume()
      setImmediate(() => juliet.socket.pause())
    }, 120)
    try {
      for (let i = 0; i < MESSAGES; i++) assert.equal((await juliet.message()).attr('id'), `m${i}`)
    } finally {
      clearInterval(trickle)
    }
    assert.ok(performance.now() - begin > 1_000, `${performance.now() - begin} ms`)
    for (const one of [romeo, juliet]) one.destroy()
  })
})

describe('what is too much', { concurrency: 2 }, () => {
  test('before authentication and after it ends the stream with policy-violation', async () => {
    const global = 'c2s_unauthed_stanza_size_limit = 5000\nc2s_stanza_size_limit = 20000'
    const { server } = await withUsers('size.example', ['romeo'], global)
    await using _ = server
    const { address, port } = server.address('c2s')
    const early = await TestStream.connect(address, port)
    await early.open("to='size.example' version='1.0'")
    early.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${'A'.repeat(6000)}</auth>`)
    const tooEarly = await early.element((e) => e.name === 'error')
    assert.ok(tooEarly.child('policy-violation', 'urn:ietf:params:xml:ns:xmpp-streams'), String(tooEarly))
    const romeo = await server.client('romeo@size.example', PASSWORD)
    romeo.send(`<message to='romeo@size.example' type='chat' id='fits'><body>${'x'.repeat(15_000)}</body></message>`)
    await romeo.ping()
    romeo.send(`<message to='romeo@size.example' type='chat'><body>${'x'.repeat(21_000)}</body></message>`)
    const tooLong = await romeo.element((e) => e.name === 'error')
    assert.ok(tooLong.child('policy-violation', 'urn:ietf:params:xml:ns:xmpp-streams'), String(tooLong))
    for (const one of [early, romeo]) one.destroy()
  })

  test('time: a client that does not log in, a server that does not authenticate, a handshake that does not come', async () => {
    const global =
      'c2s_timeout = 1\ns2s_timeout = 1\nc2s_close_timeout = 0.2\ns2s_close_timeout = 0.2\nnetwork_settings = { ssl_handshake_timeout = 1 }\nc2s_direct_tls_ports = { 0 }'
    const { server } = await withUsers('late.example', [], global)
    await using _ = server
    const client = await TestStream.connect(server.address('c2s').address, server.address('c2s').port)
    await client.open("to='late.example' version='1.0'")
    const peer = await TestStream.connect(server.address('s2s').address, server.address('s2s').port)
    await peer.open("from='x.example' to='late.example' version='1.0'", 'jabber:server')
    const direct = connect(server.address('c2s_direct_tls').port, server.address('c2s_direct_tls').address)
    direct.resume()
    const gone = new Promise((resolve) => direct.once('close', resolve))
    for (const stream of [client, peer]) {
      const heard = await stream.untilClosed() // closed by the server, though we have not ended our side
      assert.ok(
        heard.some((h) => h.kind === 'element' && h.element.child('connection-timeout', 'urn:ietf:params:xml:ns:xmpp-streams')),
      )
    }
    await gone
    assert.equal(client instanceof TestClient, false)
  })
})
