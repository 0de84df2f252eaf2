import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import type { StreamHeader } from '../../src/xmpp/framer.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, type TestClient } from '../helpers/test-client.ts'

describe('headers and old servers', () => {
  let network: Network
  let a: Server
  let strict: Server
  let romeo: TestClient
  before(async () => {
    network = await Network.create()
    a = await network.server('a.example', { users: ['romeo'] })
    strict = await network.server('strict.example', { users: ['tybalt'], global: 's2s_require_encryption = true' })
    romeo = await network.client('romeo@a.example')
  })
  after(() => network[Symbol.asyncDispose]())

  /** The next message to romeo that is no bounce. */
  const arrived = () => romeo.message((e) => e.attr('type') !== 'error')
  const opened = async (
    server: Server,
    peer: ScriptedPeer,
    attrs: string,
  ): Promise<{ stream: PeerStream; header: StreamHeader }> => {
    const stream = await peer.connect(server)
    return { stream, header: (await stream.open(attrs, NS.server)).header }
  }

  test('items 28, 31, 32, 34: our answer to a header', async () => {
    await using b = await ScriptedPeer.listen(network, 'b1.example')
    const attrs = "from='b1.example' to='a.example' version='1.0' xml:lang='de' id='theirs'"
    const first = await opened(a, b, attrs)
    const { header } = first
    assert.deepEqual(
      [header.from, header.to, header.version, header.contentNs, header.prefixes.get('db')],
      ['a.example', 'b1.example', '1.0', 'jabber:server', NS.dialback],
    )
    assert.ok(header.id !== undefined && header.id.length >= 22 && header.id !== 'theirs')
    assert.notEqual(header.lang, undefined)
    const second = await opened(a, b, attrs)
    assert.notEqual(second.header.id, header.id)
    first.stream.destroy()
    second.stream.destroy()
  })

  test('items 39, 72: a new stream id after TLS and after SASL', async () => {
    await using b = await ScriptedPeer.listen(network, 'b2.example')
    const stream = await b.connect(a)
    const ids = new Set<string>()
    await stream.openAs('b2.example', 'a.example')
    ids.add(stream.streamId)
    await stream.startTls({ servername: 'a.example', ...b.identity })
    const features = await stream.reopen()
    ids.add(stream.streamId)
    assert.equal(features?.child('starttls', NS.tls), undefined, 'item 72: not offered again')
    assert.equal(await stream.external('b2.example'), 'success')
    const last = await stream.reopen()
    ids.add(stream.streamId)
    assert.equal(ids.size, 3)
    assert.equal(last?.name, 'features', 'item 40: features again')
    assert.equal(last?.child('mechanisms', NS.sasl), undefined)
    stream.destroy()
  })

  for (const [version, answer] of [
    ['1.0', '1.0'],
    ['1.10', '1.0'],
    ['01.00', '1.0'],
    ['2.0', '1.0'],
  ]) {
    test(`item 34: version ${version} is answered by ${answer}`, async () => {
      await using b = await ScriptedPeer.listen(network, 'b3.example')
      const { stream, header } = await opened(a, b, `from='b3.example' to='a.example' version='${version}'`)
      assert.equal(header.version, answer)
      stream.destroy()
    })
  }

  test("item 30: without 'from' and 'to' before TLS; the names come after it", async () => {
    await using b = await ScriptedPeer.listen(network, 'b4.example')
    const { stream } = await opened(a, b, "version='1.0'")
    await stream.startTls({ servername: 'a.example', ...b.identity })
    await stream.openAs('b4.example', 'a.example')
    assert.equal(await stream.external('b4.example'), 'success')
    stream.destroy()
  })

  test('item 30: who has not said who it is cannot use EXTERNAL, but dialback', async () => {
    await using b = await ScriptedPeer.listen(network, 'b5.example')
    b.serve()
    const stream = await b.connect(a)
    await stream.open("to='a.example' version='1.0'", NS.server)
    await stream.startTls({ servername: 'a.example', ...b.identity })
    const { features } = await stream.open("to='a.example' version='1.0'", NS.server)
    assert.equal(features?.child('mechanisms', NS.sasl), undefined)
    assert.equal(await stream.dialback('b5.example', 'a.example'), 'valid')
    stream.destroy()
  })

  test('item 29: our own header', async () => {
    await using b = await ScriptedPeer.listen(network, 'b6.example')
    romeo.send("<message to='x@b6.example'><body>m1</body></message>")
    const stream = await b.accepted()
    for (const _ of ['before TLS', 'item 27: after it']) {
      const header = await stream.header()
      assert.deepEqual(
        [header.from, header.to, header.version, header.contentNs, header.id],
        ['a.example', 'b6.example', '1.0', 'jabber:server', undefined],
      )
      assert.equal(header.prefixes.get('db'), NS.dialback, 'item 109')
      if (_ !== 'before TLS') break
      stream.answer(`<starttls xmlns='${NS.tls}'/>`)
      await stream.element((e) => e.is('starttls', NS.tls))
      stream.send(`<proceed xmlns='${NS.tls}'/>`)
      await stream.secureAsServer(b.identity!)
    }
    stream.destroy()
  })

  test('item 35: a peer without a version gets no version and no features, and may use dialback', async () => {
    await using b = await ScriptedPeer.listen(network, 'b7.example', { certificate: 'none' })
    b.serve()
    const { stream, header } = await opened(a, b, "from='b7.example' to='a.example'")
    assert.equal(header.version, undefined)
    assert.equal(await stream.dialback('b7.example', 'a.example'), 'valid')
    stream.send("<message from='x@b7.example' to='romeo@a.example' type='chat'><body>old</body></message>")
    assert.equal((await arrived()).child('body')?.text, 'old')
    assert.ok(!stream.take().some((h) => h.kind === 'element' && h.element.name === 'features'))
    stream.destroy()
  })

  test('item 35: where encryption is required it gets unsupported-version', async () => {
    await using b = await ScriptedPeer.listen(network, 'b8.example')
    const { stream } = await opened(strict, b, "from='b8.example' to='strict.example'")
    assert.equal((await stream.error())?.condition, 'unsupported-version')
  })

  test('a remote without a version, and without TLS, is written to by dialback', async () => {
    await using b = await ScriptedPeer.listen(network, 'b9.example', { certificate: 'none' })
    romeo.send("<message to='x@b9.example'><body>m1</body></message>")
    const stream = await b.accepted()
    await stream.header()
    stream.answer()
    const result = await stream.element((e) => e.is('result', NS.dialback))
    assert.deepEqual(
      [result.attr('from'), result.attr('to'), result.text.length > 0],
      ['a.example', 'b9.example', true],
      'item 110',
    )
    assert.deepEqual(stream.take(), [], 'item 111: nothing before valid')
    stream.send("<db:result from='b9.example' to='a.example' type='valid'/>")
    assert.equal((await stream.element((e) => e.name === 'message')).child('body')?.text, 'm1')
    stream.destroy()
  })

  test('item 74: a remote without a version is asked for STARTTLS where encryption is required', async () => {
    await using b = await ScriptedPeer.listen(network, 'b10.example')
    const tybalt = await network.client('tybalt@strict.example')
    tybalt.send("<message to='x@b10.example'><body>m1</body></message>")
    const stream = await b.accepted()
    await stream.header()
    stream.answer()
    await stream.element((e) => e.is('starttls', NS.tls))
    stream.end()
    assert.match(bounceOf(await tybalt.message()), /^wait\/remote-server-timeout: /)
  })

  test('item 125: more domains of one peer on one stream, each by a key of its own', async () => {
    await using b = await ScriptedPeer.listen(network, 'b11.example', { certificate: 'none' })
    await using rooms = await ScriptedPeer.listen(network, 'rooms.b11.example', { certificate: 'none' })
    b.serve()
    rooms.serve()
    const { stream } = await b.dial(a, 'a.example', { tls: false })
    assert.equal(await stream.dialback('b11.example', 'a.example'), 'valid')
    assert.equal(await stream.dialback('rooms.b11.example', 'a.example'), 'valid')
    for (const from of ['x@b11.example', 'y@rooms.b11.example']) {
      stream.send(`<message from='${from}' to='romeo@a.example'><body>hi</body></message>`)
      assert.equal((await arrived()).attr('from'), from)
    }
    assert.equal(
      await stream.dialback('nowhere.b11.example', 'a.example'),
      'error remote-server-not-found',
      'item 120: the others stay',
    )
    stream.send("<message from='x@b11.example' to='romeo@a.example'><body>still</body></message>")
    await arrived()
    stream.destroy()
  })

  test('item 109: any prefix that is bound to the namespace is dialback', async () => {
    await using b = await ScriptedPeer.listen(network, 'b12.example', { certificate: 'none' })
    b.serve()
    const { stream } = await b.dial(a, 'a.example', { tls: false })
    stream.send("<x:result xmlns:x='jabber:server:dialback' from='b12.example' to='a.example'>key</x:result>")
    assert.equal((await stream.element((e) => e.is('result', NS.dialback))).attr('type'), 'valid')
    stream.destroy()
  })

  test('item 126: the connection of a question is closed after the answer', async () => {
    await using b = await ScriptedPeer.listen(network, 'b14.example', { certificate: 'none' })
    const { stream } = await b.dial(a, 'a.example', { tls: false })
    stream.send("<db:result from='b14.example' to='a.example'>key</db:result>")
    const asked = await b.accepted()
    await asked.greet(DIALBACK)
    const question = await asked.element((e) => e.is('verify', NS.dialback))
    asked.send(`<db:verify from='b14.example' to='a.example' id='${question.attr('id')}' type='valid'/>`)
    assert.deepEqual(
      (await asked.untilClosed()).map((h) => h.kind),
      ['end', 'closed'],
    )
    assert.equal((await stream.element((e) => e.is('result', NS.dialback))).attr('type'), 'valid')
    stream.destroy()
  })

  test('item 33: a stanza keeps its language, and takes that of its stream where it has none', async () => {
    await using b = await ScriptedPeer.listen(network, 'b15.example', { certificate: 'none' })
    const kept = b.serve()
    const stream = await b.connect(a)
    await stream.open("from='b15.example' to='a.example' version='1.0' xml:lang='de'", NS.server)
    assert.equal(await stream.dialback('b15.example', 'a.example'), 'valid')
    stream.send("<message from='x@b15.example' to='romeo@a.example' xml:lang='fr'><body>oui</body></message>")
    assert.equal((await arrived()).attr('xml:lang'), 'fr')
    stream.send("<message from='x@b15.example' to='romeo@a.example'><body>ja</body></message>")
    assert.equal((await arrived()).attr('xml:lang'), 'de')
    romeo.send("<message to='x@b15.example' xml:lang='it'><body>si</body></message>")
    await eventually('it arrives', () => kept.length === 1)
    assert.equal(kept[0]?.attr('xml:lang'), 'it')
    stream.destroy()
  })
})
