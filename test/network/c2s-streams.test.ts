import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, describe, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { client, type XmlElement, xml } from '@xmpp/client'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { say } from '../helpers/expect.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import { authenticate } from '../helpers/sasl-client.ts'
import type { Heard, TestStream } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
const server = await network.server('a.example', {
  global: 'c2s_direct_tls_ports = { 0 }',
  users: ['romeo', 'juliet', 'nurse'],
})
const address = server.config.get(undefined, 'interfaces')[Symbol.iterator]().next().value!

const HEADER = `<?xml version='1.0'?><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}' to='a.example' version='1.0'>`
/** What a stream was told at its end, presence apart: the conditions of errors, and `end` and `closed`. */
const ending = (heard: readonly Heard[]): readonly string[] =>
  heard
    .filter(
      (h) =>
        h.kind !== 'header' && !(h.kind === 'element' && (h.element.is('features', NS.streams) || h.element.name === 'presence')),
    )
    .map((h) =>
      h.kind === 'element' ? (h.element.is('error', NS.streams) ? h.element.children[0]!.name : say(h.element)) : h.kind,
    )
const noStreams = (): Promise<void> => eventually('no streams', () => server.status().clientStreams === 0)

describe('a stock client library', () => {
  test('logs in over STARTTLS, is satisfied with the certificate, and chats', async () => {
    setDefaultCACertificates([...getCACertificates(), network.ca.caPem])
    const service = `xmpp://${address}:${server.ports('c2s')[0]}`
    const login = (username: string) => {
      const made = client({ service, domain: 'a.example', username, password: PASSWORD })
      made.reconnect.stop()
      return made
    }
    const [romeo, juliet] = [login('romeo'), login('juliet')]
    try {
      const jid = (await romeo.start()).toString()
      await juliet.start()
      const heard = once(juliet, 'stanza') as Promise<[XmlElement]>
      await juliet.send(xml('presence'))
      assert.ok((await heard)[0].is('presence'), 'its own presence comes back')
      const message = once(juliet, 'stanza') as Promise<[XmlElement]>
      await romeo.send(xml('message', { to: 'juliet@a.example', type: 'chat' }, xml('body', {}, 'wherefore & why')))
      const [got] = await message
      assert.equal(got.getChildText('body'), 'wherefore & why')
      assert.equal(got.attrs['from'], jid)
      const roster = await romeo.iqCaller.request(xml('iq', { type: 'get' }, xml('query', { xmlns: NS.roster })))
      assert.equal(roster.attrs['type'], 'result')
    } finally {
      await Promise.all([romeo.stop(), juliet.stop()])
    }
  })
})

describe('resources', () => {
  test('a resource that is taken goes to the newcomer; the old one is told, and does nothing more', async () => {
    const old = await network.client('romeo@a.example', { resource: 'desk' })
    const juliet = await network.client('juliet@a.example')
    old.send(`<presence to='${juliet.jid}'/>`)
    await juliet.presence()
    old.answersEnd = false
    const end = old.untilClosed()
    const anew = await network.client('romeo@a.example', { resource: 'desk' })
    assert.equal(anew.jid, old.jid)
    assert.equal(say(await juliet.presence()), `unavailable ${old.jid}`)
    old.send(`<message to='${juliet.jid}'><body>ghost</body></message>`)
    old.end()
    assert.deepEqual(ending(await end), ['conflict', 'end', 'closed'])
    anew.send(`<message to='${juliet.jid}'><body>me</body></message>`)
    assert.equal((await juliet.message()).child('body')?.text, 'me')
    juliet.send(`<message to='${anew.jid}'><body>you</body></message>`)
    assert.equal((await anew.message()).child('body')?.text, 'you')
  })

  test('without a wish the resource is made up, each time another; a bad wish is refused', async () => {
    const ask = async (inside: string): Promise<string> => {
      const stream = await network.connect('a.example')
      await stream.open("to='a.example' version='1.0'")
      await stream.startTls({ servername: 'a.example' })
      await stream.open("to='a.example' version='1.0'")
      assert.equal(await authenticate(stream, { mechanism: 'PLAIN', user: 'nurse', password: PASSWORD }), 'success')
      stream.restart()
      await stream.open("to='a.example' version='1.0'")
      stream.send(`<iq type='set' id='b'><bind xmlns='${NS.bind}'>${inside}</bind></iq>`)
      const bound = await stream.element()
      stream.destroy()
      return bound.child('bind', NS.bind)?.child('jid')?.text ?? bound.child('error')?.children[0]?.name ?? ''
    }
    const [one, two] = [await ask(''), await ask('')]
    assert.match(one, /^nurse@a\.example\/.{8,}$/)
    assert.notEqual(one, two)
    assert.equal(await ask(`<resource>${'r'.repeat(1024)}</resource>`), 'bad-request')
    assert.equal(await ask('<resource>a&lt;b /é 名</resource>'), 'nurse@a.example/a<b /é 名')
  })

  test('before a resource is bound nothing but binding is done', async () => {
    const stream = await network.connect('a.example')
    await stream.open("to='a.example' version='1.0'")
    await stream.startTls({ servername: 'a.example' })
    await stream.open("to='a.example' version='1.0'")
    await authenticate(stream, { mechanism: 'PLAIN', user: 'nurse', password: PASSWORD })
    stream.restart()
    await stream.open("to='a.example' version='1.0'")
    stream.send("<message to='romeo@a.example'><body>early</body></message>")
    assert.deepEqual(ending(await stream.untilClosed()), ['not-authorized', 'end', 'closed'])
  })
})

