import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { defineModule } from '../../src/module.ts'
import { createServer } from '../../src/server.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import { ServerProcess } from '../helpers/server-process.ts'
import { TestClient } from '../helpers/test-client.ts'

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

/** A module that throws wherever a module is called, when a client tells it to. */
const faulty = defineModule({
  name: 'faulty',
  summary: 'Throws.',
  setup(ctx) {
    const boom = (): never => {
      throw new TypeError('boom')
    }
    for (const [name, handle] of [
      ['now', boom],
      ['later', async () => boom()],
    ] as const) {
      ctx.iq({ type: 'get', ns: 'urn:test:boom', name, to: 'host', from: 'anybody', handle })
    }
    ctx.observe({ direction: 'outbound', kind: 'message', child: { name: 'boom', ns: 'urn:test:boom' } }, boom)
    ctx.sessionOpened((session) => session.jid.resource === 'opens' && boom())
    ctx.sessionAvailable((session) => session.jid.resource === 'available' && boom())
    ctx.sessionClosed((session) => (session.jid.resource === 'closes' ? boom() : undefined))
    ctx.sessionClosed(async (session) => (session.jid.resource === 'closes later' ? boom() : undefined))
  },
})

test('what a module throws ends at most one stream, is logged, and nobody else notices', async () => {
  const modules = ['tls', 'saslauth', 'ping', 'faulty']
  const file = network.prepare('faulty.example', { modules, log: '{ error = "error.log" }' })
  const server = await createServer({ configFile: file, modules: [faulty] })
  await server.start()
  try {
    await server.createAccount('romeo@faulty.example', PASSWORD)
    const [address] = server.config.get(undefined, 'interfaces')
    const login = (resource: string) =>
      TestClient.login({
        address: address!,
        port: server.ports('c2s')[0]!,
        domain: 'faulty.example',
        user: 'romeo',
        password: PASSWORD,
        resource,
      })
    const witness = await login('witness')
    for (const name of ['now', 'later']) {
      const answer = await witness.request('get', 'faulty.example', `<${name} xmlns='urn:test:boom'/>`)
      assert.ok(answer.child('error')?.child('internal-server-error', NS_STANZAS), name)
    }
    witness.send("<message to='romeo@faulty.example' id='m'><boom xmlns='urn:test:boom'/></message>")
    const bounce = await witness.message((m) => m.attr('id') === 'm')
    assert.ok(bounce.child('error')?.child('internal-server-error', NS_STANZAS))

    for (const resource of ['opens', 'available', 'closes', 'closes later']) {
      const client = await login(resource)
      client.send('<presence/>')
      await client.ping()
      client.end()
      await client.untilClosed()
    }
    await witness.ping()
    assert.equal(server.status().clientStreams, 1)
    assert.equal(server.status().hosts[0]?.sessions, 1)
    witness.destroy()
  } finally {
    await server.stop()
  }
  const lines = readFileSync(join(dirname(file), 'error.log'), 'utf8')
    .trim()
    .split('\n')
  const bugs = lines.map((line) => JSON.parse(line)).filter((l) => l.event === 'this is a bug in Entente')
  assert.equal(bugs.length, 7, lines.join('\n'))
  for (const bug of bugs) {
    assert.equal(bug.why, 'TypeError: boom')
    assert.match(bug.at, /^bugs\.test\.ts:\d+:\d+ < /)
  }
})

describe('what is thrown where nothing expects it', { concurrency: 2 }, () => {
  for (const [what, code] of [
    ['an exception', "throw new RangeError('boom')"],
    ['a rejection', "void Promise.reject(new RangeError('boom'))"],
  ] as const) {
    test(`${what} ends the process with 70, and the log and standard error say why`, async () => {
      const domain = `${what.split(' ')[1]}.example`
      const file = network.prepare(domain, { log: '{ debug = "*console", error = "error.log" }' })
      const bomb = join(dirname(file), 'bomb.mjs')
      writeFileSync(bomb, `process.on('SIGUSR2', () => { ${code} })\n`)
      await using server = await ServerProcess.start(file, [], { ...process.env, NODE_OPTIONS: `--import=${bomb}` })
      server.signal('SIGUSR2')
      assert.deepEqual(await server.exited, { code: 70, signal: null })
      assert.match(server.stderr, /^entente: this is a bug in Entente: boom\n/)
      const line = JSON.parse(readFileSync(join(dirname(file), 'error.log'), 'utf8').trim())
      assert.equal(line.event, 'this is a bug in Entente')
      assert.equal(line.why, 'RangeError: boom')
      await using again = await ServerProcess.start(file)
      assert.equal((await again.stop()).code, 0)
    })
  }
})
