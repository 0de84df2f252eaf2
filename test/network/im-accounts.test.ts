import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { errorOf, say, sayItem } from '../helpers/expect.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import { authenticate } from '../helpers/sasl-client.ts'
import { type Heard, TestClient } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
const a = await network.server('a.example', {
  users: ['friend'],
  more: `VirtualHost "guests.a.example"
authentication = "anonymous"
VirtualHost "roaming.a.example"
authentication = "anonymous"
allow_anonymous_s2s = true`,
})
await network.server('b.example', { users: ['friend', 'stranger'] })
network.dns.set('_xmpp-server._tcp.roaming.a.example', { SRV: [{ target: 'xmpp.a.example', port: a.ports('s2s')[0]! }] })

const ROSTER = `<query xmlns='${NS.roster}'/>`
const PING = `<ping xmlns='${NS.ping}'/>`
const rosterOf = async (client: TestClient): Promise<readonly string[]> =>
  (await client.request('get', '', ROSTER)).child('query', NS.roster)!.children.map(sayItem)
const conditions = (heard: readonly Heard[]): readonly string[] =>
  heard.map((h) =>
    h.kind === 'element' ? (h.element.is('error', NS.streams) ? h.element.children[0]!.name : say(h.element)) : h.kind,
  )

async function befriend(one: TestClient, other: TestClient): Promise<void> {
  for (const [asks, grants] of [
    [one, other],
    [other, one],
  ] as const) {
    asks.send(`<presence type='subscribe' to='${grants.jid.split('/')[0]}'/>`)
    await grants.presence((e) => e.attr('type') === 'subscribe')
    grants.send(`<presence type='subscribed' to='${asks.jid.split('/')[0]}'/>`)
    await asks.presence((e) => e.attr('from') === grants.jid && e.attr('type') === undefined)
  }
}

/** A guest of an anonymous host, with presence. */
async function guest(domain: string): Promise<TestClient> {
  const socket = (await network.connect('a.example')).socket
  socket.removeAllListeners()
  const client = new TestClient(socket)
  const to = `to='${domain}' version='1.0'`
  await client.open(to)
  await client.startTls({ servername: domain })
  await client.open(to)
  assert.equal(await authenticate(client, { mechanism: 'ANONYMOUS', user: '', password: '' }), 'success')
  client.restart()
  await client.open(to)
  const bound = await client.request('set', '', `<bind xmlns='${NS.bind}'/>`)
  client.jid = bound.child('bind', NS.bind)!.child('jid')!.text
  client.send('<presence/>')
  await client.elements()
  return client
}

