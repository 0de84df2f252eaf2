import assert from 'node:assert/strict'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Network, PASSWORD } from '../helpers/network.ts'
import { entente, ServerProcess } from '../helpers/server-process.ts'

const log = '{ debug = "*console" }'
const NS_STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams'
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

/** Everything that the socket answers to these bytes, until it closes; undefined as bytes: closes at once. */
function say(path: string, bytes: string | Uint8Array | undefined): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.on('connect', () => (bytes === undefined ? socket.destroy() : socket.write(bytes)))
  })
}

describe('the control socket', { concurrency: 2 }, () => {
  test('answers rubbish with a sentence or not at all, and goes on', async () => {
    const file = network.prepare('rubbish.example', { log })
    await using server = await ServerProcess.start(file)
    const path = join(dirname(file), 'data', 'entente.sock')
    for (const line of [
      '\n',
      'hello\n',
      '{}\n',
      '[]\n',
      'null\n',
      '{"command":1,"args":[]}\n',
      '{"command":"status","args":[1]}\n',
    ]) {
      assert.match(await say(path, line), /^\{"ok":false,"lines":\[".+"\]\}\n$/, line)
    }
    assert.match(await say(path, '{"command":"__proto__","args":[]}\n'), /There is no command/)
    assert.match(await say(path, '{"command":"adduser","args":[]}\n'), /"ok":false/)
    assert.match(await say(path, '{"command":"deluser","args":["nobody"]}\n'), /"ok":false/)
    assert.equal(await say(path, 'x'.repeat(100_000)), '')
    assert.equal(await say(path, undefined), '')
    assert.match(await say(path, Buffer.from([0xff, 0xfe, 0x00, 0x0a])), /"ok":false/)
    const waiting = say(path, '{"command":') // says no more
    assert.match(await say(path, `${'['.repeat(60_000)}\n`), /"ok":false/)
    assert.equal(JSON.parse(await say(path, '{"command":"status","args":[]}\nmore\n')).ok, true)
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    await waiting
    assert.equal(server.stderr, '')
    assert.deepEqual(
      server.all((l) => l.level === 'error'),
      [],
    )
  })

  test('is where admin_socket says, private from the start', async () => {
    const file = network.prepare('moved.example', { log, global: 'admin_socket = "run/control"' })
    const folder = dirname(file)
    mkdirSync(join(folder, 'run'))
    await using server = await ServerProcess.start(file)
    assert.equal(statSync(join(folder, 'run', 'control')).mode & 0o777, 0o600)
    assert.equal(existsSync(join(folder, 'data', 'entente.sock')), false)
    assert.equal(entente('status', '--config', file).code, 0)
    assert.equal(entente('stop', '--config', file).code, 0)
    assert.deepEqual(await server.exited, { code: 0, signal: null })
    assert.equal(existsSync(join(folder, 'run', 'control')), false)
  })

  test('works in a folder whose path is longer than a socket address', { skip: process.platform !== 'linux' }, async () => {
    const long = `${'d'.repeat(100)}/${'e'.repeat(100)}`
    const file = network.prepare('long.example', { log, global: `data_path = "${long}"` })
    await using server = await ServerProcess.start(file)
    assert.equal(statSync(join(dirname(file), long, 'entente.sock')).mode & 0o777, 0o600)
    assert.equal(entente('status', '--config', file).code, 0)
    await server.stop()
    assert.equal(existsSync(join(dirname(file), long, 'entente.sock')), false)
  })
})

test('accounts that are made, changed and deleted while the server runs take effect at once', async () => {
  const file = network.prepare('live.example', { log })
  await using server = await ServerProcess.start(file)
  const command = (...args: string[]) => entente(args[0]!, '--config', file, ...args.slice(1))
  assert.equal(command('adduser', 'romeo@live.example', PASSWORD).code, 0)
  const romeo = await server.client('romeo@live.example', PASSWORD)
  await assert.rejects(server.client('romeo@live.example', 'wrong'), /login failed/)

  let ending = romeo.untilClosed()
  assert.equal(command('passwd', 'romeo@live.example', 'other').code, 0)
  romeo.end()
  assert.ok((await ending).some((h) => h.kind === 'element' && h.element.child('reset', NS_STREAMS)))
  await assert.rejects(server.client('romeo@live.example', PASSWORD), /login failed/)
  const again = await server.client('romeo@live.example', 'other')

  ending = again.untilClosed()
  assert.equal(command('deluser', 'romeo@live.example').code, 0)
  again.end()
  assert.ok((await ending).some((h) => h.kind === 'element' && h.element.name === 'error'))
  await assert.rejects(server.client('romeo@live.example', 'other'), /login failed/)
  assert.equal(command('deluser', 'romeo@live.example').code, 1)
  assert.equal(command('adduser', 'romeo@live.example', PASSWORD).code, 0)
  const anew = await server.client('romeo@live.example', PASSWORD)
  const roster = await anew.request('get', '', "<query xmlns='jabber:iq:roster'/>")
  assert.deepEqual(roster.child('query', 'jabber:iq:roster')?.children, [])
  anew.destroy()
})
