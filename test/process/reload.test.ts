import assert from 'node:assert/strict'
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import { TestAuthority } from '../../src/testing/certificate-authority.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { Network, PASSWORD, type ServerSetup } from '../helpers/network.ts'
import { entente, type LogLine, ServerProcess } from '../helpers/server-process.ts'
import { TestStream } from '../helpers/test-client.ts'

const log = '{ debug = "*console" }'
const NS_STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams'
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

interface Site {
  readonly file: string
  readonly folder: string
  readonly server: ServerProcess
  /** Changes the configuration file and lets the server read it. */
  change(edit: (text: string) => string): Promise<readonly LogLine[]>
}

async function site(domain: string, setup: ServerSetup = {}): Promise<Site & AsyncDisposable> {
  const file = network.prepare(domain, { log, ...setup })
  const server = await ServerProcess.start(file)
  await server.users(...(setup.users ?? []).map((user) => `${user}@${domain}`))
  const { address, port } = server.address('s2s')
  network.dns.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: `xmpp.${domain}`, port }] })
  network.dns.set(`xmpp.${domain}`, { A: [address] })
  return {
    file,
    folder: dirname(file),
    server,
    change(edit) {
      const text = readFileSync(file, 'utf8')
      const changed = edit(text)
      assert.notEqual(changed, text)
      writeFileSync(file, changed)
      return server.reload()
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const verdict = (lines: readonly LogLine[]): string => `${lines.at(-1)!.level}: ${lines.at(-1)!.event.slice(0, 22)}`
const DONE = 'info: configuration reloaded'

const features = async (server: ServerProcess, to: string) => {
  const stream = await TestStream.connect(server.address('c2s').address, server.address('c2s').port)
  const opened = await stream.open(`to='${to}' version='1.0'`)
  stream.destroy()
  return opened.features
}

/** The stream error that a header for this domain gets. */
async function refused(server: ServerProcess, service: 'c2s' | 's2s', to: string): Promise<string | undefined> {
  const stream = await TestStream.connect(server.address(service).address, server.address(service).port)
  const content = service === 'c2s' ? NS.client : NS.server
  stream.send(`<stream:stream xmlns='${content}' xmlns:stream='${NS.streams}' from='x.example' to='${to}' version='1.0'>`)
  const first = await stream.element()
  stream.destroy()
  return first.name === 'error' ? first.children.find((c) => c.ns === NS_STREAMS)?.name : undefined
}

/** The serial number of the certificate that is shown on a new stream. */
async function shown(server: ServerProcess, domain: string): Promise<string> {
  const stream = await TestStream.connect(server.address('c2s').address, server.address('c2s').port)
  await stream.open(`to='${domain}' version='1.0'`)
  stream.send(`<starttls xmlns='${NS.tls}'/>`)
  await stream.element((e) => e.is('proceed', NS.tls))
  stream.socket.removeAllListeners()
  const secure = tlsConnect({ socket: stream.socket, servername: domain, rejectUnauthorized: false })
  await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject))
  const serial = secure.getPeerCertificate().serialNumber
  secure.destroy()
  return serial
}