describe('a client is who it is', () => {
  for (const [what, from] of [
    ['another user', 'juliet@a.example'],
    ['another resource', 'romeo@a.example/other'],
    ['a remote user', 'romeo@b.example/spoof'],
    ['the server', 'a.example'],
    ['no address at all', 'a b'],
  ] as const) {
    test(`a stanza from ${what} ends the stream with invalid-from, and what follows is not read`, async () => {
      const juliet = await network.client('juliet@a.example', { resource: 'victim' })
      const romeo = await network.client('romeo@a.example', { resource: 'spoof' })
      romeo.send(
        `<message to='${juliet.jid}' from='${from}'><body>1</body></message><message to='${juliet.jid}'><body>2</body></message>`,
      )
      assert.deepEqual(ending(await romeo.untilClosed()), ['invalid-from', 'end', 'closed'])
      assert.deepEqual((await juliet.elements((e) => e.name !== 'presence')).map(say), [])
    })
  }

  test('its own addresses are fine, and what arrives has the full one', async () => {
    const romeo = await network.client('romeo@a.example', { resource: 'true' })
    for (const from of [romeo.jid, 'romeo@a.example', 'ROMEO@A.example']) {
      romeo.send(`<message to='${romeo.jid}' from='${from}'><body>x</body></message>`)
      assert.equal((await romeo.message()).attr('from'), romeo.jid)
    }
  })
})

