import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import { type Issued, type IssueOptions, TestAuthority } from '../../src/testing/certificate-authority.ts'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { Network } from '../helpers/network.ts'
import { PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'

const DAY_MS = 86_400_000
const offersExternal = (features: Element | undefined): boolean =>
  features
    ?.child('mechanisms', NS.sasl)
    ?.childrenNamed('mechanism')
    .some((m) => m.text === 'EXTERNAL') === true

describe('certificates of peers that dial us', () => {
  let network: Network
  let a: Server
  let strict: Server
  let b: ScriptedPeer
  before(async () => {
    network = await Network.create()
    const direct = 's2s_direct_tls_ports = { 0 }'
    a = await network.server('a.example', { users: ['romeo'], global: direct, more: 'VirtualHost "bücher.example"' })
    strict = await network.server('strict.example', { global: `${direct}; s2s_secure_auth = true` })
    b = await ScriptedPeer.listen(network, 'b.example')
  })
  after(async () => {
    await b[Symbol.asyncDispose]()
    await network[Symbol.asyncDispose]()
  })

  const dial = async (server: Server, to: string, issued: Issued | undefined, from = 'b.example') => {
    const stream = await b.connect(server)
    await stream.openAs(from, to)
    await stream.startTls({ servername: to, ...(issued === undefined ? {} : { cert: issued.chainPem, key: issued.keyPem }) })
    const features = await stream.reopen()
    return { stream, features }
  }
  const evilChain = (options: IssueOptions): Issued => {
    const evil = TestAuthority.root({ nowMs: Date.now() })
    const issued = evil.issue(options)
    return { ...issued, chainPem: issued.chainPem + evil.caPem }
  }
  const dns = ['b.example']

  /** Row 16, the purposes of certificates; rows 17 to 20, their names. What a strict host says; undefined: EXTERNAL. */
  const zoo: readonly (readonly [string, () => Issued | undefined, string | undefined])[] = [
    ['serverAuth and clientAuth', () => network.ca.issue({ dns }), undefined],
    ['serverAuth only', () => network.ca.issue({ dns, eku: ['serverAuth'] }), undefined],
    ['no extended key usage', () => network.ca.issue({ dns, eku: 'none' }), undefined],
    ['clientAuth only', () => network.ca.issue({ dns, eku: ['clientAuth'] }), 'is not trusted'],
    ['by an intermediate', () => network.ca.intermediate().issue({ dns, eku: ['serverAuth'] }), undefined],
    ['self-signed, serverAuth only', () => network.ca.issue({ dns, eku: ['serverAuth'], selfSigned: true }), 'is self-signed'],
    ['self-signed', () => network.ca.issue({ dns, selfSigned: true }), 'is self-signed'],
    ["an attacker's CA, serverAuth only", () => evilChain({ dns, eku: ['serverAuth'] }), 'is not trusted'],
    ["an attacker's CA", () => evilChain({ dns }), 'is not trusted'],
    [
      'expired, serverAuth only',
      () => network.ca.issue({ dns, eku: ['serverAuth'], notBefore: Date.now() - 9 * DAY_MS, notAfter: Date.now() - DAY_MS }),
      'has expired',
    ],
    ['not valid yet', () => network.ca.issue({ dns, notBefore: Date.now() + DAY_MS }), 'is not trusted'],
    ['item 86: a CA certificate as leaf', () => network.ca.issue({ dns, ca: true }), 'is not trusted'],
    ['issued by a leaf', () => network.ca.intermediate({ ca: false }).issue({ dns }), 'is not trusted'],
    [
      'outside of name constraints',
      () => network.ca.intermediate({ permittedDns: ['c.example'] }).issue({ dns }),
      'is not trusted',
    ],
    ['another name', () => network.ca.issue({ dns: ['c.example'] }), 'is not valid for this name'],
    [
      'row 18: the name in CN only',
      () => network.ca.issue({ cn: 'b.example', dns: ['c.example'] }),
      'is not valid for this name',
    ],
    ['row 18: the name in OU', () => network.ca.issue({ ou: 'CN=b.example', dns: ['c.example'] }), 'is not valid for this name'],
    ['row 19: a name with a comma', () => network.ca.issue({ dns: ['c.example, DNS:b.example'] }), 'is not valid for this name'],
    ['row 20: *.example', () => network.ca.issue({ dns: ['*.example'] }), 'is not valid for this name'],
    ['row 20: *.b.example', () => network.ca.issue({ dns: ['*.b.example'] }), 'is not valid for this name'],
    ['item 87: SRVName of servers', () => network.ca.issue({ srvName: ['_xmpp-server.b.example'] }), undefined],
    [
      'item 87: SRVName of clients',
      () => network.ca.issue({ srvName: ['_xmpp-client.b.example'] }),
      'is not valid for this name',
    ],
    ['item 87: xmppAddr', () => network.ca.issue({ xmppAddr: ['b.example'] }), undefined],
    ['none', () => undefined, 'could not be validated, as none was presented'],
  ]
  for (const [name, issue, fault] of zoo) {
    test(`row 16: ${name}: EXTERNAL is ${fault === undefined ? '' : 'not '}offered`, async () => {
      const issued = issue()
      const open = await dial(a, 'a.example', issued)
      assert.equal(offersExternal(open.features), fault === undefined)
      assert.notEqual(open.features?.child('dialback', NS.dialbackFeature), undefined, 'dialback may be tried')
      if (fault === undefined) assert.equal(await open.stream.external('b.example'), 'success')
      else assert.notEqual(await open.stream.external('b.example'), 'success')
      open.stream.destroy()
      const closed = await dial(strict, 'strict.example', issued)
      if (fault === undefined) assert.ok(offersExternal(closed.features))
      else {
        assert.notEqual(closed.features?.child('not-authorized', NS.streamErrors), undefined)
        assert.equal(closed.features?.child('text', NS.streamErrors)?.text, `Your server's certificate ${fault}`)
      }
      closed.stream.destroy()
    })
  }

  for (const claim of [
    'a.example',
    'A.Example',
    'a.example.',
    'ａ.example',
    'bücher.example',
    'xn--bcher-kva.example',
    'BÜCHER.example',
  ]) {
    test(`row 11: nobody is ${claim} but us, whatever the certificate`, async () => {
      const ours = network.ca.issue({ dns: ['a.example', 'xn--bcher-kva.example'] })
      const stream = await b.connect(a)
      await stream.open("to='a.example' version='1.0'", NS.server)
      await stream.startTls({ servername: 'a.example', cert: ours.chainPem, key: ours.keyPem })
      stream.send(
        `<stream:stream xmlns='jabber:server' xmlns:stream='${NS.streams}' from='${claim}' to='a.example' version='1.0'>`,
      )
      const error = await stream.error()
      assert.equal(error?.condition, 'not-authorized')
      const { stream: dialback } = await b.dial(a, 'a.example')
      dialback.send(`<db:result from='${claim}' to='a.example'>key</db:result>`)
      assert.equal((await dialback.error())?.condition, 'not-authorized')
    })
  }

  for (const [authzid, outcome] of [
    ['b.example', 'success'],
    ['B.EXAMPLE', 'success'],
    ['', 'success'],
    ['c.example', 'invalid-authzid'],
    ['a.example', 'invalid-authzid'],
    ['x@b.example', 'invalid-authzid'],
    ['b.example/x', 'invalid-authzid'],
    ['b.example\0', 'invalid-authzid'],
  ] as const) {
    test(`items 99, 100, row 32: authzid ${JSON.stringify(authzid)} → ${outcome}`, async () => {
      const { stream } = await b.dial(a, 'a.example')
      assert.equal(await stream.external(authzid), outcome)
      stream.destroy()
    })
  }

  for (const [what, xml, condition] of [
    ['a response before any auth', `<response xmlns='${NS.sasl}'>=</response>`, 'malformed-request'],
    ['another mechanism', `<auth xmlns='${NS.sasl}' mechanism='ANONYMOUS'/>`, 'invalid-mechanism'],
    ['PLAIN', `<auth xmlns='${NS.sasl}' mechanism='PLAIN'>AGEAYg==</auth>`, 'invalid-mechanism'],
    ['abort', `<abort xmlns='${NS.sasl}'/>`, 'aborted'],
    ['bad base64', `<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>=AAA</auth>`, 'incorrect-encoding'],
    ['base64 with a blank', `<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>Yi5l eGFtcGxl</auth>`, 'incorrect-encoding'],
  ] as const) {
    test(`row 31, items 98, 102, 106: ${what} → ${condition}`, async () => {
      const { stream } = await b.dial(a, 'a.example')
      stream.send(xml)
      const failure = await stream.element((e) => e.is('failure', NS.sasl))
      assert.equal(failure.children[0]?.name, condition)
      assert.equal(await stream.external('b.example'), 'success', 'one failure is not the end')
      stream.destroy()
    })
  }

  test('item 103: the third failure ends the stream with policy-violation', async () => {
    const { stream } = await b.dial(a, 'a.example')
    stream.send(`<auth xmlns='${NS.sasl}' mechanism='X'/>`.repeat(6))
    const heard = await stream.untilClosed()
    const names = heard.flatMap((h) => (h.kind === 'element' ? [h.element.children[0]?.name] : []))
    assert.deepEqual(names, ['invalid-mechanism', 'invalid-mechanism', 'invalid-mechanism', 'policy-violation'])
  })

  test('item 101: EXTERNAL without an initial response, by challenge and response', async () => {
    const { stream } = await b.dial(a, 'a.example')
    stream.send(`<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'/>`)
    await stream.element((e) => e.is('challenge', NS.sasl))
    stream.send(`<response xmlns='${NS.sasl}'>${btoa('b.example')}</response>`)
    await stream.element((e) => e.is('success', NS.sasl))
    stream.destroy()
  })

  for (const [what, attrs] of [
    ['from', "from='c.example' to='a.example'"],
    ['to', "from='b.example' to='xn--bcher-kva.example'"],
  ] as const) {
    test(`row 33: another '${what}' after EXTERNAL ends the stream`, async () => {
      const { stream } = await b.dial(a, 'a.example')
      assert.equal(await stream.external('b.example'), 'success')
      stream.send(`<stream:stream xmlns='jabber:server' xmlns:stream='${NS.streams}' ${attrs} version='1.0'>`)
      assert.equal((await stream.error())?.condition, 'improper-addressing')
    })
  }

  test('items 12, 14: direct TLS, the same rules and no STARTTLS', async () => {
    const [address] = a.config.get(undefined, 'interfaces')
    const issued = network.ca.issue({ dns })
    const identity = { servername: 'a.example', cert: issued.chainPem, key: issued.keyPem }
    for (const alpn of [{ ALPNProtocols: ['xmpp-server'] }, {}]) {
      const stream = await PeerStream.connectTls(address!, a.ports('s2s_direct_tls')[0]!, { ...identity, ...alpn })
      const features = await stream.openAs('b.example', 'a.example')
      assert.ok(offersExternal(features))
      assert.equal(features?.child('starttls', NS.tls), undefined)
      assert.equal(await stream.external('b.example'), 'success')
      stream.destroy()
    }
  })

  for (const [what, options] of [
    ['row 30: ALPN of another protocol', { servername: 'a.example', ALPNProtocols: ['http/1.1'] }],
    ['item 79: a name that is not ours', { servername: 'victim.example' }],
  ] as const) {
    test(`${what}: the handshake fails, the listener lives`, async () => {
      const [address] = a.config.get(undefined, 'interfaces')
      const port = a.ports('s2s_direct_tls')[0]!
      await assert.rejects(PeerStream.connectTls(address!, port, options), /alert|disconnected/i)
      const stream = await PeerStream.connectTls(address!, port, { servername: 'a.example' })
      await stream.openAs('b.example', 'a.example')
      stream.destroy()
    })
  }
})
