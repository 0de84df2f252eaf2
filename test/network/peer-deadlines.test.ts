import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, TestStream } from '../helpers/test-client.ts'

const HEADER = `<stream:stream xmlns='jabber:server' xmlns:stream='${NS.streams}' from='b.example' to='a.example' version='1.0'>`
const openStreams = (server: Server): number => {
  const count = (name: string): number => server.metrics().get(name) ?? 0
  return (
    count('entente_s2s_accepted_total{transport="tcp"}') +
    count('entente_s2s_accepted_total{transport="direct-tls"}') -
    count('entente_s2s_closed_total{direction="in"}')
  )
}

describe('row 65: a peer that takes its time ends at the deadline', { concurrency: true }, () => {
  /** What a slow peer has done when it falls silent; and whether it is told, which needs a stream. */
  const stages: readonly (readonly [string, (b: ScriptedPeer, a: Server) => Promise<TestStream>, string | undefined])[] = [
    ['having said nothing', (b, a) => b.connect(a), 'connection-timeout'],
    [
      'in the middle of its header',
      async (b, a) => {
        const stream = await b.connect(a)
        stream.send(HEADER.slice(0, 40))
        return stream
      },
      'connection-timeout',
    ],
    [
      'one byte at a time',
      async (b, a) => {
        const stream = await b.connect(a)
        const bytes = [...HEADER]
        const timer = setInterval(() => stream.send(bytes.shift() ?? ' '), 50)
        stream.socket.once('close', () => clearInterval(timer))
        return stream
      },
      'connection-timeout',
    ],
    [
      'after its header',
      async (b, a) => {
        const stream = await b.connect(a)
        await stream.openAs('b.example', 'a.example')
        return stream
      },
      'connection-timeout',
    ],
    [
      'in the middle of the TLS handshake',
      async (b, a) => {
        const stream = await b.connect(a)
        await stream.openAs('b.example', 'a.example')
        stream.send(`<starttls xmlns='${NS.tls}'/>`)
        await stream.element((e) => e.is('proceed', NS.tls))
        stream.send(Buffer.from('1603010200010001fc0303', 'hex'))
        return stream
      },
      undefined,
    ],
    [
      'inside of TLS',
      async (b, a) => {
        const stream = await b.connect(a)
        await stream.openAs('b.example', 'a.example')
        await stream.startTls({ servername: 'a.example', ...b.identity })
        return stream
      },
      'connection-timeout',
    ],
    [
      'after SASL, before its new header',
      async (b, a) => {
        const { stream } = await b.dial(a, 'a.example')
        assert.equal(await stream.external('b.example'), 'success')
        return stream
      },
      'connection-timeout',
    ],
    [
      'with a key that nobody verifies',
      async (b, a) => {
        const { stream } = await b.dial(a, 'a.example')
        stream.send("<db:result from='b.example' to='a.example'>key</db:result>")
        await b.accepted()
        return stream
      },
      'connection-timeout',
    ],
  ]
  for (const [name, become, condition] of stages) {
    test(name, async () => {
      await using network = await Network.create()
      const a = await network.server('a.example', { global: 's2s_timeout = 1' })
      await using b = await ScriptedPeer.listen(network, 'b.example')
      const stream = await become(b, a)
      assert.equal((await stream.error())?.condition, condition)
      await eventually('it is gone', () => openStreams(a) === 0)
    })
  }
})

describe('row 65: a remote that takes its time when we dial it', { concurrency: true }, () => {
  const stages: readonly (readonly [string, (stream: PeerStream, b: ScriptedPeer) => Promise<unknown>, RegExp])[] = [
    ['says nothing', async () => undefined, /did not answer in time, while the stream was being opened/],
    [
      'never ends its features',
      async (stream) => {
        await stream.header()
        stream.answer()
        stream.send('<stream:features><x ')
      },
      /did not answer in time|dialback/,
    ],
    [
      'never proceeds',
      async (stream) => {
        await stream.header()
        stream.answer(`<starttls xmlns='${NS.tls}'/>`)
      },
      /did not answer in time, while TLS was being established/,
    ],
    [
      'never ends the handshake',
      async (stream) => {
        await stream.header()
        stream.answer(`<starttls xmlns='${NS.tls}'/>`)
        await stream.element((e) => e.is('starttls', NS.tls))
        stream.socket.removeAllListeners('data') // a ClientHello is no XML
        stream.socket.resume()
        stream.send(`<proceed xmlns='${NS.tls}'/>`)
      },
      /did not answer in time, while TLS was being established/,
    ],
    [
      'never judges our key',
      async (stream, b) => {
        await stream.greet(DIALBACK, b.identity)
      },
      /did not answer in time, while we were authenticating/,
    ],
  ]
  for (const [name, become, text] of stages) {
    test(`${name}: the message comes back, the stream is freed`, async () => {
      await using network = await Network.create()
      const a = await network.server('a.example', { global: 's2s_timeout = 1', users: ['romeo'] })
      await using b = await ScriptedPeer.listen(network, 'b.example')
      const romeo = await network.client('romeo@a.example')
      romeo.send("<message to='x@b.example'><body>m1</body></message>")
      const stream = await b.accepted()
      await become(stream, b)
      const bounce = bounceOf(await romeo.message())
      assert.match(bounce, /^wait\/remote-server-timeout: /)
      assert.match(bounce, text)
      stream.destroy()
      await eventually('it is freed', () => a.status().serverStreams.length === 0 && a.status().queues.length === 0)
    })
  }
})