describe('bad input from clients', () => {
  const early: readonly (readonly [what: string, bytes: string | Buffer, condition: string])[] = [
    ['HTTP', 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', 'not-well-formed'],
    ['a server stream', HEADER.replace('jabber:client', 'jabber:server'), 'invalid-namespace'],
    ['no version', HEADER.replace(" version='1.0'>", '>'), 'unsupported-version'],
    ['no domain', HEADER.replace("to='a.example'", ''), 'host-unknown'],
    ['an entity bomb', `<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a "aaaa">]>${HEADER}`, 'restricted-xml'],
    ['invalid UTF-8', Buffer.concat([Buffer.from(`${HEADER}<a>`), Buffer.from([0xc0, 0xaf])]), 'not-well-formed'],
    ['a stanza before anything', `${HEADER}<presence/>`, 'not-authorized'],
    ['a tag that never ends', `${HEADER}<${'a'.repeat(100_000)}`, 'policy-violation'],
    [
      'an oversized <auth/>',
      `${HEADER}<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${'A'.repeat(200_000)}</auth>`,
      'policy-violation',
    ],
    ['deep nesting', `${HEADER}${'<a>'.repeat(1000)}`, 'policy-violation'],
    ['a response before auth, again and again', `${HEADER}${`<response xmlns='${NS.sasl}'/>`.repeat(6)}`, 'policy-violation'],
  ]
  for (const [what, bytes, condition] of early) {
    test(`${what}: ${condition}, closed, nothing left`, async () => {
      const stream = await network.connect('a.example')
      stream.send(bytes)
      const heard = await stream.untilClosed()
      assert.equal(heard[0]?.kind, 'header', 'ours comes before the error')
      assert.deepEqual(ending(heard).slice(-3), [condition, 'end', 'closed'])
    })
  }

  const late: readonly (readonly [what: string, xml: string, condition: string])[] = [
    ['an oversized stanza', `<message><body>${'x'.repeat(300_000)}</body></message>`, 'policy-violation'],
    ['a comment', '<!-- x -->', 'restricted-xml'],
    ['unbalanced tags', '<message></presence>', 'not-well-formed'],
    ['text between stanzas', 'hello', 'bad-format'],
    ['an element that nobody knows', "<x xmlns='urn:x'/>", 'unsupported-stanza-type'],
  ]
  for (const [what, bytes, condition] of late) {
    test(`after log-in ${what}: ${condition}; contacts learn that the session is over, others go on`, async () => {
      const juliet = await network.client('juliet@a.example', { resource: 'watcher' })
      const romeo = await network.client('romeo@a.example', { resource: 'bad' })
      romeo.send(`<presence to='${juliet.jid}'/>`)
      await juliet.presence((e) => e.attr('from') === romeo.jid)
      romeo.send(bytes)
      assert.deepEqual(ending(await romeo.untilClosed()), [condition, 'end', 'closed'])
      assert.equal(say(await juliet.presence((e) => e.attr('from') === romeo.jid)), `unavailable ${romeo.jid}`)
      assert.equal((await juliet.request('get', '', `<ping xmlns='${NS.ping}'/>`)).attr('type'), 'result')
    })
  }

  test('nothing is delivered to a stream that has ended but is not closed', async () => {
    const romeo = await network.client('romeo@a.example', { resource: 'half' })
    romeo.answersEnd = false
    const juliet = await network.client('juliet@a.example', { resource: 'writer' })
    romeo.send('<!-- -->')
    await romeo.element((e) => e.is('error', NS.streams))
    juliet.send(`<message to='${romeo.jid}' type='normal' id='m'><body>x</body></message>`)
    juliet.send(`<iq to='${romeo.jid}' type='get' id='q'><ping xmlns='${NS.ping}'/></iq>`)
    assert.equal(say(await juliet.element((e) => e.attr('id') === 'q')), 'iq error')
    romeo.end()
    assert.deepEqual(ending(await romeo.untilClosed()), ['end', 'closed'])
  })

  test('a flood of connections that say nothing, garbage, or half a log-in leaves nothing', async () => {
    const romeo = await network.client('romeo@a.example', { resource: 'bystander' })
    const streams: TestStream[] = []
    for (let i = 0; i < 120; i++) {
      const stream = await network.connect('a.example')
      if (i % 4 === 1) stream.send(HEADER)
      if (i % 4 === 2) stream.send(`${HEADER}<starttls xmlns='${NS.tls}'/>\u0016\u0003\u0001garbage`)
      if (i % 4 === 3) stream.send('garbage')
      streams.push(stream)
    }
    assert.equal((await romeo.request('get', '', `<ping xmlns='${NS.ping}'/>`)).attr('type'), 'result')
    for (const stream of streams) stream.destroy()
    await eventually('only sessions are left', () => server.status().clientStreams <= server.status().hosts[0]!.sessions)
  })

  test('who logs in too slowly is sent away', async () => {
    await using slow = await Network.create()
    const other = await slow.server('slow.example', { global: 'c2s_timeout = 1' })
    const silent = await slow.connect('slow.example')
    const idle = await slow.connect('slow.example')
    idle.send(HEADER.replace('a.example', 'slow.example'))
    const handshake = await slow.connect('slow.example')
    handshake.send(`${HEADER.replace('a.example', 'slow.example')}<starttls xmlns='${NS.tls}'/>`)
    for (const stream of [silent, idle, handshake]) {
      const end = ending(await stream.untilClosed())
      assert.ok(stream === handshake || end.includes('connection-timeout'), end.join())
    }
    await eventually('nothing is left', () => other.status().clientStreams === 0)
  })
})

test('at the end nothing is left', async () => {
  await server.setPassword('romeo@a.example', PASSWORD)
  await server.setPassword('juliet@a.example', PASSWORD)
  await server.setPassword('nurse@a.example', PASSWORD)
  await noStreams()
  assert.equal(server.status().hosts[0]?.sessions, 0)
})
