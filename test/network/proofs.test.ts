import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { pemOf } from '../../src/net/pem.ts'
import type { Server } from '../../src/server.ts'
import type { IssueOptions } from '../../src/testing/certificate-authority.ts'
import type { DnsBehaviour, TestTlsa } from '../../src/testing/dns-server.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, type TestClient } from '../helpers/test-client.ts'

const DANE = 'use_dane = true'
const STRICT = 's2s_secure_auth = true'
const MISMATCH = 'certificate does not match any DANE TLSA records'
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
const WRONG: TestTlsa = { usage: 3, selector: 1, matching: 1, data: sha256(Buffer.from('another key')) }
/** "3 1 1" for the certificate that a peer shows. */
const right = ({ identity }: ScriptedPeer): TestTlsa => {
  const key = new X509Certificate(identity!.cert).publicKey.export({ type: 'spki', format: 'der' })
  return { usage: 3, selector: 1, matching: 1, data: sha256(key) }
}

let network: Network
let strict: Server
let lax: Server
let secured: TestClient
let careless: TestClient
before(async () => {
  network = await Network.create()
  strict = await network.server('strict.example', { users: ['romeo'], global: `${DANE}; ${STRICT}` })
  lax = await network.server('lax.example', { users: ['romeo'], global: DANE })
  secured = await network.client('romeo@strict.example')
  careless = await network.client('romeo@lax.example')
})
after(() => network[Symbol.asyncDispose]())

/** Each test has a domain of its own, so that nothing is remembered from the one before. */
let domain: string
let count = 0
beforeEach(() => {
  domain = `b${++count}.example`
})

interface Signed {
  readonly srv?: boolean
  readonly address?: boolean
  readonly tlsa?: readonly TestTlsa[]
  readonly tlsaSigned?: boolean
  readonly behaviour?: DnsBehaviour
}

/** What DNS says about a peer, signed unless told otherwise. */
function publish(peer: ScriptedPeer, { srv = true, address = true, tlsa, tlsaSigned = true, behaviour }: Signed = {}): void {
  const target = `xmpp.${peer.domain}`
  network.dns.set(`_xmpp-server._tcp.${peer.domain}`, { SRV: [{ target, port: peer.port }], authenticated: srv })
  network.dns.set(`_xmpps-server._tcp.${peer.domain}`, { SRV: [], authenticated: srv })
  network.dns.set(target, { A: [peer.address], authenticated: address })
  if (tlsa !== undefined || behaviour !== undefined) {
    network.dns.set(`_${peer.port}._tcp.${target}`, {
      ...(tlsa === undefined ? {} : { TLSA: tlsa }),
      ...(behaviour === undefined ? {} : { behaviour }),
      authenticated: tlsaSigned,
    })
  }
}

const listen = (certificate: 'ca' | 'self-signed' | 'none' | IssueOptions = 'self-signed') =>
  ScriptedPeer.listen(network, domain, { certificate })

const say = (client: TestClient): void => client.send(`<message to='juliet@${domain}' id='m1'><body>hi</body></message>`)

const bounce = async (client: TestClient): Promise<string> => {
  say(client)
  return bounceOf(await client.message((e) => e.attr('type') === 'error'))
}

const delivered = async (client: TestClient, peer: ScriptedPeer): Promise<void> => {
  const kept = peer.serve()
  say(client)
  await eventually('the message arrives', () => kept.length > 0)
}

const proof = (server: Server, direction: 'in' | 'out') =>
  server.explain(undefined, domain).evidence?.handshakes[direction]?.proof
const asked = (type: string): number => network.dns.queries.filter((q) => q.type === type && q.name.includes(domain)).length