describe('an account is deleted', () => {
  test('its sessions end, friends at home and abroad are told, and nothing is left for the next of that name', async () => {
    await a.createAccount('gone@a.example', PASSWORD)
    const gone = await network.client('gone@a.example')
    const second = await network.client('gone@a.example', { resource: 'second', presence: false })
    const friends = [await network.client('friend@a.example'), await network.client('friend@b.example')]
    for (const friend of friends) {
      await rosterOf(friend)
      await befriend(gone, friend)
    }
    const stranger = await network.client('stranger@b.example')
    await rosterOf(stranger)
    stranger.send("<presence type='subscribe' to='gone@a.example'/>")
    await gone.presence((e) => e.attr('from') === 'stranger@b.example')
    for (const friend of friends) await friend.elements()

    const ends = [gone.untilClosed(), second.untilClosed()]
    await a.removeAccount('gone@a.example')
    for (const end of ends) assert.deepEqual(conditions(await end).slice(-3), ['not-authorized', 'end', 'closed'])
    for (const friend of friends) {
      const heard: string[] = []
      while (heard.length < 3) heard.push(say(await friend.presence()))
      assert.deepEqual(heard, ['unavailable gone@a.example/test', 'unsubscribe gone@a.example', 'unsubscribed gone@a.example'])
      assert.deepEqual(await rosterOf(friend), ['gone@a.example none'])
    }
    assert.equal(say(await stranger.presence()), 'unsubscribed gone@a.example')
    await assert.rejects(network.client('gone@a.example'), /login failed.*not-authorized/)

    await a.createAccount('gone@a.example', PASSWORD)
    const anew = await network.client('gone@a.example')
    assert.deepEqual(await rosterOf(anew), [])
    assert.deepEqual((await anew.elements()).map(say), [])
    for (const friend of friends) {
      friend.send('<presence><show>away</show></presence>')
      await friend.ping()
    }
    assert.deepEqual((await anew.elements()).map(say), [], 'and sees nobody')
  })

  test('what a session sends after its account is gone is not done', async () => {
    await a.createAccount('late@a.example', PASSWORD)
    const late = await network.client('late@a.example')
    await rosterOf(late)
    late.answersEnd = false
    const removed = a.removeAccount('late@a.example')
    late.send(`<iq type='set' id='s'><query xmlns='${NS.roster}'><item jid='x@y.example'/></query></iq>`)
    await removed
    late.send(`<iq type='set' id='t'><query xmlns='${NS.roster}'><item jid='z@y.example'/></query></iq>`)
    late.send("<message to='friend@a.example' type='chat'><body>from the grave</body></message>")
    late.end()
    await late.untilClosed()
    await a.createAccount('late@a.example', PASSWORD)
    assert.deepEqual(await rosterOf(await network.client('late@a.example')), [])
    const friend = await network.client('friend@a.example', { resource: 'later' })
    assert.deepEqual((await friend.elements((e) => e.name === 'message')).map(say), [])
  })

  test('messages that waited for it are gone with it', async () => {
    await a.createAccount('mailbox@a.example', PASSWORD)
    const friend = await network.client('friend@a.example', { resource: 'writer' })
    friend.send("<message to='mailbox@a.example' type='chat'><body>x</body></message>")
    await friend.request('get', 'mailbox@a.example', PING)
    await a.removeAccount('mailbox@a.example')
    await a.createAccount('mailbox@a.example', PASSWORD)
    const client = await network.client('mailbox@a.example')
    assert.deepEqual((await client.elements()).map(say), [])
  })

  test('who is still logging in to it stays out', async () => {
    await a.createAccount('between@a.example', PASSWORD)
    const stream = await network.connect('a.example')
    const to = "to='a.example' version='1.0'"
    await stream.open(to)
    await stream.startTls({ servername: 'a.example' })
    await stream.open(to)
    assert.equal(await authenticate(stream, { mechanism: 'PLAIN', user: 'between', password: PASSWORD }), 'success')
    stream.restart()
    await a.removeAccount('between@a.example')
    const error = await stream.element()
    assert.equal(error.children[0]?.name, 'not-authorized')
  })
})

test('a new password ends the sessions that began with the old one, and counts at once', async () => {
  await a.createAccount('changer@a.example', PASSWORD)
  const client = await network.client('changer@a.example')
  const end = client.untilClosed()
  await a.setPassword('changer@a.example', 'new')
  assert.deepEqual(conditions(await end), ['reset', 'end', 'closed'])
  await assert.rejects(network.client('changer@a.example'), /login failed/)
  const again = await network.client('changer@a.example', { password: 'new' })
  assert.equal((await again.request('get', '', PING)).attr('type'), 'result')
})

