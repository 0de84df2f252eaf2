import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'
import type { TestClient } from '../helpers/test-client.ts'

const HEADER = `<stream:stream xmlns='jabber:server' xmlns:stream='${NS.streams}' from='b.example' to='a.example' version='1.0'>`
const FORGED = "<message from='x@b.example' to='romeo@a.example'><body>forged</body></message>"
const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le')
const BOMB = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`

/** Bytes before anybody has authenticated, and the stream error that they get. */
const UNAUTHENTICATED: readonly (readonly [string, string | Buffer, string])[] = [
  ['row 37: an entity bomb before the header', `<?xml version='1.0'?>${BOMB}${HEADER}`, 'restricted-xml'],
  ['row 37: a DTD after the header', `${HEADER}${BOMB}`, 'restricted-xml'],
  ['row 37: an entity of no declaration', `${HEADER}<a>&lol;</a>`, 'restricted-xml'],
  ['item 161: a comment', `${HEADER}<!-- -->`, 'restricted-xml'],
  ['item 161: a processing instruction', `${HEADER}<?php ?>`, 'restricted-xml'],
  ['row 44: UTF-16', utf16(`<?xml version='1.0' encoding='UTF-16'?>${HEADER}`), 'unsupported-encoding'],
  ['row 44: the declaration of another encoding', `<?xml version='1.0' encoding='ISO-8859-1'?>${HEADER}`, 'unsupported-encoding'],
  ['invalid UTF-8', Buffer.from([...Buffer.from(`${HEADER}<a>`), 0xc0, 0xaf]), 'not-well-formed'],
  ['row 41: half a surrogate pair', Buffer.from([...Buffer.from(`${HEADER}<a>`), 0xed, 0xa0, 0x80]), 'not-well-formed'],
  ['row 41: U+0000 by reference', `${HEADER}<a>&#0;</a>`, 'not-well-formed'],
  ['row 41: an undeclared prefix', `${HEADER}<x:a/>`, 'not-well-formed'],
  ['row 41: an attribute twice', `${HEADER}<a b='1' b='2'/>`, 'not-well-formed'],
  ['HTTP', 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', 'not-well-formed'],
  ['a ClientHello where STARTTLS belongs', Buffer.from('16030100c8010000c40303', 'hex'), 'not-well-formed'],
  ['item 43: another stream namespace', HEADER.replace(NS.streams, 'urn:x'), 'invalid-namespace'],
  ['item 44: the stream of a client', HEADER.replace('jabber:server', 'jabber:client'), 'invalid-namespace'],
  ['another root', HEADER.replaceAll('stream:stream', 'stream:flow'), 'bad-format'],
  ['row 38: a tag that never ends', `${HEADER}<${'a'.repeat(20_000)}`, 'policy-violation'],
  ['row 38: an attribute that never ends', `${HEADER}<a b='${'c'.repeat(20_000)}`, 'policy-violation'],
  ['row 38: many attributes', `${HEADER}<a ${Array.from({ length: 500 }, (_, i) => `b${i}=''`).join(' ')}/>`, 'policy-violation'],
  ['row 39: many elements', `${HEADER}<a>${'<b/>'.repeat(500)}</a>`, 'policy-violation'],
  ['row 39: a deep tree', `${HEADER}${'<a>'.repeat(100)}`, 'policy-violation'],
  ['row 40: a flood of white space', HEADER + ' '.repeat(80_000), 'policy-violation'],
  ['text between elements', `${HEADER}hello`, 'bad-format'],
  ['item 41: a stanza', HEADER + FORGED, 'not-authorized'],
  ['an element that nobody knows', `${HEADER}<x xmlns='urn:x'/>`, 'not-authorized'],
  [
    'row 40: compression',
    `${HEADER}<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>`,
    'not-authorized',
  ],
  ['item 135: stream management', `${HEADER}<enable xmlns='${NS.sm}'/>`, 'not-authorized'],
  ['item 146: a host that is not ours', HEADER.replace("to='a.example'", "to='c.example'"), 'host-unknown'],
  ["an invalid 'to'", HEADER.replace("to='a.example'", "to='a b'"), 'improper-addressing'],
  ["an invalid 'from'", HEADER.replace("from='b.example'", "from='@'"), 'improper-addressing'],
  ['item 34: a version that is none', HEADER.replace('1.0', 'one'), 'unsupported-version'],
]