describe('DANE, when we dial (RFC 7673)', () => {
  test('items 17, 20: a self-signed certificate that a secure record is about will do', async () => {
    await using peer = await listen()
    publish(peer, { tlsa: [WRONG, right(peer)] })
    await delivered(secured, peer)
    assert.equal(proof(strict, 'out'), 'dane')
    assert.equal(asked('TLSA'), 1)
  })

  test('records that are about another certificate: refused, also what PKIX finds valid, also where none is demanded', async () => {
    await using peer = await listen('ca')
    publish(peer, { tlsa: [WRONG] })
    peer.serve()
    assert.ok((await bounce(secured)).includes(`Remote server's ${MISMATCH}`))
    await using second = await ScriptedPeer.listen(network, (domain = `b${++count}.example`), { certificate: 'ca' })
    publish(second, { tlsa: [WRONG] })
    const kept = second.serve()
    assert.ok((await bounce(careless)).includes(`Remote server's ${MISMATCH}`))
    assert.equal(kept.length, 0)
  })

  for (const [what, how] of [
    ['the record is not signed', { tlsaSigned: false }],
    ['SRV is not signed', { srv: false }],
    ['the address is not signed', { address: false }],
    ['the record is one that nobody understands', { tlsa: [{ ...WRONG, usage: 9 }] }],
  ] as const) {
    test(`item 15: ${what}: as without DANE`, async () => {
      await using peer = await listen('ca')
      publish(peer, { tlsa: [WRONG], ...how })
      await delivered(secured, peer)
      assert.equal(proof(strict, 'out'), 'pkix')
      await using self = await ScriptedPeer.listen(network, (domain = `b${++count}.example`), { certificate: 'self-signed' })
      publish(self, { tlsa: [right(self)], ...how })
      self.serve()
      assert.ok((await bounce(secured)).includes("Remote server's certificate is self-signed"))
    })
  }

  for (const behaviour of ['bogus', 'servfail'] as const) {
    test(`item 18: the question for the record ends with ${behaviour}: not dialled`, async () => {
      await using peer = await listen('ca')
      publish(peer, { behaviour })
      assert.ok((await bounce(careless)).includes('TLSA look-up: no answer that could be believed'))
      assert.equal(peer.connections, 0)
    })
  }

  test('item 18: only that place is passed over', async () => {
    await using bad = await listen('ca')
    publish(bad, { behaviour: 'bogus' })
    await using good = await listen('ca')
    network.dns.set(`_xmpp-server._tcp.${domain}`, {
      SRV: [
        { target: `xmpp.${domain}`, port: bad.port, priority: 1 },
        { target: `xmpp.${domain}`, port: good.port, priority: 2 },
      ],
      authenticated: true,
    })
    network.dns.set(`xmpp.${domain}`, { A: [good.address], authenticated: true })
    await delivered(careless, good)
    assert.equal(bad.connections, 0)
  })

  test('item 18: TLS is a must where there are records, though the peer offers none and nothing here demands it', async () => {
    await using peer = await listen('none')
    publish(peer, { tlsa: [WRONG] })
    say(careless)
    const stream = await peer.accepted()
    await stream.header()
    stream.answer(DIALBACK)
    await stream.element((e) => e.is('starttls', NS.tls))
    stream.send(`<failure xmlns='${NS.tls}'/>`)
    assert.match(bounceOf(await careless.message((e) => e.attr('type') === 'error')), /refused to start TLS/)
  })
})

describe('the SRV target as a name (item 19, row 21)', () => {
  const host = (): IssueOptions => ({ dns: [`xmpp.${domain}`] })

  test('where DNSSEC vouches for the record a certificate for the host will do', async () => {
    await using peer = await listen(host())
    publish(peer, { address: false })
    await delivered(secured, peer)
    assert.equal(proof(strict, 'out'), 'pkix')
  })

  test('where nobody does, it is another name', async () => {
    await using peer = await listen(host())
    publish(peer, { srv: false })
    peer.serve()
    assert.ok((await bounce(secured)).includes("Remote server's certificate is not valid for this name"))
  })

  test('row 64: dns_trusted_servers says whose word counts', async () => {
    await network.server('wary.example', {
      users: ['romeo'],
      global: `${DANE}; ${STRICT}; dns_trusted_servers = { "192.0.2.53" }`,
    })
    const client = await network.client('romeo@wary.example')
    await using peer = await listen(host())
    publish(peer, { tlsa: [right(peer)] })
    peer.serve()
    assert.ok((await bounce(client)).includes("Remote server's certificate is not valid for this name"))
    assert.equal(asked('TLSA'), 0)
  })
})

