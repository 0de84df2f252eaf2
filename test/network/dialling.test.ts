import assert from 'node:assert/strict'
import { createServer, type Server as NetServer } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, type TestClient } from '../helpers/test-client.ts'

const SRV = '_xmpp-server._tcp.b.example'
const message = (id: string, to = 'juliet@b.example'): string => `<message to='${to}' id='${id}'><body>${id}</body></message>`

describe('dialling a remote domain', () => {
  let network: Network
  let romeo: TestClient

  before(async () => {
    network = await Network.create()
    await network.server('a.example', { users: ['romeo'] })
    romeo = await network.client('romeo@a.example')
  })
  after(() => network[Symbol.asyncDispose]())

  /** Each test has a domain of its own, so that nothing is remembered from the one before. */
  let domain: string
  let count = 0
  beforeEach(() => {
    domain = `b${++count}.example`
  })

  const bounce = async (to = `juliet@${domain}`): Promise<string> => {
    romeo.send(message('m1', to))
    return bounceOf(await romeo.message((e) => e.attr('type') === 'error'))
  }
  const noNames = (text: string): string => {
    assert.doesNotMatch(text, /example|127\.|::1|\d{4}/, 'a bounce names neither domain nor address')
    return text
  }
  /** SRV records to peers, each at its own priority. */
  const publish = (...peers: readonly (readonly [address: string, port: number])[]): void => {
    network.dns.set(`_xmpp-server._tcp.${domain}`, {
      SRV: peers.map(([, port], priority) => ({ target: `h${priority}.${domain}`, port, priority })),
    })
    for (const [i, [address]] of peers.entries())
      network.dns.set(`h${i}.${domain}`, address.includes(':') ? { AAAA: [address] } : { A: [address] })
  }
  const delivered = async (peer: ScriptedPeer, kept: Element[]): Promise<void> => {
    romeo.send(message('m1', `juliet@${domain}`))
    await eventually('the message arrives', () => kept.length > 0)
    assert.equal(kept[0]!.child('body')?.text, 'm1')
    assert.ok(peer.connections >= 1)
  }

  test('SRV: the lower priority is dialled, the other one is left alone', async () => {
    await using good = await ScriptedPeer.listen(network, domain, { publish: false })
    await using spare = await ScriptedPeer.listen(network, domain, { publish: false })
    publish(['127.2.0.1', good.port], ['127.2.0.1', spare.port])
    await delivered(good, good.serve())
    assert.equal(spare.connections, 0)
  })

  test('item 2: the target "." is respected, the addresses of the domain are not tried', async () => {
    await using own = await ScriptedPeer.listen(network, domain, { publish: false })
    network.dns.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: '.', port: 0 }] })
    network.dns.set(domain, { A: [own.address] })
    assert.equal(
      noNames(await bounce()),
      'cancel/remote-server-not-found: Server-to-server connection failed: the domain says in DNS that it offers no XMPP service to other servers',
    )
  })

  test('items 3, 7: refused by TCP, the next is tried', async () => {
    const closed = await freePort('127.2.0.2')
    await using good = await ScriptedPeer.listen(network, domain, { publish: false })
    publish(['127.2.0.2', closed], ['127.2.0.1', good.port])
    await delivered(good, good.serve())
  })

  /** How an endpoint can fail once it is connected. */
  const failures: readonly (readonly [string, (bad: ScriptedPeer) => Promise<void>])[] = [
    [
      'garbage instead of a TLS handshake',
      async (bad) => {
        const stream = await bad.accepted()
        await stream.header()
        stream.answer(`<starttls xmlns='${NS.tls}'/>`)
        await stream.element((e) => e.name === 'starttls')
        stream.socket.removeAllListeners('data') // what comes is a ClientHello, and no XML
        stream.send(`<proceed xmlns='${NS.tls}'/>`)
        stream.socket.once('data', () => stream.send('this is not TLS\r\n\r\n'))
      },
    ],
    [
      'TLS refused',
      async (bad) => {
        const stream = await bad.accepted()
        await stream.header()
        stream.answer(`<starttls xmlns='${NS.tls}'/>`)
        await stream.element((e) => e.name === 'starttls')
        stream.send(`<failure xmlns='${NS.tls}'/></stream:stream>`)
      },
    ],
    [
      'a stream error',
      async (bad) => {
        const stream = await bad.accepted()
        await stream.header()
        stream.answer()
        stream.send(`<stream:error><host-unknown xmlns='${NS.streamErrors}'/></stream:error></stream:stream>`)
      },
    ],
    [
      'a closed connection',
      async (bad) => {
        const stream = await bad.accepted()
        await stream.header()
        stream.destroy()
      },
    ],
    [
      'dialback refused',
      async (bad) => {
        const stream = await bad.accepted()
        await stream.greet(DIALBACK)
        await stream.element((e) => e.is('result', NS.dialback))
        stream.send(`<db:result from='${bad.domain}' to='a.example' type='invalid'/></stream:stream>`)
      },
    ],
    ['no XMPP', async (bad) => (await bad.accepted()).send('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ]
  for (const [what, misbehave] of failures) {
    test(`after ${what} the next endpoint is tried`, async () => {
      await using bad = await ScriptedPeer.listen(network, domain, { publish: false })
      await using good = await ScriptedPeer.listen(network, domain, { publish: false })
      publish(['127.2.0.1', bad.port], ['127.2.0.1', good.port])
      const misbehaved = misbehave(bad)
      await delivered(good, good.serve())
      await misbehaved
      assert.equal(bad.connections, 1)
    })
  }

  test('items 10, 11: direct TLS by _xmpps-server, with the domain as SNI and ALPN xmpp-server', async () => {
    await using peer = await ScriptedPeer.listen(network, domain, { direct: true })
    romeo.send(message('m1', `juliet@${domain}`))
    const stream = await peer.accepted()
    const header = await stream.header()
    assert.equal(header.to, domain)
    const socket = stream.socket as import('node:tls').TLSSocket // the listener speaks TLS
    assert.equal(socket.alpnProtocol, 'xmpp-server')
    assert.equal((socket as { servername?: unknown }).servername, domain)
    stream.answer(DIALBACK)
    await stream.element((e) => e.is('result', NS.dialback))
    stream.send(`<db:result from='${domain}' to='a.example' type='valid'/>`)
    assert.equal((await stream.element((e) => e.name === 'message')).child('body')?.text, 'm1')
  })

  test('item 9: direct TLS fails, STARTTLS at a later priority serves', async () => {
    await using broken = await ScriptedPeer.listen(network, domain, { publish: false })
    await using good = await ScriptedPeer.listen(network, domain, { publish: { priority: 10 } })
    network.dns.set(`_xmpps-server._tcp.${domain}`, { SRV: [{ target: `xmpp.${domain}`, port: broken.port, priority: 1 }] })
    const kept = good.serve()
    const bad = broken.accepted().then((stream) => {
      stream.socket.removeAllListeners('data')
      stream.send('not TLS at all')
    })
    await delivered(good, kept)
    await bad
  })

  test('item 5: without SRV the address of the domain, port 5269', async () => {
    const accepted = Promise.withResolvers<void>()
    const listener = createServer((socket) => {
      accepted.resolve()
      socket.destroy()
    })
    await new Promise<void>((resolve, reject) => listener.once('error', reject).listen(5269, '127.2.0.9', resolve))
    network.dns.set(domain, { A: ['127.2.0.9'] })
    assert.match(noNames(await bounce()), /^wait\/remote-server-timeout: /)
    await accepted.promise
    listener.close()
  })

  test('IPv6 only', async () => {
    await using peer = await ScriptedPeer.listen(network, domain, { address: '::1' })
    await delivered(peer, peer.serve())
  })

  test('items 4, 158: NXDOMAIN', async () => {
    assert.equal(
      noNames(await bounce()),
      'cancel/remote-server-not-found: Server-to-server connection failed: address look-up: no such name in DNS',
    )
  })

  test('SERVFAIL is not "no records"', async () => {
    network.dns.set(`_xmpp-server._tcp.${domain}`, { behaviour: 'servfail' })
    network.dns.set(domain, { A: ['127.2.0.1'] })
    assert.equal(
      noNames(await bounce()),
      'cancel/remote-server-not-found: Server-to-server connection failed: SRV look-up: the name servers report a failure',
    )
  })

  test('every endpoint has failed once: the bounce names the stage', async () => {
    const one = await freePort('127.2.0.3')
    const two = await freePort('127.2.0.4')
    publish(['127.2.0.3', one], ['127.2.0.4', two])
    assert.equal(
      noNames(await bounce()),
      'wait/remote-server-timeout: Server-to-server connection failed: no connection: connection refused',
    )
  })

  test('what waits goes out in order, and stays in order behind it', async () => {
    await using peer = await ScriptedPeer.listen(network, domain)
    for (let i = 0; i < 50; i++) romeo.send(message(`q${i}`, `juliet@${domain}`))
    await romeo.ping()
    const kept = peer.serve()
    for (let i = 50; i < 100; i++) romeo.send(message(`q${i}`, `juliet@${domain}`))
    await eventually('all arrive', () => kept.length === 100)
    assert.deepEqual(
      kept.map((e) => e.attr('id')),
      Array.from({ length: 100 }, (_, i) => `q${i}`),
    )
  })

  test('item 151: all that waits comes back, in order; errors and results end here', async () => {
    await using peer = await ScriptedPeer.listen(network, domain)
    const to = `to='juliet@${domain}/x'`
    romeo.send(message('w1', `juliet@${domain}`))
    romeo.send(`<iq type='result' id='w2' ${to}/>`)
    romeo.send(`<message type='error' id='w3' ${to}><error type='cancel'><gone xmlns='${NS.stanzaErrors}'/></error></message>`)
    romeo.send(`<iq type='get' id='w4' ${to}><ping xmlns='${NS.ping}'/></iq>`)
    romeo.send(`<presence ${to}/>`)
    await romeo.ping()
    ;(await peer.accepted()).destroy()
    const back: string[] = []
    for (let i = 0; i < 2; i++)
      back.push((await romeo.element((e) => e.attr('from')?.startsWith(`juliet@${domain}`) === true)).attr('id')!)
    await romeo.ping()
    const rest = romeo
      .take()
      .flatMap((h) => (h.kind === 'element' && h.element.name !== 'presence' ? [h.element.attr('id')] : []))
    assert.deepEqual([...back, ...rest], ['w1', 'w4'])
  })
})

test('a full queue answers resource-constraint, what was in it goes out', async () => {
  await using network = await Network.create()
  await network.server('a.example', { users: ['romeo'], global: 's2s_send_queue_size = 3' })
  const romeo = await network.client('romeo@a.example')
  await using peer = await ScriptedPeer.listen(network, 'b.example')
  for (let i = 0; i < 5; i++) romeo.send(message(`f${i}`))
  const refused = [await romeo.message(), await romeo.message()]
  assert.deepEqual(
    refused.map((e) => `${e.attr('id')} ${bounceOf(e)}`),
    ['f3 wait/resource-constraint: Outgoing stanza queue full', 'f4 wait/resource-constraint: Outgoing stanza queue full'],
  )
  const kept = peer.serve()
  await eventually('three arrive', () => kept.length === 3)
  assert.deepEqual(
    kept.map((e) => e.attr('id')),
    ['f0', 'f1', 'f2'],
  )
})

test('a name server that never answers: the message comes back within 16 s', async () => {
  await using network = await Network.create()
  await network.server('a.example', { users: ['romeo'] })
  network.dns.set(SRV, { behaviour: 'silent' })
  network.dns.set('_xmpps-server._tcp.b.example', { behaviour: 'silent' })
  const romeo = await network.client('romeo@a.example')
  const startMs = Date.now()
  romeo.send(message('m1'))
  assert.equal(
    bounceOf(await romeo.message(undefined, 16_000)),
    'cancel/remote-server-not-found: Server-to-server connection failed: SRV look-up: the name servers do not answer',
  )
  const tookMs = Date.now() - startMs
  assert.ok(tookMs > 14_000 && tookMs < 16_000, `${tookMs} ms`)
})

/** A port on which nobody listens. */
async function freePort(address: string): Promise<number> {
  const server: NetServer = createServer()
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const bound = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}
