import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Network } from '../helpers/network.ts'
import { ServerProcess } from '../helpers/server-process.ts'
import { TestStream } from '../helpers/test-client.ts'

const log = '{ debug = "*console" }'
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe('a start', { concurrency: 2 }, () => {
  test('opens the ports, writes what it must, keeps it private, and cleans up at the end', async () => {
    const file = network.prepare('start.example', { log, global: `pidfile = "entente.pid"` })
    const folder = dirname(file)
    writeFileSync(join(folder, 'entente.pid'), '1\n') // of a process that was killed
    await using server = await ServerProcess.start(file)
    assert.equal(readFileSync(join(folder, 'entente.pid'), 'utf8'), `${server.pid}\n`)
    assert.equal(mode(join(folder, 'data')), '700')
    for (const name of readdirSync(join(folder, 'data'))) assert.equal(mode(join(folder, 'data', name)), '600', name)
    assert.ok(readdirSync(join(folder, 'data')).includes('entente.sock'))

    const stream = await TestStream.connect(server.address('c2s').address, server.address('c2s').port)
    const { features } = await stream.open("to='start.example' version='1.0'")
    assert.ok(features?.child('starttls', 'urn:ietf:params:xml:ns:xmpp-tls'))
    assert.deepEqual(
      server.all((l) => l.level === 'warn' || l.level === 'error').map((l) => l.event),
      [],
    )
    for (const line of server.lines) assert.match(line.time, /^\d{4}-\d\d-\d\dT/)

    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    assert.equal(existsSync(join(folder, 'entente.pid')), false)
    assert.equal(existsSync(join(folder, 'data', 'entente.sock')), false)
    assert.equal(server.stderr, '')
  })

  test('with a port in use ends with 1 and one sentence that names it, and leaves nothing', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const file = network.prepare('taken.example', {
      address: '127.0.0.1',
      log,
      global: `pidfile = "entente.pid"\ns2s_ports = { ${port} }`,
    })
    try {
      const server = new ServerProcess(file)
      assert.deepEqual(await server.exited, { code: 1, signal: null })
      assert.equal(server.stderr, `entente: s2s: port ${port} on 127.0.0.1 is in use by another program\n`)
      const left = readdirSync(join(dirname(file), 'data'))
      assert.deepEqual(
        left.filter((name) => name.endsWith('.sock') || /-(wal|shm)$/.test(name)),
        [],
      )
      assert.equal(existsSync(join(dirname(file), 'entente.pid')), false)
    } finally {
      taken.close()
    }
    await using again = await ServerProcess.start(file) // the lock is free too
    assert.equal((await again.stop()).code, 0)
  })

  test('with a data folder that another has ends with 1 and one sentence, and harms nobody', async () => {
    const file = network.prepare('twice.example', { log, global: `pidfile = "entente.pid"` })
    await using first = await ServerProcess.start(file)
    const second = new ServerProcess(file)
    assert.deepEqual(await second.exited, { code: 1, signal: null })
    assert.match(second.stderr, /^entente: the data folder \S+ is in use by another Entente: stop that one first\n$/)
    assert.equal((await first.status()).pid, first.pid, 'the control socket of the first is still there')
    assert.equal(readFileSync(join(dirname(file), 'entente.pid'), 'utf8'), `${first.pid}\n`)
  })

  test('with a pidfile that cannot be written ends with 1 and one sentence', async () => {
    const file = network.prepare('nopid.example', { log, global: `pidfile = "nowhere/entente.pid"` })
    const server = new ServerProcess(file)
    assert.deepEqual(await server.exited, { code: 1, signal: null })
    assert.match(server.stderr, /^entente: the pidfile \S+nowhere\/entente\.pid cannot be written: [^\n]+\n$/)
    assert.equal(existsSync(join(dirname(file), 'data', 'entente.sock')), false)
  })

  test('with a data folder that cannot be made ends with 1 and one sentence', async () => {
    const file = network.prepare('nodata.example', { log, global: `data_path = "entente.cfg.lua/data"` })
    const server = new ServerProcess(file)
    assert.deepEqual(await server.exited, { code: 1, signal: null })
    assert.match(server.stderr, /^entente: the data folder \S+ cannot be made: [^\n]+\n$/)
  })

  test('with an error in the configuration ends with 78 and makes nothing', async () => {
    const file = network.prepare('wrong.example', { log, global: `c2s_ports = "many"` })
    const server = new ServerProcess(file)
    assert.deepEqual(await server.exited, { code: 78, signal: null })
    assert.match(server.stderr, /entente\.cfg\.lua:\d+:\d+: .*c2s_ports/)
    assert.equal(existsSync(join(dirname(file), 'data')), false)
  })

  test('without any host ends with 78 and says so', async () => {
    for (const [domain, sections, says] of [
      ['bare.example', '', /there is no VirtualHost/],
      ['idle.example', 'Component "chat.idle.example" "muc"', /chat\.idle\.example is not served/],
      ['off.example', 'VirtualHost "off.example"\nenabled = false', /no VirtualHost can be served/],
    ] as const) {
      const file = network.prepare(domain, {})
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^VirtualHost.*$/m, sections))
      const server = new ServerProcess(file)
      assert.deepEqual(await server.exited, { code: 78, signal: null })
      assert.match(server.stderr, says)
    }
  })

  test('with components of modules that are not there serves the rest', async () => {
    const more = 'Component "chat.rest.example" "muc"\nComponent "odd.rest.example" "frobnicate"'
    const file = network.prepare('rest.example', { log, more })
    await using server = await ServerProcess.start(file)
    assert.equal(server.lines.find((l) => l.event === 'ready')?.['hosts'], 'rest.example')
    for (const domain of ['chat.rest.example', 'odd.rest.example']) {
      assert.equal(server.all((l) => l.level === 'warn' && l.event.includes(`${domain} is not served`)).length, 1)
    }
    const stream = await TestStream.connect(server.address('s2s').address, server.address('s2s').port)
    stream.send(
      "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='chat.rest.example' version='1.0'>",
    )
    const error = await stream.element((e) => e.name === 'error')
    assert.ok(error.child('host-unknown', 'urn:ietf:params:xml:ns:xmpp-streams'))
  })

  test('of a host without a certificate warns and serves it without TLS', async () => {
    const file = network.prepare('plain.example', { log, certificate: 'none' })
    await using server = await ServerProcess.start(file)
    assert.equal(server.all((l) => l.level === 'warn' && /plain\.example has no certificate/.test(l.event)).length, 1)
    const stream = await TestStream.connect(server.address('c2s').address, server.address('c2s').port)
    const { features } = await stream.open("to='plain.example' version='1.0'")
    assert.equal(
      features?.children.some((e) => e.name === 'starttls'),
      false,
    )
  })

  test('warns loudly of a key and a data folder that others can read, and goes on', async () => {
    const file = network.prepare('open.example', { log })
    const folder = dirname(file)
    chmodSync(join(folder, 'certs', 'open.example.key'), 0o444) // as containers mount secrets
    mkdirSync(join(folder, 'data'), { mode: 0o755 })
    await using server = await ServerProcess.start(file)
    const warnings = server.all((l) => l.level === 'warn').map((l) => l.event)
    assert.equal(warnings.length, 2, warnings.join('\n'))
    assert.ok(warnings.some((w) => /THE PRIVATE KEY OF open\.example IS OPEN TO OTHERS \(mode 0444\)/.test(w)))
    assert.ok(warnings.some((w) => /THE DATA FOLDER IS OPEN TO OTHERS \(mode 0755\)/.test(w)))
    assert.equal(mode(join(folder, 'data')), '755')
    for (const name of readdirSync(join(folder, 'data'))) assert.equal(mode(join(folder, 'data', name)), '600', name)
  })

  test('as root warns unless run_as_root', { skip: process.getuid?.() !== 0 }, async () => {
    const file = network.prepare('root.example', { log, global: `run_as_root = false` })
    await using server = await ServerProcess.start(file)
    assert.equal(server.all((l) => l.level === 'warn' && /running as root/.test(l.event)).length, 1)
  })
})
