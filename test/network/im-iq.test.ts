import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { SOFTWARE } from '../../src/core/software.ts'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { errorOf, say } from '../helpers/expect.ts'
import { Network } from '../helpers/network.ts'
import type { TestClient } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
await network.server('a.example', { users: ['romeo', 'juliet'] })
await network.server('b.example', { users: ['mallory', 'friend'] })
const romeo = await network.client('romeo@a.example')
const juliet = await network.client('juliet@a.example')
const mallory = await network.client('mallory@b.example')
const friend = await network.client('friend@b.example')
friend.send("<presence type='subscribe' to='juliet@a.example'/>")
await juliet.presence((e) => e.attr('type') === 'subscribe')
juliet.send("<presence type='subscribed' to='friend@b.example'/>")
await friend.presence((e) => e.attr('from') === juliet.jid)

const PING = `<ping xmlns='${NS.ping}'/>`
const UNAVAILABLE = 'cancel/service-unavailable'

describe('iq that is none (RFC 6120 §8.2.3)', () => {
  const bad: readonly (readonly [what: string, xml: string])[] = [
    ['no id', `<iq type='get' TO>${PING}</iq>`],
    ['no type', `<iq id='x' TO>${PING}</iq>`],
    ['a wrong type', `<iq id='x' type='subscribe' TO>${PING}</iq>`],
    ['no child', "<iq id='x' type='get' TO/>"],
    ['two children', `<iq id='x' type='set' TO>${PING}${PING}</iq>`],
  ]
  const targets = ['', 'a.example', 'romeo@a.example', juliet.jid, 'mallory@b.example', mallory.jid, 'b.example']
  for (const [what, xml] of bad) {
    test(`${what}: bad-request to the sender, nothing to the addressee`, async () => {
      for (const target of targets) {
        romeo.send(xml.replace('TO', target === '' ? '' : `to='${target}'`))
        const answer = await romeo.element((e) => e.name === 'iq')
        assert.equal(errorOf(answer), 'modify/bad-request', target)
        assert.equal(answer.attr('id'), what === 'no id' ? undefined : 'x')
      }
      assert.deepEqual((await juliet.elements()).map(say), [])
      assert.deepEqual((await mallory.elements()).map(say), [])
    })
  }

  test('a result with two children goes nowhere, nor do errors and results get answers', async () => {
    romeo.send(`<iq id='r' type='result' to='${juliet.jid}'>${PING}${PING}</iq>`)
    for (const to of [
      'a.example',
      'nobody@a.example',
      'juliet@a.example',
      `${juliet.jid}/gone`,
      mallory.jid,
      'nobody@b.example',
    ]) {
      romeo.send(`<iq id='r' type='result' to='${to}'/><iq id='e' type='error' to='${to}'><error type='cancel'/></iq>`)
      romeo.send(`<message type='error' to='${to}'/><presence type='error' to='${to}'/>`)
    }
    await romeo.request('get', 'b.example', PING)
    assert.deepEqual((await mallory.elements()).map(say), ['iq result', 'iq error', `message ${romeo.jid}`, `error ${romeo.jid}`])
    assert.deepEqual((await romeo.elements((e) => e.attr('type') === 'error' || e.attr('type') === 'result')).map(String), [])
  })
})