describe('guests', () => {
  test('talk to each other and to other hosts of the server, and not to remote domains', async () => {
    const [one, two] = [await guest('guests.a.example'), await guest('guests.a.example')]
    const friend = await network.client('friend@a.example', { resource: 'host' })
    one.send(
      `<message to='${two.jid}' type='chat'><body>1</body></message><message to='${friend.jid}' type='chat'><body>2</body></message>`,
    )
    assert.equal((await two.message()).attr('from'), one.jid)
    assert.equal((await friend.message()).attr('from'), one.jid)
    for (const xml of [
      "<message to='friend@b.example' type='chat' id='r'><body>x</body></message>",
      "<presence to='friend@b.example' id='r'/>",
      `<iq to='b.example' type='get' id='r'>${PING}</iq>`,
    ]) {
      one.send(xml)
      assert.equal(errorOf(await one.element((e) => e.attr('id') === 'r')), 'cancel/not-allowed')
    }
    const about = await one.request('get', one.jid.split('/')[0]!, `<query xmlns='${NS.discoInfo}'/>`)
    assert.equal(about.child('query', NS.discoInfo)?.child('identity', NS.discoInfo)?.attr('type'), 'anonymous')
  })

  test('with allow_anonymous_s2s they do', async () => {
    const roaming = await guest('roaming.a.example')
    const abroad = await network.client('friend@b.example', { resource: 'abroad' })
    roaming.send(`<message to='${abroad.jid}' type='chat'><body>hello</body></message>`)
    assert.equal((await abroad.message()).attr('from'), roaming.jid)
    abroad.send(`<message to='${roaming.jid}' type='chat'><body>hello</body></message>`)
    assert.equal((await roaming.message()).attr('from'), abroad.jid)
  })

  test('leave nothing behind', async () => {
    const rows = (): number => {
      const db = new DatabaseSync(join(network.folder, 'a.example', 'data', 'entente.sqlite'), { readOnly: true })
      const sql =
        "SELECT count(*) AS n FROM entry JOIN collection ON entry.collection = collection.id WHERE host = 'guests.a.example'"
      const n = Number(db.prepare(sql).get()?.['n'])
      db.close()
      return n
    }
    const one = await guest('guests.a.example')
    const two = await guest('guests.a.example')
    await one.request('set', '', `<query xmlns='${NS.roster}'><item jid='${two.jid.split('/')[0]}'/></query>`)
    await befriend(one, two)
    assert.ok(rows() > 0)
    one.end()
    await one.untilClosed()
    two.end()
    await two.untilClosed()
    // a log-in and a write come behind what is deleted
    const after = await network.client('friend@a.example', { resource: 'after' })
    await after.request('set', '', `<query xmlns='${NS.roster}'><item jid='c@d.example'/></query>`)
    assert.equal(rows(), 0)
  })
})

describe('storage fails', () => {
  test('the sender is told, reads go on, the process lives, and it works again afterwards', async () => {
    await using broken = await Network.create()
    const server = await broken.server('c.example', { users: ['romeo', 'juliet', 'away'] })
    const romeo = await broken.client('romeo@c.example')
    const juliet = await broken.client('juliet@c.example')
    await rosterOf(romeo)
    // somebody else holds the write lock of the database for longer than the server waits for it
    const db = new DatabaseSync(join(broken.folder, 'c.example', 'data', 'entente.sqlite'))
    db.exec('BEGIN IMMEDIATE')
    try {
      const set = (jid: string) => romeo.request('set', '', `<query xmlns='${NS.roster}'><item jid='${jid}'/></query>`)
      assert.equal(errorOf(await set('x@y.example')).split('/')[1], 'internal-server-error')
      romeo.send("<message to='away@c.example' type='chat' id='m'><body>x</body></message>")
      assert.equal(errorOf(await romeo.message()).split('/')[1], 'internal-server-error')
      romeo.send("<presence type='subscribe' to='juliet@c.example' id='p'/>")
      assert.equal(errorOf(await romeo.presence((e) => e.attr('id') === 'p')).split('/')[1], 'internal-server-error')
      assert.deepEqual(await rosterOf(romeo), [], 'what was not stored has not happened')
      romeo.send(`<message to='${juliet.jid}' type='chat'><body>still here</body></message>`)
      assert.equal((await juliet.message()).child('body')?.text, 'still here')
      await assert.rejects(server.createAccount('new@c.example', 'x'), /cannot be stored/)
      await assert.rejects(server.removeAccount('juliet@c.example'), /cannot be stored/)
      assert.equal((await juliet.request('get', '', PING)).attr('type'), 'result', 'an account that is not deleted stays')
    } finally {
      db.exec('ROLLBACK')
      db.close()
    }
    romeo.send("<message to='away@c.example' type='chat' id='m'><body>again</body></message>")
    await romeo.request('get', 'away@c.example', PING)
    const away = await broken.client('away@c.example')
    assert.equal((await away.message()).child('body')?.text, 'again')
    romeo.send("<presence type='subscribe' to='juliet@c.example'/>")
    assert.equal(say(await juliet.presence((e) => e.attr('type') === 'subscribe')), 'subscribe romeo@c.example')
    assert.deepEqual(await rosterOf(romeo), ['juliet@c.example none ask'])
  })
})