/** Bytes on a stream that is authenticated for b.example, and the stream error that they get. */
const AUTHENTICATED: readonly (readonly [string, string, string])[] = [
  [
    'item 168: a stanza over the limit',
    `<message from='x@b.example' to='romeo@a.example'><body>${'x'.repeat(600_000)}`,
    'policy-violation',
  ],
  ['row 39: too many elements', `<message from='x@b.example' to='romeo@a.example'>${'<a/>'.repeat(25_000)}`, 'policy-violation'],
  ['row 39: too deep', `<message from='x@b.example' to='romeo@a.example'>${'<a>'.repeat(100)}`, 'policy-violation'],
  ['a DTD', BOMB, 'restricted-xml'],
  ['a comment inside a stanza', "<message from='x@b.example' to='romeo@a.example'><!-- --></message>", 'restricted-xml'],
  ["item 146: no 'to'", "<message from='x@b.example'/>", 'improper-addressing'],
  ["item 146: an invalid 'to'", "<message from='x@b.example' to='@a.example'/>", 'improper-addressing'],
  ["item 147: no 'from'", "<message to='romeo@a.example'/>", 'improper-addressing'],
  ["item 147: an invalid 'from'", "<message from='a b@b.example' to='romeo@a.example'/>", 'improper-addressing'],
  [
    "row 46: 'from' another domain",
    "<message from='x@c.example' to='romeo@a.example'><body>forged</body></message>",
    'invalid-from',
  ],
  ["row 46: 'from' us", "<message from='romeo@a.example' to='romeo@a.example'><body>forged</body></message>", 'invalid-from'],
  [
    "row 46: 'from' below the domain",
    "<message from='x@sub.b.example' to='romeo@a.example'><body>forged</body></message>",
    'invalid-from',
  ],
  ["row 46: 'to' another host of ours", "<message from='x@b.example' to='x@other.example'/>", 'host-unknown'],
  ["item 146: 'to' a domain that is not ours", "<message from='x@b.example' to='x@c.example'/>", 'host-unknown'],
  [
    'item 45: a stanza of clients',
    "<message xmlns='jabber:client' from='x@b.example' to='romeo@a.example'><body>forged</body></message>",
    'unsupported-stanza-type',
  ],
  ['item 47: what is no stanza', "<x xmlns='urn:x'/>", 'unsupported-stanza-type'],
  ['SASL once more', `<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>=</auth>`, 'policy-violation'],
  [
    'row 41: a stream inside of a stanza',
    `<message from='x@b.example' to='romeo@a.example'><stream:stream></message>`,
    'not-well-formed',
  ],
]

