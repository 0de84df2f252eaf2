import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { TestDns } from '../../src/testing/dns-server.ts'
import { Network, PASSWORD, type ServerSetup } from '../helpers/network.ts'
import { ServerProcess } from '../helpers/server-process.ts'

const log = '{ debug = "*console" }'
const HAS_IPV6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

/** Starts a server with romeo on it, and lets him write to somebody elsewhere. */
async function writes(domain: string, setup: ServerSetup, to: string): Promise<ServerProcess> {
  const file = network.prepare(domain, { log, ...setup })
  const server = await ServerProcess.start(file)
  await server.users(`romeo@${domain}`)
  const romeo = await server.client(`romeo@${domain}`, PASSWORD)
  romeo.send(`<presence/><message to='${to}' type='chat' id='m'><body>hello</body></message>`)
  void romeo.message((m) => m.attr('id') === 'm').catch(() => {})
  return server
}

describe('ports and interfaces', { concurrency: 2 }, () => {
  test('each service is on its own interfaces, and an empty list of ports switches it off', async () => {
    const file = network.prepare('where.example', {
      log,
      address: '127.2.0.1',
      global:
        'c2s_ports = {}\nc2s_direct_tls_ports = { 0 }\nc2s_direct_tls_interfaces = { "127.2.0.2" }\ns2s_interfaces = { "127.2.0.3" }',
    })
    await using server = await ServerProcess.start(file)
    const { listening } = await server.status()
    assert.deepEqual(
      listening.map((l) => l.replace(/:\d+$/, '')),
      ['c2s_direct_tls 127.2.0.2', 's2s 127.2.0.3'],
    )
    assert.equal(server.all((l) => l.level === 'error').length, 0)
  })

  test('use_ipv6 and use_ipv4', { skip: !HAS_IPV6 && 'no IPv6 on this machine' }, async () => {
    for (const [option, left] of [
      ['', ['127.2.0.4', '::1']],
      ['use_ipv6 = false', ['127.2.0.4']],
      ['use_ipv4 = false', ['::1']],
    ] as const) {
      const file = network.prepare('families.example', {
        log,
        global: `interfaces = { "127.2.0.4", "::1" }\ns2s_ports = {}\n${option}`,
      })
      await using server = await ServerProcess.start(file)
      const listening = String(server.lines.find((l) => l.event === 'ready')!['listening']).split(', ')
      assert.deepEqual(
        listening.map((l) => l.replace(/^c2s |:\d+$|[[\]]/g, '')),
        left,
      )
      await server.stop()
    }
  })
})

describe('how names are looked up', { concurrency: 2 }, () => {
  test('use_ipv6 = false: no IPv6 address of a remote is dialled', { skip: !HAS_IPV6 && 'no IPv6 on this machine' }, async () => {
    const far = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => far.listen(0, '::1', resolve))
    const { port } = far.address() as { port: number }
    network.dns.set('_xmpp-server._tcp.six.example', { SRV: [{ target: 'host.six.example', port }] })
    network.dns.set('host.six.example', { AAAA: ['::1'] })
    await using server = await writes('four.example', { global: 'use_ipv6 = false' }, 'juliet@six.example')
    const failure = await server.line('remote domain cannot be reached')
    assert.equal(failure['stage'], 'lookup')
    far.close()
  })

  test('unbound.hoststxt: what the operator has written goes before DNS', async () => {
    await network.server('far.example', { users: ['juliet'] })
    network.dns.set('xmpp.far.example', { A: ['127.9.9.9'] }) // where nobody is
    const [address] = network.servers.get('far.example')!.config.get(undefined, 'interfaces')
    const hosts = join(network.folder, 'hosts.txt')
    writeFileSync(hosts, `# ours\n${address} xmpp.far.example\n`)
    await using server = await writes('listed.example', { global: `unbound = { hoststxt = "${hosts}" }` }, 'juliet@far.example')
    const authenticated = await server.line('outgoing stream authenticated')
    assert.equal(authenticated['remote'], 'far.example')
  })

  test('unbound.resolvconf: name servers from another file', async (t) => {
    const dns = await onPort53('127.2.0.53')
    if (dns === undefined) return t.skip('only root may have port 53')
    try {
      const file = join(network.folder, 'resolv.conf')
      writeFileSync(file, 'nameserver 127.2.0.53\n')
      dns.set('_xmpp-server._tcp.conf.example', { SRV: [{ target: '.', port: 0 }] })
      // the option of the helper goes, so that the file counts
      const path = network.prepare('system.example', { log, global: `unbound = { resolvconf = "${file}" }\ndns_servers = nil` })
      await using server = await ServerProcess.start(path)
      await server.users('romeo@system.example')
      const romeo = await server.client('romeo@system.example', PASSWORD)
      romeo.send("<presence/><message to='juliet@conf.example' type='chat' id='m'><body>hello</body></message>")
      const bounce = await romeo.message((m) => m.attr('id') === 'm')
      const text = bounce.child('error')?.child('text', 'urn:ietf:params:xml:ns:xmpp-stanzas')?.text ?? ''
      assert.match(text, /offers no XMPP service/)
      assert.ok(dns.queries.some((q) => q.name === '_xmpp-server._tcp.conf.example'))
      romeo.destroy()
    } finally {
      await dns.stop()
    }
  })

  test('a name server that says nothing and one that is not there: the next is asked', async () => {
    const silent = createSocket('udp4')
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve))
    const dead = `127.0.0.1:${silent.address().port}`
    await network.server('third.example', { users: ['juliet'] })
    const [name] = network.servers.get('third.example')!.config.get(undefined, 'dns_servers')!
    const list = `dns_servers = { "${dead}", "127.0.0.1:1", "${name!.address}:${name!.port}" }`
    await using server = await writes('patient.example', { global: list }, 'juliet@third.example')
    await server.line('outgoing stream authenticated')
    silent.close()
  })
})

/** Listens, never accepts, and holds one connection: whatever else comes is dropped, as by a firewall. */
const DEAF = `require('net').createServer().listen({ port: 0, host: '127.2.0.9', backlog: 1 }, function () {
  console.log(this.address().port)
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
})`

test('connect_timeout bounds a connection that does not come about', { skip: process.platform !== 'linux' }, async () => {
  const deaf = spawn(process.execPath, ['-e', DEAF], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [text] = (await once(deaf.stdout, 'data')) as [Buffer]
  const port = Number(text)
  const filling = Array.from({ length: 4 }, () => connect(port, '127.2.0.9').on('error', () => {}))
  try {
    await Promise.race(filling.map((socket) => once(socket, 'connect')))
    network.dns.set('_xmpp-server._tcp.deaf.example', { SRV: [{ target: 'host.deaf.example', port }] })
    network.dns.set('host.deaf.example', { A: ['127.2.0.9'] })
    await using server = await writes(
      'hurried.example',
      { global: 'network_settings = { connect_timeout = 1 }' },
      'juliet@deaf.example',
    )
    const failure = await server.line('endpoint failed')
    assert.equal(failure['why'], 'no connection within 1 s')
  } finally {
    for (const socket of filling) socket.destroy()
    deaf.kill('SIGKILL')
  }
})

async function onPort53(address: string): Promise<TestDns | undefined> {
  const dns = new TestDns()
  try {
    await dns.start(address, 53)
    return dns
  } catch {
    return undefined
  }
}
