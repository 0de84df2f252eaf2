import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { errorOf, say } from '../helpers/expect.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import type { TestClient } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
const a = await network.server('a.example')
const b = await network.server('b.example')

const typed =
  (...types: readonly string[]) =>
  (e: Element): boolean =>
    e.name === 'presence' && types.includes(e.attr('type') ?? 'available')
const presence = (e: Element): boolean => e.name === 'presence'
/** The next presence of a resource, in words; that somebody is away is told from a bare address and passed over. */
const said = async (client: TestClient): Promise<string> => say(await client.presence(ofResource))
const ofResource = (e: Element): boolean => e.attr('from')?.includes('/') === true

let made = 0
/** An account with that many friends abroad or at home, both ways, all offline. */
async function friends(where: 'local' | 'remote') {
  const n = ++made
  const [user, contact] = [`romeo${n}@a.example`, `juliet${n}@${where === 'local' ? 'a' : 'b'}.example`]
  await a.createAccount(user, PASSWORD)
  await (where === 'local' ? a : b).createAccount(contact, PASSWORD)
  const romeo = await network.client(user, { resource: 'setup' })
  const juliet = await network.client(contact, { resource: 'setup' })
  for (const [asks, who, grants, whom] of [
    [romeo, contact, juliet, user],
    [juliet, user, romeo, contact],
  ] as const) {
    asks.send(`<presence type='subscribe' to='${who}'/>`)
    await grants.presence(typed('subscribe'))
    grants.send(`<presence type='subscribed' to='${whom}'/>`)
    await asks.presence((e) => e.attr('type') === undefined && e.attr('from')?.startsWith(who) === true)
  }
  for (const client of [romeo, juliet]) {
    client.end()
    await client.untilClosed()
  }
  return { user, contact }
}

for (const where of ['local', 'remote'] as const) {
  describe(`presence, ${where} contact`, () => {
    test('comes, changes, goes: the contact sees it all, and the newcomer sees who is there', async () => {
      const { user, contact } = await friends(where)
      const juliet = await network.client(contact)
      const romeo = await network.client(user, { presence: false })
      romeo.send('<presence><show>chat</show><priority>3</priority></presence>')
      const first = await juliet.presence(ofResource)
      assert.equal(say(first), `available ${romeo.jid}`)
      assert.equal(first.child('show')?.text, 'chat')
      const theirs = await romeo.presence((e) => e.attr('from') !== romeo.jid)
      assert.equal(say(theirs), `available ${juliet.jid}`, 'the answer to the probe')
      romeo.send('<presence><show>dnd</show></presence>')
      assert.equal((await juliet.presence()).child('show')?.text, 'dnd')
      romeo.send("<presence type='unavailable'><status>bye</status></presence>")
      const last = await juliet.presence()
      assert.equal(say(last), `unavailable ${romeo.jid}`)
      assert.equal(last.child('status')?.text, 'bye')
      romeo.send('<presence/>') // again: it is initial again
      assert.equal(await said(juliet), `available ${romeo.jid}`)
      assert.equal(say(await romeo.presence((e) => e.attr('from') === juliet.jid)), `available ${juliet.jid}`)
    })

    test('however a session ends, the contact learns it once', async () => {
      const { user, contact } = await friends(where)
      const juliet = await network.client(contact)
      for (const [how, end] of [
        ['stream end', (c: TestClient) => c.end()],
        ['socket closed', (c: TestClient) => c.socket.end()],
        ['socket reset', (c: TestClient) => c.destroy()],
        ['garbage', (c: TestClient) => c.send('<<<')],
        ['spoofed from', (c: TestClient) => c.send("<message from='tybalt@a.example'/>")],
      ] as const) {
        const romeo = await network.client(user, { resource: how.replace(' ', '-') })
        assert.equal(await said(juliet), `available ${romeo.jid}`)
        end(romeo)
        assert.equal(await said(juliet), `unavailable ${romeo.jid}`, how)
      }
      assert.deepEqual((await juliet.elements(presence)).map(say), [])
    })

    test('a probe is answered for each resource of a friend; a full address tells of no other', async () => {
      const { user, contact } = await friends(where)
      const one = await network.client(contact, { resource: 'one' })
      const two = await network.client(contact, { resource: 'two' })
      const romeo = await network.client(user)
      const got = [await romeo.presence(), await romeo.presence()].map(say).sort()
      assert.deepEqual(got, [`available ${one.jid}`, `available ${two.jid}`])
      romeo.send(`<presence type='probe' to='${one.jid}'/>`)
      assert.equal(await said(romeo), `available ${one.jid}`)
      romeo.send(`<presence type='probe' to='${contact}/elsewhere'/>`)
      const none = await romeo.presence()
      assert.deepEqual([none.attr('type'), none.attr('from')], ['unavailable', `${contact}/elsewhere`])
    })

    test('a friend who is away answers a probe with unavailable, from the bare address', async () => {
      const { user, contact } = await friends(where)
      const romeo = await network.client(user)
      assert.equal(say(await romeo.presence()), `unavailable ${contact}`)
    })

    test('a stranger who probes learns nothing, and is not told so', async () => {
      const { contact } = await friends(where)
      const stranger = `stranger${++made}@a.example`
      await a.createAccount(stranger, PASSWORD)
      await network.client(contact)
      const spy = await network.client(stranger)
      for (const to of [contact, `${contact}/test`, `nobody@${contact.split('@')[1]}`]) {
        spy.send(`<presence type='probe' to='${to}'/>`)
        assert.equal((await spy.request('get', to.split('/')[0]!, `<ping xmlns='${NS.ping}'/>`)).attr('type'), 'error')
      }
      assert.deepEqual((await spy.elements(presence)).map(say), [])
    })

    test('directed presence goes to one, is followed by its unavailable, and is not part of the broadcast', async () => {
      const { user, contact } = await friends(where)
      const stranger = `stranger${++made}@${contact.split('@')[1]}`
      await (where === 'local' ? a : b).createAccount(stranger, PASSWORD)
      const them = await network.client(stranger)
      const juliet = await network.client(contact)
      const romeo = await network.client(user)
      assert.equal(await said(juliet), `available ${romeo.jid}`)
      romeo.send(`<presence to='${them.jid}'><show>xa</show></presence>`)
      assert.equal((await them.presence()).child('show')?.text, 'xa')
      romeo.send(`<presence to='${juliet.jid}'/>`) // sees the broadcast anyway
      assert.equal(await said(juliet), `available ${romeo.jid}`)
      romeo.send('<presence><show>away</show></presence>')
      assert.equal((await juliet.presence()).child('show')?.text, 'away')
      romeo.send("<presence type='unavailable'/>")
      assert.equal(await said(juliet), `unavailable ${romeo.jid}`)
      assert.equal(await said(them), `unavailable ${romeo.jid}`)
      romeo.send(`<presence to='${them.jid}'/><presence type='unavailable' to='${them.jid}'/>`)
      assert.deepEqual([await said(them), await said(them)], [`available ${romeo.jid}`, `unavailable ${romeo.jid}`])
      romeo.send(`<presence to='${them.jid}'/>`)
      assert.equal(await said(them), `available ${romeo.jid}`)
      romeo.destroy()
      assert.equal(await said(them), `unavailable ${romeo.jid}`, 'also at the end of the session')
      assert.deepEqual((await them.elements(ofResource)).map(say), [])
      assert.deepEqual((await juliet.elements(presence)).map(say), [], 'once is enough for who saw the broadcast')
    })
  })
}

