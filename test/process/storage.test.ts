import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import { entente, IS_LINUX, ServerProcess } from '../helpers/server-process.ts'
import type { TestClient } from '../helpers/test-client.ts'

const log = '{ debug = "*console" }'
const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
const ROSTER = 'jabber:iq:roster'
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

/** Every way in which a client makes the server store something, and the answer that it gets. */
async function storeSomething(romeo: TestClient, name: string): Promise<readonly (string | undefined)[]> {
  const set = await romeo.request('set', '', `<query xmlns='${ROSTER}'><item jid='juliet@full.example' name='${name}'/></query>`)
  romeo.send("<message to='juliet@full.example' type='chat' id='kept'><body>hello</body></message>")
  const barrier = romeo.ask('get', 'juliet@full.example', `<ping xmlns='${NS.ping}'/>`)
  let bounced: string | undefined
  for (;;) {
    const next = await romeo.element((e) => e.attr('id') === 'kept' || e.attr('id') === barrier)
    if (next.attr('id') === barrier) break
    bounced = next.child('error')?.children.find((c) => c.ns === NS_STANZAS)?.name
  }
  return [set.child('error')?.children.find((c) => c.ns === NS_STANZAS)?.name ?? set.attr('type'), bounced]
}

/** @param fill makes every further write of the server fail; @param free lets them work again */
async function fillsUp(domainFile: string, server: ServerProcess, fill: () => void, free: () => void): Promise<void> {
  const add = (user: string) => entente('adduser', '--config', domainFile, `${user}@full.example`, PASSWORD)
  for (const user of ['romeo', 'juliet']) assert.equal(add(user).code, 0)
  const romeo = await server.client('romeo@full.example', PASSWORD)
  assert.deepEqual(await storeSomething(romeo, 'before'), ['result', undefined])
  fill()
  assert.deepEqual(await storeSomething(romeo, 'during'), ['internal-server-error', 'internal-server-error'])
  const refused = add('tybalt')
  assert.equal(refused.code, 1)
  assert.match(refused.err, /^entente: The accounts cannot be stored: [^\n]+\.\n$/)
  // who is known still gets in, and what needs no disk works
  const other = await server.client('juliet@full.example', PASSWORD)
  await other.ping()
  assert.equal(server.all((l) => l.event === 'storage failed' && l.level === 'warn').length >= 2, true)
  free()
  assert.deepEqual(await storeSomething(romeo, 'after'), ['result', undefined])
  assert.equal(add('tybalt').code, 0)
  for (const one of [romeo, other]) one.destroy()
  assert.deepEqual(
    server.all((l) => l.level === 'error'),
    [],
  )
  fill()
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  free()
  await using next = await ServerProcess.start(domainFile)
  const back = await next.client('romeo@full.example', PASSWORD)
  const roster = await back.request('get', '', `<query xmlns='${ROSTER}'/>`)
  assert.equal(roster.child('query', ROSTER)?.child('item', ROSTER)?.attr('name'), 'after')
  back.destroy()
}

describe('a disk that is full', { skip: !IS_LINUX }, () => {
  test('by a limit on the size of files: senders and commands get an error, the process lives and recovers', async () => {
    const file = network.prepare('full.example', { log, global: 'data_path = "limited"' })
    await using server = await ServerProcess.start(file)
    const limit = (bytes: string) => {
      if (server.end === undefined) execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`])
    }
    await fillsUp(
      file,
      server,
      () => limit('1'),
      () => limit('unlimited'),
    )
  })

  test('by a small file system: the same', { skip: process.getuid?.() !== 0 && 'only root may mount' }, async (t) => {
    const file = network.prepare('full.example', { log, global: 'data_path = "disk/data"' })
    const disk = join(dirname(file), 'disk')
    mkdirSync(disk, { recursive: true })
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', disk], { stdio: 'ignore' })
    } catch {
      t.skip('this machine lets nobody mount')
      return
    }
    try {
      await using server = await ServerProcess.start(file)
      const ballast = join(disk, 'ballast')
      const fill = (): void => {
        try {
          for (;;) writeFileSync(ballast, Buffer.alloc(4096), { flag: 'a' })
        } catch {
          // full
        }
      }
      await fillsUp(file, server, fill, () => rmSync(ballast, { force: true }))
    } finally {
      execFileSync('umount', [disk])
    }
  })

  test('for the log: lines are lost, which standard error tells once, and it goes on', async () => {
    const file = network.prepare('chatty.example', { log: '{ debug = "server.log" }', global: 'data_path = "chatty"' })
    const server = new ServerProcess(file)
    await using _ = server
    while (entente('status', '--config', file).code !== 0) assert.equal(server.end, undefined, server.output)
    const path = join(dirname(file), 'server.log')
    const limit = (bytes: string) => execFileSync('prlimit', ['--pid', String(server.pid), `--fsize=${bytes}:`])
    limit('10')
    for (let i = 0; i < 3; i++) entente('reload', '--config', file)
    limit('unlimited')
    const read = () => readFileSync(path, 'utf8')
    const before = read().length
    // a reload would open the file anew: something else that is logged
    const status = JSON.parse(entente('status', '--config', file, '--json').out)
    const [, address, port] = /c2s (\S+):(\d+)/.exec(status.listening.join())!
    const { TestStream } = await import('../helpers/test-client.ts')
    const stream = await TestStream.connect(address!, Number(port))
    await stream.open("to='chatty.example' version='1.0'")
    stream.destroy()
    assert.equal((await server.stop()).code, 0)
    assert.match(server.stderr, /server\.log cannot be written: EFBIG/)
    assert.match(server.stderr, /server\.log can be written again; \d+ lines are lost/)
    assert.ok(read().length > before)
    assert.match(read(), /"event":"client connected"/)
    assert.match(read().trimEnd().split('\n').at(-1)!, /"event":"stopped"/)
  })
})
