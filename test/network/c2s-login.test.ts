import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import { type Attempt, authenticate } from '../helpers/sasl-client.ts'
import type { TestStream } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
const server = await network.server('a.example', {
  global: 'c2s_direct_tls_ports = { 0 }',
  users: ['romeo'],
  more: `VirtualHost "guests.a.example"
authentication = "anonymous"
VirtualHost "closed.example"
modules_disabled = { "c2s" }
VirtualHost "loose.example"
c2s_require_encryption = false
VirtualHost "looser.example"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
Component "rooms.a.example"`,
})
await server.createAccount('romeo@loose.example', PASSWORD)
await server.createAccount('romeo@looser.example', PASSWORD)

const to = (domain: string): string => `to='${domain}' version='1.0'`
const mechanisms = (features: Element | undefined): readonly string[] =>
  features?.child('mechanisms', NS.sasl)?.children.map((m) => m.text) ?? []

/** A stream with TLS on which features have been offered. */
async function encrypted(domain: string, direct: boolean, options: { maxVersion?: 'TLSv1.2' } = {}) {
  const stream = await network.connect(domain === 'a.example' ? domain : 'a.example', direct ? 'c2s_direct_tls' : 'c2s')
  if (direct) await stream.secure({ servername: domain, ...options })
  else {
    await stream.open(to(domain))
    await stream.startTls({ servername: domain, ...options })
  }
  const { features } = await stream.open(to(domain))
  return { stream, features }
}

async function bind(stream: TestStream, domain: string, resource = ''): Promise<string> {
  stream.restart()
  const { features } = await stream.open(to(domain))
  assert.ok(features?.child('bind', NS.bind), 'bind is offered')
  assert.equal(features?.child('mechanisms', NS.sasl), undefined, 'and no more mechanisms')
  const wish = resource === '' ? '' : `<resource>${resource}</resource>`
  stream.send(`<iq type='set' id='b'><bind xmlns='${NS.bind}'>${wish}</bind></iq>`)
  const bound = await stream.element()
  assert.equal(bound.attr('id'), 'b')
  return bound.child('bind', NS.bind)?.child('jid')?.text ?? ''
}