describe('SIGHUP', { concurrency: 2 }, () => {
  test('keeps streams; hosts come and go', async () => {
    await using s = await site('stay.example', { users: ['romeo'], more: 'VirtualHost "goes.example"\n' })
    const { server } = s
    const romeo = await server.client('romeo@stay.example', PASSWORD)
    assert.equal(await refused(server, 'c2s', 'comes.example'), 'host-unknown')

    const lines = await s.change((text) => text.replace('VirtualHost "goes.example"', 'VirtualHost "comes.example"'))
    assert.equal(verdict(lines), DONE)
    await romeo.ping()
    assert.equal(await refused(server, 'c2s', 'goes.example'), 'host-unknown')
    assert.equal(await refused(server, 's2s', 'goes.example'), 'host-unknown')
    assert.equal(await refused(server, 'c2s', 'comes.example'), undefined)
    await server.users('tybalt@comes.example')
    romeo.send("<message to='tybalt@comes.example' type='chat'><body>kept</body></message>")
    await romeo.ping()
    romeo.destroy()
  })

  test('a host that goes ends its sessions and its streams with servers, and its contacts are told', async () => {
    await network.server('far.example', { users: ['juliet'] })
    await using s = await site('main.example', {
      users: ['romeo'],
      certificate: { dns: ['main.example', 'side.example'] },
      more: 'VirtualHost "side.example"',
    })
    const { server } = s
    await server.users('mercutio@side.example')
    network.dns.set('_xmpp-server._tcp.side.example', {
      SRV: [{ target: 'xmpp.main.example', port: server.address('s2s').port }],
    })
    const juliet = await network.client('juliet@far.example')
    const romeo = await server.client('romeo@main.example', PASSWORD)
    const mercutio = await server.client('mercutio@side.example', PASSWORD)
    for (const one of [romeo, mercutio]) one.send("<presence/><presence to='juliet@far.example/test'/>")
    await juliet.presence((p) => p.attr('from') === 'mercutio@side.example/test')
    juliet.send("<message to='mercutio@side.example' type='chat'><body>hi</body></message>")
    await mercutio.message()

    const left = juliet.presence((p) => p.attr('type') === 'unavailable')
    const ending = mercutio.untilClosed()
    await s.change((text) => text.replace('VirtualHost "side.example"', ''))
    mercutio.end()
    const error = (await ending).flatMap((h) => (h.kind === 'element' && h.element.name === 'error' ? [h.element] : []))
    assert.ok(error[0]?.child('host-gone', NS_STREAMS))
    assert.equal((await left).attr('from'), 'mercutio@side.example/test')
    for (const direction of ['in', 'out']) {
      await server.line((l) => l.event === 'stream closed' && l['direction'] === direction)
    }
    const { serverStreams } = await server.status()
    assert.deepEqual(
      serverStreams.map((one) => one.local).filter((local) => local === 'side.example'),
      [],
    )
    await romeo.ping()
    romeo.destroy()
  })

  test('modules are switched on and off', async () => {
    await using s = await site('mods.example', { users: ['romeo'] })
    const romeo = await s.server.client('romeo@mods.example', PASSWORD)
    const disco = () => romeo.request('get', 'mods.example', `<query xmlns='http://jabber.org/protocol/disco#info'/>`)
    assert.equal((await disco()).attr('type'), 'result')
    assert.equal(verdict(await s.change((text) => text.replace('"disco", ', ''))), DONE)
    assert.equal((await disco()).attr('type'), 'error')
    await s.change((text) => text.replace('"roster", ', '"roster", "disco", '))
    const again = await disco()
    assert.equal(again.attr('type'), 'result')
    const offered = () =>
      again
        .child('query', 'http://jabber.org/protocol/disco#info')!
        .children.filter((c) => c.name === 'feature')
        .map((c) => c.attr('var'))
    assert.ok(offered().includes(NS.ping))
    await s.change((text) => `${text}\nmodules_disabled = { "c2s" }\n`)
    const heard = await romeo.element((e) => e.name === 'error')
    assert.ok(heard.child('host-gone', NS_STREAMS))
    romeo.destroy()
  })

  test('s2s switched off on a host ends its streams and refuses new ones; on again it works', async () => {
    await network.server('remote.example', { users: ['juliet'] })
    await using s = await site('local.example', { users: ['romeo'], more: 'VirtualHost "also.example"' })
    const { server } = s
    const romeo = await server.client('romeo@local.example', PASSWORD)
    romeo.send('<presence/>')
    const juliet = await network.client('juliet@remote.example')
    const exchange = async (): Promise<void> => {
      romeo.send("<message to='juliet@remote.example' type='chat'><body>to</body></message>")
      await juliet.message((m) => m.attr('type') === 'chat')
      juliet.send("<message to='romeo@local.example' type='chat'><body>fro</body></message>")
      await romeo.message((m) => m.attr('type') === 'chat')
    }
    await exchange()
    const from = server.lines.length
    await s.change((text) =>
      text.replace('VirtualHost "local.example"', 'VirtualHost "local.example"\nmodules_disabled = { "s2s" }'),
    )
    for (const direction of ['in', 'out']) {
      await server.line((l) => l.event === 'stream closed' && l['direction'] === direction, from)
    }
    assert.deepEqual((await server.status()).serverStreams, [])
    romeo.send("<message to='juliet@remote.example' type='chat' id='no'><body>to</body></message>")
    const bounce = await romeo.message((m) => m.attr('id') === 'no')
    assert.ok(bounce.child('error')?.child('not-allowed', 'urn:ietf:params:xml:ns:xmpp-stanzas'))
    juliet.send("<message to='romeo@local.example' type='chat' id='neither'><body>fro</body></message>")
    assert.equal((await juliet.message((m) => m.attr('id') === 'neither')).attr('type'), 'error')
    assert.equal(await refused(server, 's2s', 'local.example'), 'policy-violation')
    assert.equal(await refused(server, 's2s', 'also.example'), undefined)

    await s.change((text) => text.replace('modules_disabled = { "s2s" }', ''))
    await exchange()
    romeo.destroy()
  })

  test('a stream that the new policy would refuse ends', async () => {
    await network.server('weak.example', { certificate: 'self-signed', users: ['juliet'] })
    await using s = await site('strict.example', { users: ['romeo'] })
    const { server } = s
    const romeo = await server.client('romeo@strict.example', PASSWORD)
    romeo.send("<presence/><message to='juliet@weak.example' type='chat'><body>to</body></message>")
    await server.line((l) => l.event === 'outgoing stream authenticated')
    await s.change((text) => `s2s_secure_auth = true\n${text}`)
    await server.line((l) => l.event === 'stream closed' && l['direction'] === 'out')
    romeo.send("<message to='juliet@weak.example' type='chat' id='no'><body>to</body></message>")
    const bounce = await romeo.message((m) => m.attr('id') === 'no')
    assert.match(bounce.child('error')?.child('text', 'urn:ietf:params:xml:ns:xmpp-stanzas')?.text ?? '', /is self-signed/)
    romeo.destroy()
  })

  test('trust changes for new streams', async () => {
    await network.server('other.example', { users: ['juliet'] })
    await using s = await site('trust.example', {
      users: ['romeo'],
      global: 's2s_secure_auth = true\nssl = { cafile = "own-ca.pem" }',
    })
    const { server, folder } = s
    const romeo = await server.client('romeo@trust.example', PASSWORD)
    const send = async (id: string) =>
      romeo.send(`<message to='juliet@other.example' type='chat' id='${id}'><body>to</body></message>`)
    await send('m1')
    assert.equal((await romeo.message((m) => m.attr('id') === 'm1')).attr('type'), 'error')
    writeFileSync(join(folder, 'own-ca.pem'), network.ca.caPem)
    assert.equal(verdict(await server.reload()), DONE)
    await send('m2')
    await server.line((l) => l.event === 'outgoing stream authenticated')
    romeo.destroy()
  })

  test('ports open and close', async () => {
    await using s = await site('ports.example')
    const { server } = s
    const old = server.address('c2s')
    await s.change((text) => text.replace('c2s_ports = { 0 }', 'c2s_ports = {}\nc2s_direct_tls_ports = { 0 }'))
    assert.ok(server.address('c2s_direct_tls').port > 0)
    assert.throws(() => server.address('c2s'), /c2s is not open/)
    await assert.rejects(TestStream.connect(old.address, old.port), /ECONNREFUSED/)
  })

  test('a port that is not to be had: the service keeps the ones that it has, and a line says why', async () => {
    await using s = await site('busy.example')
    const { server, file } = s
    const { address, port } = server.address('c2s')
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, address, resolve))
    const other = (taken.address() as { port: number }).port
    const lines = await s.change((text) => text.replace('c2s_ports = { 0 }', `c2s_ports = { ${other} }`))
    assert.equal(verdict(lines), 'error: configuration reloaded')
    assert.ok(
      lines.some((l) => l.level === 'error' && l.event === `c2s: port ${other} on ${address} is in use by another program`),
    )
    assert.equal(server.address('c2s').port, port)
    const asked = entente('reload', '--config', file)
    assert.equal(asked.code, 1)
    assert.match(asked.err, /is in use by another program\n[^\n]*Reloaded, but for what is said above/)
    taken.close()
  })

  test('an interface is narrowed although the port is the same', async () => {
    await using s = await site('narrow.example', { address: '127.1.9.1' })
    const { server } = s
    const { port } = server.address('s2s')
    await s.change((text) => text.replace('s2s_ports = { 0 }', `s2s_ports = { ${port + 0} }\ns2s_interfaces = { "127.1.9.2" }`))
    assert.deepEqual(server.address('s2s'), { address: '127.1.9.2', port })
  })

  test('a new certificate is shown to new connections; a broken one is not, and a line says why', async () => {
    await using s = await site('cert.example', { users: ['romeo'] })
    const { server, folder } = s
    const romeo = await server.client('romeo@cert.example', PASSWORD)
    const first = await shown(server, 'cert.example')
    network.writeCertificate('cert.example', 'ca')
    assert.equal(verdict(await server.reload()), DONE)
    const second = await shown(server, 'cert.example')
    assert.notEqual(second, first)
    await romeo.ping()

    // a key of another certificate, then rubbish, then nothing at all
    const breakages: readonly (() => void)[] = [
      () => writeFileSync(join(folder, 'certs', 'cert.example.key'), TestAuthority.root({ nowMs: Date.now() }).issue({}).keyPem),
      () => writeFileSync(join(folder, 'certs', 'cert.example.crt'), 'rubbish'),
      () => rmSync(join(folder, 'certs', 'cert.example.crt')),
    ]
    for (const spoil of breakages) {
      spoil()
      const lines = await server.reload()
      assert.equal(verdict(lines), 'error: configuration reloaded')
      assert.ok(lines.some((l) => l.level === 'error' && /cert\.example goes on with the certificate that it had/.test(l.event)))
      assert.equal(await shown(server, 'cert.example'), second)
    }
    await romeo.ping()
    romeo.destroy()
  })

  test('an error in the file changes nothing', async () => {
    await using s = await site('typo.example', { users: ['romeo'], modules: ['tls', 'saslauth', 'ping'] })
    const romeo = await s.server.client('romeo@typo.example', PASSWORD)
    for (const wrong of ['modules_enabled = = {\n', 'c2s_timeout = {}\n', 'authentication = "ldap"\n']) {
      const good = readFileSync(s.file, 'utf8')
      const lines = await s.change((text) => wrong + text.replace('"ping"', ''))
      assert.match(lines.at(-1)!.event, /^reload refused: .*everything stays as it was$/)
      assert.ok(lines.some((l) => l.level === 'error' && l.event.includes('entente.cfg.lua:')))
      await romeo.ping()
      writeFileSync(s.file, good)
    }
    rmSync(s.file)
    assert.match((await s.server.reload()).at(-1)!.event, /^reload refused/)
    await romeo.ping()
    romeo.destroy()
  })

  test('authentication changes for whoever logs in next', async () => {
    await using s = await site('auth.example', { users: ['romeo'] })
    const romeo = await s.server.client('romeo@auth.example', PASSWORD)
    await s.change((text) =>
      text.replace('VirtualHost "auth.example"', 'VirtualHost "auth.example"\nauthentication = "anonymous"'),
    )
    await romeo.ping()
    await assert.rejects(s.server.client('romeo@auth.example', PASSWORD), /login failed/)
    const guest = await TestStream.connect(s.server.address('c2s').address, s.server.address('c2s').port)
    await guest.open("to='auth.example' version='1.0'")
    await guest.startTls({ servername: 'auth.example' })
    const { features: offered } = await guest.open("to='auth.example' version='1.0'")
    assert.deepEqual(
      offered?.child('mechanisms', NS.sasl)?.children.map((c) => c.text),
      ['ANONYMOUS'],
    )
    await s.change((text) => text.replace('authentication = "anonymous"', ''))
    const back = await s.server.client('romeo@auth.example', PASSWORD, { resource: 'back' })
    for (const one of [romeo, guest, back]) one.destroy()
  })

  test('what takes a new start says so', async () => {
    await using s = await site('fixed.example')
    const lines = await s.change((text) => text.replace('data_path = "data"', 'data_path = "elsewhere"'))
    assert.ok(lines.some((l) => /^a change of data_path takes effect at the next start$/.test(l.event)))
  })

  test('signals that follow close on each other are all obeyed', async () => {
    await using s = await site('often.example')
    const from = s.server.lines.length
    s.server.signal('SIGHUP')
    await Promise.all([1, 2, 3].map(() => new Promise((resolve) => setImmediate(resolve, s.server.signal('SIGHUP')))))
    assert.equal((await s.server.ask('reload')).ok, true)
    await s.server.line('configuration reloaded', from)
    assert.ok(await features(s.server, 'often.example'))
  })
})

