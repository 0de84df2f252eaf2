import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { errorOf, say, sayItem } from '../helpers/expect.ts'
import { Network } from '../helpers/network.ts'
import type { TestClient } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
const users = ['romeo', 'juliet', 'nurse', 'tybalt', 'paris', 'persistent', 'gone']
await network.server('a.example', { users })
await network.server('b.example', { users: ['mallory'] })

const query = (inside: string): string => `<query xmlns='${NS.roster}'>${inside}</query>`
const set = (client: TestClient, inside: string, to = ''): Promise<Element> => client.request('set', to, query(inside))
const items = async (client: TestClient): Promise<readonly Element[]> =>
  (await client.request('get', '', query(''))).child('query', NS.roster)!.childrenNamed('item', NS.roster)
const isPush = (e: Element): boolean => e.name === 'iq' && e.attr('type') === 'set'

test('a roster is empty, is filled, changed and emptied', async () => {
  const romeo = await network.client('romeo@a.example')
  assert.deepEqual(await items(romeo), [])
  const added = await set(
    romeo,
    "<item jid='Juliet@A.example' name='Jules &amp; co'><group>Friends</group><group>x</group></item>",
  )
  assert.equal(added.attr('type'), 'result')
  assert.equal(added.children.length, 0)
  const [item] = await items(romeo)
  assert.equal(sayItem(item), 'juliet@a.example none')
  assert.equal(item?.attr('name'), 'Jules & co')
  assert.deepEqual(
    item
      ?.childrenNamed('group', NS.roster)
      .map((g) => g.text)
      .sort(),
    ['Friends', 'x'],
  )

  await set(romeo, "<item jid='juliet@a.example'/>") // replaces name and groups (RFC 6121 §2.4)
  const [plain] = await items(romeo)
  assert.deepEqual([plain?.attr('name'), plain?.children.length], [undefined, 0])

  await set(romeo, "<item jid='juliet@a.example' subscription='both' ask='subscribe' approved='true'/>")
  assert.equal(sayItem((await items(romeo))[0]), 'juliet@a.example none', 'a client cannot grant itself a subscription')

  assert.equal((await set(romeo, "<item jid='juliet@a.example' subscription='remove'/>")).attr('type'), 'result')
  assert.deepEqual(await items(romeo), [])
  assert.equal(errorOf(await set(romeo, "<item jid='juliet@a.example' subscription='remove'/>")), 'cancel/item-not-found')
})

test('changes are pushed to the resources that asked for the roster, and to no others', async () => {
  const [one, two, three] = [
    await network.client('nurse@a.example', { resource: 'one' }),
    await network.client('nurse@a.example', { resource: 'two', presence: false }),
    await network.client('nurse@a.example', { resource: 'three' }),
  ]
  await items(one)
  await items(two)
  await set(one, "<item jid='juliet@a.example'/>").then(() => {})
  const toOther = await two.element(isPush)
  assert.equal(say(toOther), 'push juliet@a.example none')
  assert.equal(toOther.attr('to'), 'nurse@a.example/two')
  assert.ok([undefined, 'nurse@a.example'].includes(toOther.attr('from')), 'a push comes from the own account')
  await two.request('set', '', query("<item jid='paris@a.example'/>"))
  assert.equal(say(await one.element(isPush)), 'push paris@a.example none')
  assert.deepEqual((await three.elements(isPush)).map(say), [])
  await set(two, "<item jid='paris@a.example' subscription='remove'/>")
  assert.equal(say(await one.element(isPush)), 'push paris@a.example remove')
})

test('a push reaches the resource that made the change, too', async () => {
  const client = await network.client('tybalt@a.example')
  await items(client)
  const id = client.ask('set', '', query("<item jid='nurse@a.example'/>"))
  const heard = [await client.element(), await client.element()]
  assert.deepEqual(heard.map(say).sort(), ['iq result', 'push nurse@a.example none'])
  assert.equal(heard.find((e) => e.attr('type') === 'result')?.attr('id'), id)
})

const bad: readonly (readonly [what: string, inside: string, error: string])[] = [
  ['no item', '', 'modify/bad-request'],
  ['two items', "<item jid='a@b'/><item jid='c@d'/>", 'modify/bad-request'],
  ['no address', '<item/>', 'modify/bad-request'],
  ['no such address', "<item jid='@@'/>", 'modify/jid-malformed'],
  ['another element', '<thing/>', 'modify/bad-request'],
  ['a group twice', "<item jid='a@b'><group>x</group><group>x</group></item>", 'modify/bad-request'],
  ['an empty group', "<item jid='a@b'><group/></item>", 'modify/not-acceptable'],
  ['a long group', `<item jid='a@b'><group>${'g'.repeat(1024)}</group></item>`, 'modify/not-acceptable'],
  ['a long name', `<item jid='a@b' name='${'n'.repeat(1024)}'/>`, 'modify/not-acceptable'],
  ['oneself', "<item jid='paris@a.example'/>", 'cancel/not-allowed'],
]

for (const [what, inside, error] of bad) {
  test(`a roster set with ${what} is refused`, async () => {
    const client = await network.client('paris@a.example')
    assert.equal(errorOf(await set(client, inside)), error)
    assert.deepEqual(await items(client), [])
    client.destroy()
  })
}

test("other people's rosters are nobody else's, local or remote, absent or present", async () => {
  const juliet = await network.client('juliet@a.example')
  await set(juliet, "<item jid='romeo@a.example'/>")
  await items(juliet)
  const tybalt = await network.client('tybalt@a.example', { resource: 'spy' })
  const mallory = await network.client('mallory@b.example')
  for (const client of [tybalt, mallory]) {
    for (const to of ['juliet@a.example', 'nobody@a.example']) {
      assert.equal(errorOf(await client.request('get', to, query(''))), 'cancel/service-unavailable', to)
      assert.equal(errorOf(await set(client, "<item jid='tybalt@a.example'/>", to)), 'cancel/service-unavailable', to)
    }
    // a push that was made up must not even reach the client (security: roster push spoofing)
    assert.equal(errorOf(await set(client, "<item jid='evil@x'/>", juliet.jid)), 'cancel/service-unavailable')
  }
  assert.deepEqual((await juliet.elements(isPush)).map(say), [])
  assert.deepEqual((await items(juliet)).map(sayItem), ['romeo@a.example none'])
})

test('a roster outlives a restart', async () => {
  const before = await network.client('persistent@a.example')
  await set(before, "<item jid='juliet@b.example' name='J'><group>F</group></item>")
  before.send("<presence type='subscribe' to='juliet@b.example'/>")
  before.send("<presence type='subscribed' to='paris@b.example'/>")
  await before.ping()
  await network.restart('a.example')
  const client = await network.client('persistent@a.example')
  const found = await items(client)
  assert.deepEqual(found.map(sayItem).sort(), ['juliet@b.example none ask', 'paris@b.example none approved'])
  const juliet = found.find((i) => i.attr('jid') === 'juliet@b.example')
  assert.deepEqual([juliet?.attr('name'), juliet?.child('group', NS.roster)?.text], ['J', 'F'])
})