describe('where an iq goes', () => {
  test('a full address of somebody online: to the client, and its answer comes back', async () => {
    for (const [asker, askerJid] of [
      [romeo, romeo.jid],
      [mallory, mallory.jid],
    ] as const) {
      const id = asker.ask('get', juliet.jid, "<question xmlns='urn:q'/>")
      const asked = await juliet.element((e) => e.name === 'iq')
      assert.deepEqual([asked.attr('from'), asked.attr('id'), asked.child('question', 'urn:q')?.name], [askerJid, id, 'question'])
      juliet.send(`<iq type='result' id='${id}' to='${askerJid}'><answer xmlns='urn:q'/></iq>`)
      const answer = await asker.element((e) => e.name === 'iq')
      assert.deepEqual([answer.attr('type'), answer.attr('id'), answer.attr('from')], ['result', id, juliet.jid])
    }
  })

  test('absent, offline, without that resource, unknown payload: all the same error', async () => {
    await network.servers.get('a.example')!.createAccount('offline@a.example', 'x')
    for (const client of [romeo, mallory]) {
      const answers = new Set<string>()
      for (const to of [
        'nobody@a.example',
        'nobody@a.example/x',
        'offline@a.example',
        'offline@a.example/x',
        'juliet@a.example',
        'juliet@a.example/x',
      ]) {
        for (const payload of [PING, "<unknown xmlns='urn:u'/>", `<query xmlns='${NS.discoInfo}'/>`]) {
          const answer = await client.request('get', to, payload)
          assert.equal(answer.attr('from'), to)
          answers.add(
            String(answer)
              .replaceAll(to, 'X')
              .replace(/id='[^']*'/, ''),
          )
        }
      }
      assert.equal(answers.size, 1, [...answers].join('\n'))
      assert.match([...answers][0]!, /service-unavailable/)
    }
  })

  test('unknown payloads to hosts', async () => {
    for (const to of ['a.example', 'b.example']) {
      for (const type of ['get', 'set'] as const) {
        assert.equal(errorOf(await romeo.request(type, to, "<unknown xmlns='urn:u'/>")), UNAVAILABLE)
      }
    }
    assert.equal(errorOf(await romeo.request('set', 'a.example', PING)), UNAVAILABLE, 'a ping is a get')
  })

  test('addresses that are none, and one that is not ours', async () => {
    for (const to of ['@a.example', 'romeo@', 'a b@a.example', 'x@a.example/', 'a..example']) {
      const id = `j${to.length}`
      for (const xml of [
        `<iq type='get' id='${id}' to='${to}'>${PING}</iq>`,
        `<message id='${id}' to='${to}'/>`,
        `<presence id='${id}' to='${to}'/>`,
      ]) {
        romeo.send(xml)
        assert.equal(errorOf(await romeo.element((e) => e.attr('id') === id)), 'modify/jid-malformed', xml)
      }
    }
  })

  test('names that are keys elsewhere', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      assert.equal(errorOf(await romeo.request('get', `${name}@a.example/${name}`, `<${name} xmlns='${name}'/>`)), UNAVAILABLE)
      assert.equal(errorOf(await romeo.request('get', 'a.example', `<${name} xmlns='${name}'/>`)), UNAVAILABLE)
    }
    assert.equal(Object.keys(Object.prototype).length, 0)
  })
})

describe('ping, version, disco', () => {
  const features = (e: Element, ns: string, what: string): readonly string[] =>
    e
      .child('query', ns)!
      .childrenNamed(what, ns)
      .map((f) => f.attr('var') ?? f.attr('jid') ?? `${f.attr('category')}/${f.attr('type')}`)
  const info = (client: TestClient, to: string): Promise<Element> => client.request('get', to, `<query xmlns='${NS.discoInfo}'/>`)

  test('hosts answer everybody', async () => {
    for (const client of [romeo, mallory]) {
      const pong = await client.request('get', 'a.example', PING)
      assert.deepEqual([pong.attr('type'), pong.attr('from'), pong.children.length], ['result', 'a.example', 0])
      const version = (await client.request('get', 'a.example', `<query xmlns='${NS.version}'/>`)).child('query', NS.version)
      assert.equal(version?.child('name', NS.version)?.text, SOFTWARE.name)
      assert.equal(version?.child('version', NS.version)?.text, SOFTWARE.version)
      assert.equal(version?.child('os', NS.version), undefined)

      const about = await info(client, 'a.example')
      assert.deepEqual(features(about, NS.discoInfo, 'identity'), ['server/im'])
      const said = features(about, NS.discoInfo, 'feature')
      assert.deepEqual(said, [NS.discoInfo, NS.discoItems, NS.version, NS.offline, NS.ping].sort())
      const items = await client.request('get', 'a.example', `<query xmlns='${NS.discoItems}'/>`)
      assert.deepEqual(features(items, NS.discoItems, 'item'), [], 'no accounts')
      for (const ns of [NS.discoInfo, NS.discoItems]) {
        assert.equal(
          errorOf(await client.request('get', 'a.example', `<query xmlns='${ns}' node='x'/>`)),
          'cancel/item-not-found',
        )
      }
    }
  })

  test('accounts answer themselves and those who may see them', async () => {
    for (const client of [juliet, friend]) {
      assert.equal((await client.request('get', 'juliet@a.example', PING)).attr('type'), 'result')
      const about = await info(client, 'juliet@a.example')
      assert.equal(about.attr('from'), 'juliet@a.example')
      assert.deepEqual(features(about, NS.discoInfo, 'identity'), ['account/registered'])
      assert.ok(features(about, NS.discoInfo, 'feature').includes(NS.discoInfo))
      const items = await client.request('get', 'juliet@a.example', `<query xmlns='${NS.discoItems}'/>`)
      assert.deepEqual(features(items, NS.discoItems, 'item'), [])
    }
  })

  test('what is said to offer is answered, and what is answered is said', async () => {
    const own = features(await info(juliet, 'juliet@a.example'), NS.discoInfo, 'feature')
    assert.deepEqual(own, [...own].sort())
    assert.equal((await romeo.request('get', 'romeo@a.example', PING)).attr('type'), 'result')
  })
})