test('row 15: a key is not verified for longer than its asker may wait, however many endpoints its domain has', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example', { global: 's2s_timeout = 1' })
  await using b = await ScriptedPeer.listen(network, 'b.example')
  await using tarpit = await ScriptedPeer.listen(network, 'tarpit.example', { publish: false })
  const SRV = Array.from({ length: 16 }, (_, priority) => ({
    target: `h${priority}.tarpit.example`,
    port: tarpit.port,
    priority,
  }))
  network.dns.set('_xmpp-server._tcp.tarpit.example', { SRV })
  for (const [i, { target }] of SRV.entries()) network.dns.set(target, { A: [`127.2.1.${i + 1}`] })
  await using cleanup = new AsyncDisposableStack()
  const pits = await Promise.all(
    SRV.map((_, i) =>
      ScriptedPeer.listen(network, 'tarpit.example', { publish: false, address: `127.2.1.${i + 1}`, port: tarpit.port }),
    ),
  )
  for (const pit of pits) cleanup.use(pit)
  const { stream } = await b.dial(a, 'a.example')
  const answer = await Promise.race([stream.dialback('tarpit.example', 'a.example'), stream.error().then((e) => e?.condition)])
  assert.match(`${answer}`, /remote-server-timeout|connection-timeout/)
  await eventually('all is freed', () => a.status().serverStreams.length === 0)
  const made = pits.reduce((sum, pit) => sum + pit.connections, 0)
  assert.ok(made <= 2, `${made} connections`)
})

test('row 65: a thousand connections that come and go leave nothing', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example')
  const [address] = a.config.get(undefined, 'interfaces')
  for (let round = 0; round < 20; round++) {
    const streams = await Promise.all(Array.from({ length: 50 }, () => TestStream.connect(address!, a.ports('s2s')[0]!)))
    for (const stream of streams) {
      stream.send(HEADER)
      stream.destroy()
    }
  }
  await eventually('all are gone', () => openStreams(a) === 0)
  assert.equal(a.metrics().get('entente_s2s_accepted_total{transport="tcp"}'), 1000)
})

test('row 68: what peers say cannot forge a line of the log', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example', { users: ['romeo'], log: '{ debug = "log.txt" }' })
  await using b = await ScriptedPeer.listen(network, 'b.example')
  const romeo = await network.client('romeo@a.example')
  const nasty = `x&#10;{&quot;level&quot;:&quot;error&quot;,&quot;event&quot;:&quot;forged&quot;}&#13;\u2028\u202e${'y'.repeat(2000)}`
  const error = `<stream:error><undefined-condition xmlns='${NS.streamErrors}'/><text xmlns='${NS.streamErrors}'>${nasty}</text></stream:error>`

  const incoming = await b.connect(a)
  await incoming.openAs('b.example', 'a.example')
  incoming.send(`<db:result from='a&#10;forged.example' to='a.example'>${nasty}</db:result>${error}</stream:stream>`)
  await incoming.untilClosed()
  romeo.send("<message to='x@b.example'><body>m1</body></message>")
  const outgoing = await b.accepted()
  await outgoing.header()
  outgoing.answer()
  outgoing.send(`${error}</stream:stream>`)
  await romeo.message()
  romeo.destroy()
  await a.stop()

  const text = readFileSync(join(network.folder, 'a.example', 'log.txt'), 'utf8')
  const lines = text.trimEnd().split('\n')
  assert.doesNotMatch(text, /[\u2028\u202e\r]/)
  for (const line of lines) {
    const fields: Record<string, unknown> = JSON.parse(line)
    assert.notEqual(fields['event'], 'forged')
    for (const value of Object.values(fields)) assert.ok(typeof value !== 'string' || value.length < 1000)
  }
  assert.ok(lines.some((l) => l.includes('undefined-condition')))
})