const attempts: readonly Omit<Attempt, 'user' | 'password'>[] = [
  { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-exporter' },
  { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-server-end-point' },
  { mechanism: 'SCRAM-SHA-1-PLUS', binding: 'tls-exporter' },
  { mechanism: 'SCRAM-SHA-1-PLUS', binding: 'tls-server-end-point' },
  { mechanism: 'SCRAM-SHA-256' },
  { mechanism: 'SCRAM-SHA-1' },
  { mechanism: 'PLAIN' },
]

for (const direct of [false, true]) {
  for (const attempt of attempts) {
    const by = `${attempt.mechanism}${attempt.binding === undefined ? '' : ` with ${attempt.binding}`}`
    test(`logs in over ${direct ? 'direct TLS' : 'STARTTLS'} by ${by}`, async () => {
      const { stream, features } = await encrypted('a.example', direct)
      assert.ok(mechanisms(features).includes(attempt.mechanism))
      assert.equal(features?.child('starttls', NS.tls), undefined)
      if (direct) assert.equal((stream.socket as TLSSocket).getProtocol(), 'TLSv1.3')
      assert.equal(await authenticate(stream, { ...attempt, user: 'romeo', password: PASSWORD }), 'success')
      assert.equal(await bind(stream, 'a.example', 'orchard'), 'romeo@a.example/orchard')
      stream.destroy()
    })
  }
}

test('what is offered: the strongest first, both bindings on TLS 1.3, no exporter before', async () => {
  const { stream, features } = await encrypted('a.example', false)
  assert.deepEqual(mechanisms(features), ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
  const bindings = (f: Element | undefined) =>
    f?.child('sasl-channel-binding', NS.saslChannelBinding)?.children.map((b) => b.attr('type'))
  assert.deepEqual([...(bindings(features) ?? [])].sort(), ['tls-exporter', 'tls-server-end-point'])
  stream.destroy()
  const old = await encrypted('a.example', true, { maxVersion: 'TLSv1.2' })
  assert.deepEqual(bindings(old.features), ['tls-server-end-point'])
  const login = { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-server-end-point', user: 'romeo', password: PASSWORD } as const
  assert.equal(await authenticate(old.stream, login), 'success')
  old.stream.destroy()
})

test('a channel binding of another connection is refused', async () => {
  for (const binding of ['tls-exporter', 'tls-server-end-point'] as const) {
    const { stream } = await encrypted('a.example', false)
    const login = { mechanism: 'SCRAM-SHA-256-PLUS', binding, user: 'romeo', password: PASSWORD, wrongBinding: true } as const
    assert.equal(await authenticate(stream, login), 'not-authorized')
    stream.destroy()
  }
})

test('a wrong password and an unknown user look the same by every mechanism', async () => {
  for (const attempt of attempts) {
    const { stream } = await encrypted('a.example', false)
    const wrong = await authenticate(stream, { ...attempt, user: 'romeo', password: 'wrong' })
    const unknown = await authenticate(stream, { ...attempt, user: 'nobody', password: PASSWORD })
    assert.deepEqual([wrong, unknown], ['not-authorized', 'not-authorized'], attempt.mechanism)
    stream.destroy()
  }
})

test('an unknown user gets the same salt each time, and the iterations of real accounts', async () => {
  const first = async (user: string): Promise<string> => {
    const { stream } = await encrypted('a.example', false)
    const data = Buffer.from(`n,,n=${user},r=abc`).toString('base64')
    stream.send(`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>${data}</auth>`)
    const challenge = Buffer.from((await stream.element()).text, 'base64').toString()
    stream.destroy()
    return challenge.split(',').slice(1).join(',')
  }
  const [once, again, other, real] = [await first('nobody'), await first('nobody'), await first('someone'), await first('romeo')]
  assert.equal(once, again)
  assert.notEqual(once, other)
  const shape = (s: string): string => s.replace(/s=[^,]+/, (salt) => `s*${salt.length}`)
  assert.equal(shape(once), shape(real))
})

test('the fifth failure ends the stream', async () => {
  const { stream } = await encrypted('a.example', false)
  for (let i = 0; i < 5; i++) {
    assert.equal(await authenticate(stream, { mechanism: 'PLAIN', user: 'romeo', password: 'wrong' }), 'not-authorized')
  }
  const error = await stream.element()
  assert.ok(error.is('error', NS.streams))
  assert.equal(error.children[0]?.name, 'policy-violation')
})

test('without TLS a host that requires encryption offers nothing but STARTTLS and takes no password', async () => {
  const stream = await network.connect('a.example')
  const { features } = await stream.open(to('a.example'))
  assert.deepEqual(mechanisms(features), [])
  assert.ok(features?.child('starttls', NS.tls)?.child('required', NS.tls))
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-1']) {
    assert.equal(await authenticate(stream, { mechanism, user: 'romeo', password: PASSWORD }), 'encryption-required')
  }
  stream.send("<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>")
  const error = await stream.element()
  assert.equal(error.children[0]?.name, 'not-authorized')
})

test('c2s_require_encryption = false: SCRAM in the clear, PLAIN only where it is allowed', async () => {
  const loose = await network.connect('a.example')
  const offered = await loose.open(to('loose.example'))
  assert.deepEqual(mechanisms(offered.features), ['SCRAM-SHA-256', 'SCRAM-SHA-1'])
  const plain = await authenticate(loose, { mechanism: 'PLAIN', user: 'romeo', password: PASSWORD })
  assert.ok(['encryption-required', 'invalid-mechanism'].includes(plain), plain)
  assert.equal(await authenticate(loose, { mechanism: 'SCRAM-SHA-1', user: 'romeo', password: PASSWORD }), 'success')
  assert.match(await bind(loose, 'loose.example'), /^romeo@loose\.example\/.+/)

  const looser = await network.connect('a.example')
  assert.ok(mechanisms((await looser.open(to('looser.example'))).features).includes('PLAIN'))
  assert.equal(await authenticate(looser, { mechanism: 'PLAIN', user: 'romeo', password: PASSWORD }), 'success')
  assert.match(await bind(looser, 'looser.example'), /^romeo@looser\.example\/.+/)
})

test('an anonymous host takes guests, each under a name of its own, and no passwords', async () => {
  const guest = async (): Promise<string> => {
    const { stream, features } = await encrypted('guests.a.example', false)
    assert.deepEqual(mechanisms(features), ['ANONYMOUS'])
    assert.equal(await authenticate(stream, { mechanism: 'PLAIN', user: 'x', password: 'x' }), 'invalid-mechanism')
    assert.equal(await authenticate(stream, { mechanism: 'ANONYMOUS', user: '', password: '' }), 'success')
    return bind(stream, 'guests.a.example')
  }
  const [one, two] = [await guest(), await guest()]
  assert.match(one, /^[0-9a-f]{32}@guests\.a\.example\/.+$/)
  assert.notEqual(one.split('@')[0], two.split('@')[0])
})

for (const domain of ['closed.example', 'rooms.a.example', 'nowhere.example']) {
  test(`clients are not served at ${domain}`, async () => {
    const stream = await network.connect('a.example')
    stream.send(`<stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}' ${to(domain)}>`)
    const said = await stream.untilClosed()
    assert.deepEqual(
      said.map((h) => (h.kind === 'element' ? h.element.children[0]?.name : h.kind)),
      ['header', 'host-unknown', 'end', 'closed'],
    )
  })
}

test('a name is prepared before it is looked up, so that spelling makes no second identity', async () => {
  const { stream } = await encrypted('a.example', false)
  assert.equal(await authenticate(stream, { mechanism: 'PLAIN', user: 'ＲＯＭＥＯ', password: PASSWORD }), 'success')
  assert.equal(await bind(stream, 'a.example', 'x'), 'romeo@a.example/x')
  const twice = await network.connect('a.example')
  await twice.open(to('A.Example.'))
  twice.destroy()
})

test('names that are keys elsewhere are plain names here', async () => {
  for (const user of ['__proto__', 'constructor', 'hasownproperty', "o'; drop table entry;--", '../../x', '..%2f']) {
    const { stream } = await encrypted('a.example', false)
    assert.equal(await authenticate(stream, { mechanism: 'PLAIN', user, password: PASSWORD }), 'not-authorized', user)
    stream.destroy()
  }
  for (const user of ['__proto__', 'constructor', '../../x', '..%2f', '--);(*']) {
    await server.createAccount(`${user.replace(/[/]/g, '.')}@a.example`, PASSWORD)
    const client = await network.client(`${user.replace(/[/]/g, '.')}@a.example`)
    client.send(`<message to='${client.jid}' type='chat'><body>me</body></message>`)
    assert.equal((await client.message()).attr('from'), client.jid)
  }
})