describe('log files', { concurrency: 2 }, () => {
  const lines = (file: string): LogLine[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((l) => l !== '')
      .map((l) => JSON.parse(l))

  test('levels go where they should, private; a rotated file is opened anew and no line is lost', async () => {
    await using s = await site('log.example', {
      log: '{ info = "info.log", error = "error.log", { levels = { min = "debug" }, to = "console" } }',
      certificate: 'none',
    })
    const { server, folder } = s
    const at = (name: string) => join(folder, name)
    for (const name of ['info.log', 'error.log']) assert.equal(statSync(at(name)).mode & 0o777, 0o600)
    renameSync(at('info.log'), at('info.log.1'))
    await server.reload()
    await server.stop()
    const [old, next] = [lines(at('info.log.1')), lines(at('info.log'))]
    const expected = server.lines.filter((l) => l.level !== 'debug').map((l) => l.event)
    assert.deepEqual(
      [...old, ...next].map((l) => l.event),
      expected,
    )
    assert.ok(old.some((l) => l.event === 'ready') && next.some((l) => l.event === 'configuration reloaded'))
    assert.equal(next.at(-1)?.event, 'stopped')
    assert.deepEqual(new Set(old.map((l) => l.level)), new Set(['info', 'warn']))
    assert.deepEqual(lines(at('error.log')), [])
  })

  test('a rotated file is opened anew although the configuration is broken', async () => {
    await using s = await site('rotate.example', { log: '{ info = "info.log", debug = "*console" }' })
    const path = join(s.folder, 'info.log')
    renameSync(path, `${path}.1`)
    await s.change((text) => `${text}\n}`)
    await features(s.server, 'rotate.example')
    assert.match(lines(path).at(-1)!.event, /^reload refused/)
  })

  test('sinks change; one that cannot be opened leaves the log as it was', async () => {
    await using s = await site('sink.example', { log: '{ info = "one.log", debug = "*console" }' })
    await s.change((text) => text.replace('"one.log"', '"nowhere/two.log"'))
    await features(s.server, 'sink.example') // a turn of the server later the lines are in the file
    assert.match(lines(join(s.folder, 'one.log')).at(-1)!.event, /^configuration reloaded, but/)
    await s.change((text) => text.replace('"nowhere/two.log"', '"two.log"'))
    await features(s.server, 'sink.example')
    assert.equal(lines(join(s.folder, 'two.log')).at(-1)!.event, 'configuration reloaded')
  })

  test('one that cannot be opened at the start is told, and the console speaks instead', async () => {
    await using s = await site('mute.example', { log: '"nowhere/server.log"' })
    assert.match(s.server.stderr, /^entente: the log file \S+nowhere\/server\.log cannot be opened: /)
    assert.ok(s.server.all('ready').length === 1)
  })
})