test('own resources see each other, and each its own presence come back', async () => {
  const { user } = await friends('local')
  const one = await network.client(user, { resource: 'one', presence: false })
  one.send('<presence/>')
  assert.equal(await said(one), `available ${one.jid}`)
  const two = await network.client(user, { resource: 'two', presence: false })
  two.send('<presence/>')
  assert.equal(await said(one), `available ${two.jid}`)
  assert.deepEqual([await said(two), await said(two)].sort(), [`available ${one.jid}`, `available ${two.jid}`])
  const silent = await network.client(user, { resource: 'silent', presence: false })
  two.send("<presence type='unavailable'/>")
  assert.equal(await said(one), `unavailable ${two.jid}`)
  assert.equal(await said(two), `unavailable ${two.jid}`)
  assert.deepEqual((await silent.elements(presence)).map(say), [], 'who has sent no presence gets none')
})

for (const [priority, legal] of [
  ['-128', true],
  ['127', true],
  ['+5', true],
  [' 1 ', true],
  ['', true],
  ['128', false],
  ['-129', false],
  ['1.5', false],
  ['high', false],
  ['0x1', false],
] as const) {
  test(`priority ${JSON.stringify(priority)} is ${legal ? 'taken' : 'refused'}`, async () => {
    const { user } = await friends('local')
    const client = await network.client(user, { presence: false })
    client.send(`<presence id='p'><priority>${priority}</priority></presence>`)
    const answer = await client.presence()
    if (legal) assert.equal(say(answer), `available ${client.jid}`)
    else assert.equal(errorOf(answer), 'modify/bad-request')
    client.destroy()
  })
}

test('a type that presence does not have is a bad request, from home and from abroad', async () => {
  const { user, contact } = await friends('remote')
  const juliet = await network.client(contact)
  const romeo = await network.client(user)
  assert.equal(await said(juliet), `available ${romeo.jid}`)
  for (const to of [undefined, juliet.jid, contact]) {
    romeo.send(`<presence type='invisible'${to === undefined ? '' : ` to='${to}'`} id='i'/>`)
    const error = await romeo.presence((e) => e.attr('id') === 'i')
    assert.equal(errorOf(error), 'modify/bad-request')
  }
  assert.deepEqual((await juliet.elements(presence)).map(say), [])
})

test('at shutdown friends learn that everybody goes, and clients are told why', async () => {
  const { user, contact } = await friends('remote')
  const romeo = await network.client(user)
  const juliet = await network.client(contact)
  assert.equal(await said(romeo), `available ${juliet.jid}`)
  const ends = juliet.untilClosed()
  await network.restart('b.example')
  assert.equal(await said(romeo), `unavailable ${juliet.jid}`)
  const error = (await ends).find((h) => h.kind === 'element' && h.element.is('error', NS.streams))
  assert.ok(error?.kind === 'element')
  assert.equal(error.element.children[0]?.name, 'system-shutdown')
})