describe('DANE, when we are dialled', () => {
  /** 'EXTERNAL' where it is offered; otherwise what we say, or 'dialback'. */
  const offered = async (peer: ScriptedPeer, server: Server, to: string): Promise<string> => {
    const stream = await peer.connect(server)
    await stream.openAs(domain, to)
    await stream.startTls({ servername: to, ...peer.identity! })
    const features = await stream.reopen()
    stream.destroy()
    const text = features?.child('text', NS.streamErrors)?.text
    if (text !== undefined) return text
    return features?.child('mechanisms', NS.sasl)?.toString().includes('EXTERNAL') === true ? 'EXTERNAL' : 'dialback'
  }

  test('a self-signed certificate that a record at the SRV target is about', async () => {
    await using peer = await listen()
    publish(peer, { tlsa: [right(peer)] })
    assert.equal(await offered(peer, strict, 'strict.example'), 'EXTERNAL')
    assert.equal(proof(strict, 'in'), 'dane')
  })

  test('a record at _xmpp-server.<domain>', async () => {
    await using peer = await listen()
    publish(peer)
    network.dns.set(`_xmpp-server.${domain}`, { TLSA: [right(peer)], authenticated: true })
    assert.equal(await offered(peer, strict, 'strict.example'), 'EXTERNAL')
  })

  test('no SRV record: those of the domain itself', async () => {
    await using peer = await listen()
    for (const service of ['_xmpp-server', '_xmpps-server'])
      network.dns.set(`${service}._tcp.${domain}`, { SRV: [], authenticated: true })
    network.dns.set(domain, { A: [peer.address], authenticated: true })
    network.dns.set(`_5269._tcp.${domain}`, { TLSA: [right(peer)], authenticated: true })
    assert.equal(await offered(peer, strict, 'strict.example'), 'EXTERNAL')
  })

  for (const [what, how, onStrict, onLax] of [
    ['records about another certificate', { tlsa: [WRONG] }, `Your server's ${MISMATCH}`, 'dialback'],
    ['a bogus answer', { behaviour: 'bogus' }, "Your server's certificate could not be validated", 'dialback'],
    ['records that are not signed', { tlsa: [WRONG], tlsaSigned: false }, 'EXTERNAL', 'EXTERNAL'],
    ['SRV that is not signed', { srv: false, tlsa: [WRONG] }, 'EXTERNAL', 'EXTERNAL'],
    ['no records', {}, 'EXTERNAL', 'EXTERNAL'],
  ] as const) {
    test(`${what}, a certificate that PKIX finds valid: ${onStrict}`, async () => {
      await using peer = await listen('ca')
      publish(peer, how)
      assert.equal(await offered(peer, strict, 'strict.example'), onStrict)
      assert.equal(await offered(peer, lax, 'lax.example'), onLax, 'policy has the last word')
    })
  }

  test('nobody is asked where use_dane is off, which a host may set', async () => {
    const server = await network.server('plain.example', { host: 'use_dane = false', global: DANE })
    await using peer = await listen('ca')
    publish(peer, { tlsa: [WRONG] })
    assert.equal(await offered(peer, server, 'plain.example'), 'EXTERNAL')
    assert.equal(asked('TLSA'), 0)
  })
})

describe('revoked certificates (item 85)', () => {
  test('a CRL file, read again at a reload', async () => {
    const file = join(network.folder, 'revoked.pem')
    const write = (...revoked: Uint8Array[]) => writeFileSync(file, pemOf(network.ca.crl({ revoked }), 'X509 CRL'))
    write()
    const crls = `${STRICT}; s2s_crl_files = { "${file}" }`
    const server = await network.server('crl.example', { users: ['romeo'], global: crls })
    const client = await network.client('romeo@crl.example')
    await using peer = await listen('ca')
    await delivered(client, peer)
    const { raw } = new X509Certificate(peer.identity!.cert)
    write(raw)
    assert.equal((await server.reload()).done, true)
    const stream = await peer.connect(server)
    await stream.openAs(domain, 'crl.example')
    await stream.startTls({ servername: 'crl.example', ...peer.identity! })
    const features = await stream.reopen()
    assert.equal(features?.child('text', NS.streamErrors)?.text, "Your server's certificate has been revoked")
    await using other = await ScriptedPeer.listen(network, (domain = `b${++count}.example`))
    write(raw, new X509Certificate(other.identity!.cert).raw)
    await server.reload()
    other.serve()
    assert.ok((await bounce(client)).includes("Remote server's certificate has been revoked"))
  })
})
