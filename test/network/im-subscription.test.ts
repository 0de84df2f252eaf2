import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { errorOf, say, sayItem } from '../helpers/expect.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import type { TestClient } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
const a = await network.server('a.example')
const b = await network.server('b.example')

const roster = async (client: TestClient): Promise<readonly string[]> => {
  const answer = await client.request('get', '', `<query xmlns='${NS.roster}'/>`)
  return answer.child('query', NS.roster)!.children.map(sayItem)
}
const subscription = (client: TestClient, type: string, to: string, inside = ''): void =>
  client.send(`<presence type='${type}' to='${to}'>${inside}</presence>`)
const typed =
  (...types: readonly string[]) =>
  (e: Element): boolean =>
    e.name === 'presence' && types.includes(e.attr('type') ?? 'available')
/** The next thing that a client is told about others, in words. */
const told = async (client: TestClient): Promise<string> =>
  say(await client.element((e) => e.name !== 'iq' || e.attr('type') === 'set'))
const tellsOf = async (client: TestClient, count: number): Promise<readonly string[]> => {
  const all: string[] = []
  while (all.length < count) all.push(await told(client))
  return all
}

let pairs = 0
/** Two users who do not know each other, each online and following the roster; the contact at home or abroad. */
async function pair(where: 'local' | 'remote', online = true) {
  const n = ++pairs
  const [user, contact] = [`romeo${n}@a.example`, `juliet${n}@${where === 'local' ? 'a' : 'b'}.example`]
  await a.createAccount(user, PASSWORD)
  await (where === 'local' ? a : b).createAccount(contact, PASSWORD)
  const romeo = await network.client(user)
  await roster(romeo)
  const juliet = online ? await network.client(contact) : undefined
  if (juliet !== undefined) await roster(juliet)
  return { user, contact, romeo, juliet: juliet as TestClient }
}

/** Until each sees the other. */
async function befriend(p: Awaited<ReturnType<typeof pair>>): Promise<void> {
  const { user, contact, romeo, juliet } = p
  for (const [asks, who, grants, whom] of [
    [romeo, contact, juliet, user],
    [juliet, user, romeo, contact],
  ] as const) {
    subscription(asks, 'subscribe', who)
    await grants.presence(typed('subscribe'))
    subscription(grants, 'subscribed', whom)
    await asks.presence(typed('subscribed'))
    await asks.presence(typed('available'))
  }
  await romeo.elements()
  await juliet.elements()
}

