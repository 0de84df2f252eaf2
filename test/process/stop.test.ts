import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Network, PASSWORD } from '../helpers/network.ts'
import { ServerProcess } from '../helpers/server-process.ts'
import { type Heard, TestStream } from '../helpers/test-client.ts'

const log = '{ debug = "*console" }'
/** What the end of a server may take, with everything that a slow machine adds. */
const LONGEST_MS = 6_000
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

const NS_STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams'

/** Did a stream end in the proper way, with this condition? */
function endedWith(heard: readonly Heard[], condition: string): boolean {
  const errors = heard.flatMap((h) => (h.kind === 'element' && h.element.name === 'error' ? [h.element] : []))
  return errors.length === 1 && errors[0]!.child(condition, NS_STREAMS) !== undefined && heard.some((h) => h.kind === 'end')
}

async function started(domain: string, users: readonly string[], global = ''): Promise<ServerProcess> {
  const file = network.prepare(domain, { log, global })
  const server = await ServerProcess.start(file)
  await server.users(...users.map((user) => `${user}@${domain}`))
  return server
}

describe('SIGTERM', { concurrency: 2 }, () => {
  test('tells clients, servers and contacts elsewhere, and ends with 0', async () => {
    await network.server('far.example', { users: ['juliet'] })
    await using server = await started('near.example', ['romeo'])
    const { address, port } = server.address('s2s')
    network.dns.set('_xmpp-server._tcp.near.example', { SRV: [{ target: 'xmpp.near.example', port }] })
    network.dns.set('xmpp.near.example', { A: [address] })

    const romeo = await server.client('romeo@near.example', PASSWORD)
    const juliet = await network.client('juliet@far.example')
    romeo.send('<presence/>')
    await romeo.ping()
    // both see each other
    romeo.send("<presence to='juliet@far.example' type='subscribe'/>")
    await juliet.presence((p) => p.attr('type') === 'subscribe')
    juliet.send("<presence to='romeo@near.example' type='subscribed'/><presence to='romeo@near.example' type='subscribe'/>")
    await romeo.presence((p) => p.attr('type') === 'subscribe')
    romeo.send("<presence to='juliet@far.example' type='subscribed'/>")
    await juliet.presence((p) => p.attr('from') === 'romeo@near.example/test' && p.attr('type') === undefined)

    // one that logs in, one that has said nothing, one in the middle of a handshake
    const early = await TestStream.connect(address, server.address('c2s').port)
    await early.open("to='near.example' version='1.0'")
    const silent = await TestStream.connect(address, server.address('c2s').port)
    const peer = await TestStream.connect(address, port)
    await peer.open("from='other.example' to='near.example' version='1.0'", 'jabber:server')
    await server.line((l) => l.event === 'server connected' && l.name === 's2s')

    const ending = [romeo.untilClosed(), early.untilClosed(), silent.untilClosed(), peer.untilClosed()]
    const left = juliet.presence((p) => p.attr('type') === 'unavailable')
    // the polite answer to the end of a stream
    for (const one of [romeo, early, silent, peer]) answerEnd(one)
    const exit = server.stop()
    for (const heard of await Promise.all(ending)) assert.ok(endedWith(heard, 'system-shutdown'), JSON.stringify(heard))
    assert.equal((await left).attr('from'), 'romeo@near.example/test')
    assert.deepEqual(await exit, { code: 0, signal: null })
    assert.equal(network.servers.get('far.example')?.status().serverStreams.length, 0)
    assert.equal(server.lines.at(-1)?.event, 'stopped')
  })

  test('ends within 6 s although a peer does not answer and another does not read', async () => {
    await using server = await started('deaf.example', ['romeo', 'juliet'])
    const mute = await TestStream.connect(server.address('s2s').address, server.address('s2s').port)
    await mute.open("from='other.example' to='deaf.example' version='1.0'", 'jabber:server')
    const romeo = await server.client('romeo@deaf.example', PASSWORD)
    const juliet = await server.client('juliet@deaf.example', PASSWORD)
    juliet.send('<presence/>')
    await juliet.ping()
    juliet.socket.pause()
    const text = 'x'.repeat(100_000)
    for (let i = 0; i < 60; i++) romeo.send(`<message to='juliet@deaf.example/test'><body>${text}</body></message>`)
    romeo.send("<message to='nobody@deaf.example' type='chat'/>")
    const handshake = connect(server.address('c2s').port, server.address('c2s').address) // says nothing, ever
    await new Promise((resolve) => handshake.once('connect', resolve))
    const begin = performance.now()
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.ok(performance.now() - begin < LONGEST_MS, `${performance.now() - begin} ms`)
    for (const stream of [mute, romeo, juliet]) stream.destroy()
    handshake.destroy()
  })

  test('a second one ends at once, and the next start works', async () => {
    const file = network.prepare('hasty.example', { log, global: 'pidfile = "entente.pid"' })
    await using server = await ServerProcess.start(file)
    const mute = await TestStream.connect(server.address('c2s').address, server.address('c2s').port)
    await mute.open("to='hasty.example' version='1.0'")
    server.signal('SIGTERM')
    await server.line('stopping')
    const begin = performance.now()
    server.signal('SIGTERM')
    assert.deepEqual(await server.exited, { code: 143, signal: null })
    assert.ok(performance.now() - begin < 1_000)
    await using again = await ServerProcess.start(file)
    assert.deepEqual(await again.stop(), { code: 0, signal: null })
    mute.destroy()
  })

  test('during the start ends with 0 and leaves nothing', async () => {
    const file = network.prepare('early.example', { log, global: 'pidfile = "entente.pid"' })
    const server = new ServerProcess(file)
    // the data folder is there as soon as the start has begun in earnest
    while (!existsSync(join(dirname(file), 'data', 'entente.lock')) && server.end === undefined) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.equal(server.stderr, '')
    for (const name of ['entente.pid', 'data/entente.sock']) assert.equal(existsSync(join(dirname(file), name)), false, name)
  })
})

test('SIGINT does the same', async () => {
  await using server = await started('interrupt.example', [])
  const stream = await TestStream.connect(server.address('c2s').address, server.address('c2s').port)
  await stream.open("to='interrupt.example' version='1.0'")
  answerEnd(stream)
  const ending = stream.untilClosed()
  server.signal('SIGINT')
  assert.ok(endedWith(await ending, 'system-shutdown'))
  assert.deepEqual(await server.exited, { code: 0, signal: null })
})

/** Ends our side of the stream as soon as the other has ended its own. */
function answerEnd(stream: TestStream): void {
  stream.socket.on('data', (chunk: Buffer) => {
    if (chunk.includes('</stream:stream>')) stream.end()
  })
}
