import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conditionOf, TestClient, type XmlElement, xml } from './client.ts'

const DISCO = 'http://jabber.org/protocol/disco#info'
const UNKNOWN = 'urn:example:nobody-knows-this'

interface Place {
  readonly domain: string
  readonly address: string
}

/** What two people on two servers do with each other, each way, as tests of the suite that calls it. */
export function exchangeTests(places: () => readonly [Place, Place]): void {
  const clients: TestClient[] = []
  const pair = (): [TestClient, TestClient] => [clients[0]!, clients[1]!]
  const eachWay = async (run: (from: TestClient, to: TestClient) => Promise<void>): Promise<void> => {
    const [romeo, juliet] = pair()
    await run(romeo, juliet)
    await run(juliet, romeo)
  }

  test('both log in', async () => {
    const [here, there] = places()
    clients.push(await TestClient.login({ user: 'romeo', password: 'montague', ...here }))
    clients.push(await TestClient.login({ user: 'juliet', password: 'capulet', ...there }))
  })

  test('messages arrive, in order', () =>
    eachWay(async (from, to) => {
      for (const body of ['Wherefore art thou?', '<&> äöü 🌹', 'last']) await from.say(to.bare, body)
      for (const body of ['Wherefore art thou?', '<&> äöü 🌹', 'last']) {
        const message = await to.receiveMessage(from.bare, body)
        assert.equal(message.attrs['from'], from.jid)
      }
    }))

  test('a subscription is asked for, given, and shows presence', () =>
    eachWay(async (from, to) => {
      await from.subscribe(to.bare, 'subscribe')
      await to.receivePresence(from.bare, 'subscribe')
      await to.subscribe(from.bare, 'subscribed')
      await from.receivePresence(to.bare, 'subscribed')
      await from.receivePresence(to.bare, 'available')
      await to.send(xml('presence', {}, xml('show', {}, 'away')))
      const isAway = (s: XmlElement): boolean => s.attrs['from'] === to.jid && s.getChildText('show') === 'away'
      await from.receive('away', isAway)
    }))

  test('a server tells what it is', () =>
    eachWay(async (from, to) => {
      const domain = to.bare.split('@')[1]!
      const answer = await from.ask(domain, xml('query', { xmlns: DISCO }))
      assert.equal(answer.attrs['type'], 'result')
      assert.equal(answer.attrs['from'], domain)
      const query = answer.getChild('query', DISCO)
      assert.ok(query?.getChildren('identity').some((i) => i.attrs['category'] === 'server' && i.attrs['type'] === 'im'))
      assert.ok(query?.getChildren('feature').some((f) => f.attrs['var'] === DISCO))
    }))

  test('a message to nobody comes back', () =>
    eachWay(async (from, to) => {
      const nobody = `nobody@${to.bare.split('@')[1]}`
      await from.say(nobody, 'Anybody?')
      const answer = await from.receive('the error', (s) => s.is('message') && s.attrs['from'] === nobody)
      assert.equal(conditionOf(answer), 'service-unavailable')
    }))

  test('an unknown question is refused', () =>
    eachWay(async (from, to) => {
      const answer = await from.ask(to.bare.split('@')[1]!, xml('query', { xmlns: UNKNOWN }))
      assert.equal(conditionOf(answer), 'service-unavailable')
    }))

  test('a subscription is taken back', () =>
    eachWay(async (from, to) => {
      await to.subscribe(from.bare, 'unsubscribed')
      await from.receivePresence(to.bare, 'unsubscribed')
    }))

  test('both log out', async () => {
    for (const client of clients.splice(0)) await client.stop()
  })
}