describe('bad input of servers', () => {
  let network: Network
  let a: Server
  let b: ScriptedPeer
  let romeo: TestClient
  let juliet: TestClient
  before(async () => {
    network = await Network.create()
    a = await network.server('a.example', { users: ['romeo'], more: 'VirtualHost "other.example"' })
    b = await ScriptedPeer.listen(network, 'b.example')
    await network.server('good.example', { users: ['juliet'] })
    romeo = await network.client('romeo@a.example')
    juliet = await network.client('juliet@good.example')
  })
  after(async () => {
    await b[Symbol.asyncDispose]()
    await network[Symbol.asyncDispose]()
  })

  const open = (): number => {
    const count = (name: string): number => a.metrics().get(name) ?? 0
    return count('entente_s2s_accepted_total{transport="tcp"}') - count('entente_s2s_closed_total{direction="in"}')
  }
  /** Everything of the session is gone, and two others go on as if nothing had been. */
  const undisturbed = async (): Promise<void> => {
    await eventually('the stream is gone', () => open() <= 1)
    juliet.send("<message to='romeo@a.example' type='chat'><body>still here</body></message>")
    assert.equal((await romeo.message()).child('body')?.text, 'still here')
    assert.deepEqual(
      a.status().serverStreams.filter((s) => s.remote !== 'good.example'),
      [],
    )
  }
  const authenticated = async (): Promise<PeerStream> => {
    const { stream } = await b.dial(a, 'a.example')
    assert.equal(await stream.external('b.example'), 'success')
    await stream.reopen()
    return stream
  }

  for (const [name, bytes, condition] of UNAUTHENTICATED) {
    test(`${name} → ${condition}`, async () => {
      const stream = await b.connect(a)
      stream.send(bytes)
      assert.equal((await stream.error())?.condition, condition)
      await undisturbed()
    })
  }

  test('any split of the same bytes gives the same answer', async () => {
    const stream = await b.connect(a)
    for (const byte of Buffer.from(`<?xml version='1.0'?>${HEADER}<a>&lol;</a>`)) stream.send(Buffer.of(byte))
    assert.equal((await stream.header()).to, 'b.example')
    assert.equal((await stream.error())?.condition, 'restricted-xml')
    await undisturbed()
  })

  for (const [name, xml, condition] of AUTHENTICATED) {
    test(`authenticated, ${name} → ${condition}`, async () => {
      const stream = await authenticated()
      stream.send(`${FORGED.replace('forged', 'true')}${xml}${FORGED}`)
      const error = await stream.error()
      assert.equal(error?.condition, condition)
      if (name.startsWith('item 168')) assert.notEqual(error?.element.child('stanza-too-big', NS.errors), undefined)
      assert.equal((await romeo.message()).child('body')?.text, 'true', 'what came before is delivered')
      await undisturbed() // and the next message that comes is not a forged one
    })
  }

  test('row 24: what follows <starttls/> in the clear ends the connection', async () => {
    const stream = await b.connect(a)
    await stream.openAs('b.example', 'a.example')
    stream.send(`<starttls xmlns='${NS.tls}'/>${HEADER}`)
    const heard = await stream.untilClosed()
    assert.deepEqual(
      heard.flatMap((h) => (h.kind === 'element' ? [h.element.name] : [h.kind])),
      ['closed'],
    )
    await undisturbed()
  })

  test('garbage instead of a TLS handshake closes the connection', async () => {
    const stream = await b.connect(a)
    await stream.openAs('b.example', 'a.example')
    stream.send(`<starttls xmlns='${NS.tls}'/>`)
    await stream.element((e) => e.is('proceed', NS.tls))
    stream.socket.removeAllListeners('data') // an alert is no XML
    stream.socket.resume()
    stream.send('this is no handshake at all')
    await eventually('it is closed', () => stream.closed)
    await undisturbed()
  })

  test('an end of stream is answered by one', async () => {
    const stream = await authenticated()
    stream.end()
    assert.deepEqual(
      (await stream.untilClosed()).map((h) => h.kind),
      ['end', 'closed'],
    )
    await undisturbed()
  })

  test('a connection that is cut, at any stage, leaves nothing', async () => {
    ;(await b.connect(a)).destroy()
    const header = await b.connect(a)
    await header.openAs('b.example', 'a.example')
    header.destroy()
    const starttls = await b.connect(a)
    await starttls.openAs('b.example', 'a.example')
    starttls.send(`<starttls xmlns='${NS.tls}'/>`)
    await starttls.element()
    starttls.destroy()
    const secured = await b.dial(a, 'a.example')
    secured.stream.destroy()
    ;(await authenticated()).destroy()
    await undisturbed()
  })
})

describe('a host that requires encryption', () => {
  for (const [name, xml] of [
    ['auth', `<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>=</auth>`],
    ['compress', "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"],
    ['db:result', "<db:result xmlns:db='jabber:server:dialback' from='b.example' to='a.example'>key</db:result>"],
    ['bidi', `<bidi xmlns='${NS.bidi}'/>`],
    ['enable', `<enable xmlns='${NS.sm}'/>`],
    ['iq', "<iq type='get' id='1' from='b.example' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>"],
    ['presence', "<presence from='x@b.example' to='romeo@a.example'/>"],
  ] as const) {
    test(`row 26, item 65: ${name} before TLS is refused`, async () => {
      await using network = await Network.create()
      const a = await network.server('a.example', { global: 's2s_require_encryption = true' })
      await using b = await ScriptedPeer.listen(network, 'b.example')
      const stream = await b.connect(a)
      const features = await stream.openAs('b.example', 'a.example')
      assert.deepEqual(
        features?.children.map((c) => c.name),
        ['starttls'],
      )
      stream.send(xml)
      const heard = await (name === 'auth' ? stream.element() : stream.error())
      if (name === 'auth') assert.match(`${heard}`, /encryption-required/)
      else assert.match((heard as { condition: string }).condition, /not-authorized|policy-violation/)
      assert.equal(b.connections, 0)
      stream.destroy()
    })
  }
})