for (const where of ['local', 'remote'] as const) {
  describe(`subscriptions, ${where} contact`, () => {
    test('asking, granting, both ways: what each is told, in order', async () => {
      const { user, contact, romeo, juliet } = await pair(where)
      subscription(romeo, 'subscribe', `${contact}/some-resource`, '<status>Hi</status>')
      assert.equal(await told(romeo), `push ${contact} none ask`)
      const request = await juliet.presence(typed('subscribe'))
      assert.deepEqual([request.attr('from'), request.attr('to')], [user, contact], 'on bare addresses')
      assert.equal(request.child('status')?.text, 'Hi')
      assert.deepEqual(await roster(juliet), [], 'no item before approval')

      subscription(juliet, 'subscribed', user)
      assert.equal(await told(juliet), `push ${user} from`)
      // RFC 6121 §3.1.6: the answer, the push, then the presence of the contact
      assert.deepEqual(await tellsOf(romeo, 3), [`subscribed ${contact}`, `push ${contact} to`, `available ${juliet.jid}`])

      subscription(juliet, 'subscribe', user)
      assert.equal(await told(juliet), `push ${user} from ask`)
      assert.equal(await told(romeo), `subscribe ${contact}`)
      subscription(romeo, 'subscribed', contact)
      assert.equal(await told(romeo), `push ${contact} both`)
      assert.deepEqual(await tellsOf(juliet, 3), [`subscribed ${user}`, `push ${user} both`, `available ${romeo.jid}`])
    })

    test('a request that is refused: unsubscribed, and the question is over', async () => {
      const { user, contact, romeo, juliet } = await pair(where)
      subscription(romeo, 'subscribe', contact)
      assert.equal(await told(romeo), `push ${contact} none ask`)
      await juliet.presence(typed('subscribe'))
      subscription(juliet, 'unsubscribed', user)
      assert.deepEqual(await tellsOf(romeo, 2), [`unsubscribed ${contact}`, `push ${contact} none`])
      assert.deepEqual(await roster(juliet), [])
      const again = await network.client(contact, { resource: 'later' })
      assert.deepEqual((await again.elements(typed('subscribe'))).map(say), [])
    })

    test('taking back what was granted: unavailable of each resource first, then unsubscribed', async () => {
      const p = await pair(where)
      await befriend(p)
      const { user, contact, romeo, juliet } = p
      const second = await network.client(contact, { resource: 'second' })
      assert.equal(await told(romeo), `available ${second.jid}`)
      subscription(juliet, 'unsubscribed', user)
      const [x, y, ...rest] = await tellsOf(romeo, 4)
      assert.deepEqual([x, y].sort(), [`unavailable ${juliet.jid}`, `unavailable ${second.jid}`].sort())
      assert.deepEqual(rest, [`unsubscribed ${contact}`, `push ${contact} from`])
      juliet.send('<presence><show>away</show></presence>')
      await juliet.ping()
      assert.deepEqual((await romeo.elements(typed('available'))).map(say), [])
    })

    test('leaving: unsubscribe, and the contact stops showing itself', async () => {
      const p = await pair(where)
      await befriend(p)
      const { user, contact, romeo, juliet } = p
      subscription(romeo, 'unsubscribe', contact)
      assert.equal(await told(romeo), `push ${contact} from`)
      assert.deepEqual(await tellsOf(juliet, 2), [`unsubscribe ${user}`, `push ${user} to`])
      assert.equal(await told(romeo), `unavailable ${juliet.jid}`)
    })

    test('removing the contact from the roster ends both directions', async () => {
      const p = await pair(where)
      await befriend(p)
      const { user, contact, romeo, juliet } = p
      romeo.ask('set', '', `<query xmlns='${NS.roster}'><item jid='${contact}' subscription='remove'/></query>`)
      assert.equal(await told(romeo), `push ${contact} remove`)
      const heard = await tellsOf(juliet, 5)
      assert.deepEqual(
        heard.filter((h) => !h.startsWith('push')),
        [`unavailable ${romeo.jid}`, `unsubscribe ${user}`, `unsubscribed ${user}`],
      )
      assert.equal(
        heard.findLast((h) => h.startsWith('push')),
        `push ${user} none`,
      )
      assert.equal(await told(romeo), `unavailable ${juliet.jid}`)
      assert.deepEqual(await roster(romeo), [])
    })

    test('a request to somebody who is away waits, once for each who asks, until it is answered', async () => {
      const { user, contact, romeo } = await pair(where, false)
      subscription(romeo, 'subscribe', contact, "<status>first</status><x xmlns='urn:x'>kept &amp; whole</x>")
      await told(romeo)
      subscription(romeo, 'subscribe', contact, '<status>second</status>')
      // a round trip behind it, through the same streams
      assert.equal((await romeo.request('get', contact, `<ping xmlns='${NS.ping}'/>`)).attr('type'), 'error')
      for (const resource of ['one', 'two']) {
        const juliet = await network.client(contact, { resource })
        const requests = await juliet.elements(typed('subscribe'))
        assert.deepEqual(requests.map(say), [`subscribe ${user}`], `at log-in ${resource}`)
        assert.equal(requests[0]?.child('x', 'urn:x')?.text, 'kept & whole')
        juliet.end()
        await juliet.untilClosed()
      }
      const juliet = await network.client(contact, { resource: 'three' })
      subscription(juliet, 'subscribed', user)
      assert.equal(say(await romeo.presence(typed('subscribed'))), `subscribed ${contact}`)
      const later = await network.client(contact, { resource: 'four' })
      assert.deepEqual((await later.elements(typed('subscribe'))).map(say), [])
    })

    test('who is subscribed already is told so at once, and nobody is bothered', async () => {
      const p = await pair(where)
      await befriend(p)
      const { contact, romeo, juliet } = p
      subscription(romeo, 'subscribe', contact)
      // behind it, both ways; the answer `subscribed` changes nothing here, so it is not passed on (appendix A.3.3)
      assert.equal((await romeo.request('get', contact, `<ping xmlns='${NS.ping}'/>`)).attr('type'), 'result')
      assert.deepEqual((await romeo.elements()).map(say), [])
      assert.deepEqual((await juliet.elements()).map(say), [])
      assert.deepEqual(await roster(romeo), [`${contact} both`])
    })

    test('pre-approval: the request is granted without a question', async () => {
      const { user, contact, romeo, juliet } = await pair(where)
      subscription(juliet, 'subscribed', user)
      assert.equal(await told(juliet), `push ${user} none approved`)
      assert.deepEqual(await romeo.elements(), [], 'the other side does not hear of it')
      subscription(romeo, 'subscribe', contact)
      assert.deepEqual(await tellsOf(romeo, 4), [
        `push ${contact} none ask`,
        `subscribed ${contact}`,
        `push ${contact} to`,
        `available ${juliet.jid}`,
      ])
      assert.match(await told(juliet), new RegExp(`^push ${user} from`))
      assert.deepEqual((await juliet.elements(typed('subscribe'))).map(say), [])
    })

    test('answers to what was never asked change nothing and are not passed on', async () => {
      const { user, romeo, juliet } = await pair(where)
      for (const type of ['unsubscribe', 'unsubscribed', 'subscribed']) subscription(juliet, type, user)
      subscription(juliet, 'unsubscribed', user) // takes back the pre-approval that `subscribed` was
      await juliet.ping()
      await juliet.request('get', user, `<ping xmlns='${NS.ping}'/>`) // behind it on the same way
      assert.deepEqual((await romeo.elements()).map(say), [])
      assert.deepEqual(await roster(romeo), [])
    })

    test('somebody who does not exist never answers', async () => {
      const { romeo } = await pair(where)
      const nobody = `nobody@${where === 'local' ? 'a' : 'b'}.example`
      subscription(romeo, 'subscribe', nobody)
      assert.equal(await told(romeo), `push ${nobody} none ask`)
      assert.equal((await romeo.request('get', nobody, `<ping xmlns='${NS.ping}'/>`)).attr('type'), 'error')
      assert.deepEqual((await romeo.elements()).map(say), [])
    })
  })
}

test('a request to oneself is nothing', async () => {
  const { user, romeo } = await pair('local')
  for (const type of ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']) subscription(romeo, type, user)
  assert.deepEqual((await romeo.elements()).map(say), [])
  assert.deepEqual(await roster(romeo), [])
})

test('a request to a domain that cannot be reached comes back with the reason', async () => {
  const { romeo } = await pair('local')
  subscription(romeo, 'subscribe', 'juliet@nowhere.example')
  assert.equal(await told(romeo), 'push juliet@nowhere.example none ask')
  const error = await romeo.presence(typed('error'))
  assert.equal(error.attr('from'), 'juliet@nowhere.example')
  assert.equal(errorOf(error), 'cancel/remote-server-not-found')
})

test('subscriptions and requests outlive a restart', async () => {
  const { user, contact, romeo } = await pair('remote', false)
  subscription(romeo, 'subscribe', contact)
  assert.equal(await told(romeo), `push ${contact} none ask`)
  assert.equal((await romeo.request('get', contact, `<ping xmlns='${NS.ping}'/>`)).attr('type'), 'error')
  await network.restart('b.example')
  const juliet = await network.client(contact)
  assert.deepEqual((await juliet.elements(typed('subscribe'))).map(say), [`subscribe ${user}`])
})
