import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import { entente, ServerProcess } from '../helpers/server-process.ts'

const log = '{ debug = "*console" }'
const ROSTER = 'jabber:iq:roster'
let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

describe('kill -9', () => {
  test('the next start works at once, and everything that was answered is there', async () => {
    const file = network.prepare('crash.example', { log, global: 'pidfile = "entente.pid"' })
    await using first = await ServerProcess.start(file)
    await first.users('romeo@crash.example', 'juliet@crash.example')
    const romeo = await first.client('romeo@crash.example', PASSWORD)
    for (let i = 0; i < 20; i++) {
      romeo.send(`<message to='juliet@crash.example' type='chat' id='m${i}'><body>${i}</body></message>`)
    }
    // order is kept to each recipient: an answer from juliet's account means that what went before is stored
    const last = await romeo.request('get', 'juliet@crash.example', `<ping xmlns='${NS.ping}'/>`)
    assert.equal(last.attr('from'), 'juliet@crash.example')
    const item = `<query xmlns='${ROSTER}'><item jid='juliet@crash.example' name='Juliet'><group>Verona</group></item></query>`
    assert.equal((await romeo.request('set', '', item)).attr('type'), 'result')
    await first.kill()
    assert.ok(existsSync(join(dirname(file), 'data', 'entente.sock')), 'it had no time to clean up')

    await using second = await ServerProcess.start(file)
    assert.equal(readFileSync(join(dirname(file), 'entente.pid'), 'utf8'), `${second.pid}\n`)
    assert.equal((await second.status()).pid, second.pid)
    const again = await second.client('romeo@crash.example', PASSWORD)
    const roster = await again.request('get', '', `<query xmlns='${ROSTER}'/>`)
    const kept = roster.child('query', ROSTER)!.child('item', ROSTER)!
    assert.equal(kept.attr('name'), 'Juliet')
    assert.equal(kept.child('group', ROSTER)?.text, 'Verona')
    const juliet = await second.client('juliet@crash.example', PASSWORD)
    juliet.send('<presence/>')
    const bodies: (string | undefined)[] = []
    for (let i = 0; i < 20; i++) bodies.push((await juliet.message()).child('body')?.text)
    assert.deepEqual(
      bodies,
      Array.from({ length: 20 }, (_, i) => String(i)),
    )
    for (const one of [romeo, again, juliet]) one.destroy()
    await second.stop()
  })

  test('in the middle of many changes tears none', async () => {
    const file = network.prepare('torn.example', { log, users: [] })
    await using server = await ServerProcess.start(file)
    await server.users('romeo@torn.example')
    const romeo = await server.client('romeo@torn.example', PASSWORD)
    let answered = -1
    const set = (i: number) =>
      romeo.ask(
        'set',
        '',
        `<query xmlns='${ROSTER}'><item jid='n${i}@torn.example' name='n${i}'><group>g${i}</group></item></query>`,
      )
    const ids = Array.from({ length: 200 }, (_, i) => set(i))
    for (let i = 0; i < 40; i++) {
      const result = await romeo.element((e) => e.name === 'iq' && e.attr('type') === 'result')
      answered = Math.max(answered, ids.indexOf(result.attr('id') ?? ''))
    }
    await server.kill()
    await using next = await ServerProcess.start(file)
    const again = await next.client('romeo@torn.example', PASSWORD)
    const roster = await again.request('get', '', `<query xmlns='${ROSTER}'/>`)
    const items = roster.child('query', ROSTER)!.children
    const names = new Set(items.map((item) => item.attr('name')))
    for (let i = 0; i <= answered; i++) assert.ok(names.has(`n${i}`), `n${i} of ${answered}`)
    for (const item of items) assert.equal(item.child('group', ROSTER)?.text, item.attr('name')!.replace('n', 'g'))
    again.destroy()
    romeo.destroy()
  })
})

describe('the data folder of a stopped server', () => {
  test('may be copied and moved, also after adduser alone', async () => {
    const file = network.prepare('move.example', { log })
    const folder = dirname(file)
    assert.equal(entente('adduser', '--config', file, 'romeo@move.example', PASSWORD).code, 0)
    cpSync(join(folder, 'data'), join(folder, 'copy'), { recursive: true })
    renameSync(join(folder, 'data'), join(folder, 'moved'))
    for (const name of ['copy', 'moved']) {
      const other = join(folder, `${name}.cfg.lua`)
      writeFileSync(other, readFileSync(file, 'utf8').replace('data_path = "data"', `data_path = "${name}"`))
      await using server = await ServerProcess.start(other)
      const romeo = await server.client('romeo@move.example', PASSWORD)
      const set = `<query xmlns='${ROSTER}'><item jid='${name}@move.example'/></query>`
      assert.equal((await romeo.request('set', '', set)).attr('type'), 'result')
      romeo.destroy()
      await server.stop()
    }
    // and once more after the server itself has run in it
    renameSync(join(folder, 'moved'), join(folder, 'data'))
    await using server = await ServerProcess.start(file)
    const romeo = await server.client('romeo@move.example', PASSWORD)
    const roster = await romeo.request('get', '', `<query xmlns='${ROSTER}'/>`)
    assert.deepEqual(
      roster.child('query', ROSTER)!.children.map((item) => item.attr('jid')),
      ['moved@move.example'],
    )
    romeo.destroy()
  })
})
