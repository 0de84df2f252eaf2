import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Server } from '../../src/server.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'
import type { TestClient } from '../helpers/test-client.ts'

const TYPES = ['valid', 'invalid', 'error', 'VALID', '', 'garbage']

describe('forged dialback', () => {
  let network: Network
  let a: Server
  let romeo: TestClient
  let evil: ScriptedPeer
  let victim: ScriptedPeer
  before(async () => {
    network = await Network.create()
    a = await network.server('a.example', { users: ['romeo'] })
    romeo = await network.client('romeo@a.example')
    evil = await ScriptedPeer.listen(network, 'evil.example', { certificate: 'none' })
    victim = await ScriptedPeer.listen(network, 'victim.example', { certificate: 'none' })
  })
  after(async () => {
    await evil[Symbol.asyncDispose]()
    await victim[Symbol.asyncDispose]()
    await network[Symbol.asyncDispose]()
  })

  const open = async (): Promise<PeerStream> => (await evil.dial(a, 'a.example', { tls: false })).stream
  const unsolicited = (): number => a.metrics().get('entente_s2s_unsolicited_total') ?? 0
  /** Nobody believes the stream to be the victim's: a stanza in its name ends it and reaches nobody. */
  const assertNotVictim = async (stream: PeerStream): Promise<void> => {
    stream.send(`<message from='x@victim.example' to='romeo@a.example'><body>forged</body></message>`)
    const error = await stream.error()
    assert.equal(error?.condition, 'not-authorized')
    await romeo.ping()
    const messages: string[] = romeo
      .take()
      .flatMap((h) => (h.kind === 'element' && h.element.name === 'message' ? [`${h.element}`] : []))
    assert.deepEqual(
      messages.filter((m) => m.includes('forged')),
      [],
    )
  }

  for (const [row, name] of [
    [1, 'verify'],
    [2, 'result'],
  ] as const) {
    for (const type of TYPES) {
      test(`rows ${row}, 12: an unasked db:${name} type='${type}' on a stream of the attacker changes nothing`, async () => {
        const stream = await open()
        const before = unsolicited()
        stream.send(`<db:${name} from='victim.example' to='a.example' id='${stream.streamId}' type='${type}'/>`)
        await assertNotVictim(stream)
        assert.equal(unsolicited(), before + 1)
      })
    }
  }

  test('rows 1, 2, 12: on our own stream to the attacker only the answer to our question counts', async () => {
    romeo.send("<message to='x@evil.example'><body>m1</body></message>")
    const stream = await evil.accepted()
    await stream.greet(DIALBACK)
    await stream.element((e) => e.is('result', NS.dialback))
    const before = unsolicited()
    stream.send("<db:verify from='victim.example' to='a.example' id='any' type='valid'/>")
    stream.send("<db:verify from='evil.example' to='a.example' id='any' type='valid'/>")
    for (const from of ['victim.example', 'sub.evil.example'])
      stream.send(`<db:result from='${from}' to='a.example' type='valid'/>`)
    stream.send("<db:result from='evil.example' to='other.example' type='valid'/>")
    stream.send("<db:result to='a.example' type='valid'/>")
    for (const type of ['VALID', '', 'garbage']) stream.send(`<db:result from='evil.example' to='a.example' type='${type}'/>`)
    await eventually('all are dropped', () => unsolicited() === before + 9)
    assert.ok(!stream.take().some((h) => h.kind === 'element' && h.element.name === 'message'), 'nothing leaves before valid')
    stream.send("<db:result from='evil.example' to='a.example' type='valid'/>")
    assert.equal((await stream.element((e) => e.name === 'message')).child('body')?.text, 'm1')
    await assertNotVictim(await open())
  })

  test('row 2: mail for a domain goes where DNS says, whatever another stream claims to be', async () => {
    await using bank = await ScriptedPeer.listen(network, 'bank.example')
    const kept = bank.serve()
    const stream = await open()
    stream.send("<db:result from='bank.example' to='a.example' type='valid'/>")
    romeo.send("<message to='x@bank.example'><body>secret</body></message>")
    await eventually('the bank gets it', () => kept.length === 1)
    assert.ok(!stream.take().some((h) => h.kind === 'element' && h.element.name === 'message'))
    stream.destroy()
  })

  test('row 3: an answer on another stream than the question does not count', async () => {
    const stream = await open()
    stream.send("<db:result from='victim.example' to='a.example'>key</db:result>")
    const asked = await victim.accepted()
    await asked.greet(DIALBACK)
    const question = await asked.element((e) => e.is('verify', NS.dialback))
    assert.deepEqual(
      [question.attr('from'), question.attr('to'), question.attr('id')],
      ['a.example', 'victim.example', stream.streamId],
    )
    const before = unsolicited()
    stream.send(`<db:verify from='victim.example' to='a.example' id='${stream.streamId}' type='valid'/>`)
    await eventually('it is dropped', () => unsolicited() === before + 1)
    asked.send(`<db:verify from='victim.example' to='a.example' id='${stream.streamId}' type='invalid'/>`)
    assert.equal((await stream.element((e) => e.is('result', NS.dialback))).attr('type'), 'invalid')
    assert.equal(await stream.error(), undefined, 'item 120: the stream ends with its first pair')
  })

  test('rows 9, 13: the owner is asked once, by DNS, for keys that come while it is asked', async () => {
    const stream = await open()
    const before = victim.connections
    for (const key of ['key1', 'key2', 'key3']) stream.send(`<db:result from='victim.example' to='a.example'>${key}</db:result>`)
    const asked = await victim.accepted()
    await asked.greet(DIALBACK)
    assert.equal((await asked.element((e) => e.is('verify', NS.dialback))).text, 'key1')
    // for another id, and for another pair: not what was asked
    asked.send("<db:verify from='victim.example' to='a.example' id='other' type='valid'/>")
    asked.send(`<db:verify from='victim.example' to='b.example' id='${stream.streamId}' type='valid'/>`)
    asked.send(`<db:verify from='victim.example' to='a.example' id='${stream.streamId}' type='invalid'/>`)
    assert.equal((await stream.element((e) => e.is('result', NS.dialback))).attr('type'), 'invalid')
    assert.equal(victim.connections, before + 1)
    await stream.untilClosed()
  })

  test('items 116, 122, row 4: our key holds for its stream and its pair only', async () => {
    await using b = await ScriptedPeer.listen(network, 'b.example', { certificate: 'none' })
    romeo.send("<message to='x@b.example'><body>m1</body></message>")
    const ours = await b.accepted()
    await ours.header()
    ours.answer(DIALBACK, "from='b.example'")
    // the id of this stream is the one that `answer` made up
    const result = await ours.element((e) => e.is('result', NS.dialback))
    const key = result.text
    const { stream } = await b.dial(a, 'a.example', { tls: false })
    const ask = async (from: string, to: string, id: string, k = key): Promise<string | undefined> => {
      stream.send(`<db:verify from='${from}' to='${to}' id='${id}'>${k}</db:verify>`)
      const answer = await stream.element((e) => e.is('verify', NS.dialback))
      assert.deepEqual([answer.attr('from'), answer.attr('to'), answer.attr('id')], [to, from, id])
      return answer.attr('type')
    }
    const id = ours.answeredId
    assert.equal(await ask('b.example', 'a.example', id), 'valid')
    assert.equal(await ask('b.example', 'a.example', `${id}x`), 'invalid')
    assert.equal(await ask('victim.example', 'a.example', id), 'invalid')
    assert.equal(await ask('b.example', 'a.example', id, ''), 'invalid')
    assert.equal(await ask('b.example', 'a.example', id, key.toUpperCase()), 'invalid')
    assert.equal(await ask('b.example', 'unknown.example', id), 'error', 'item 119')
    stream.destroy()
  })

  test('items 119, 124: errors name their reason and leave the stream open', async () => {
    network.dns.set('_xmpp-server._tcp.lame.example', { behaviour: 'servfail' })
    network.dns.set('_xmpp-server._tcp.closed.example', { SRV: [{ target: 'closed.example', port: 1024 }] })
    network.dns.set('closed.example', { A: ['127.2.0.77'] })
    const stream = await open()
    const answers = [
      await stream.dialback('evil.example', 'unknown.example'),
      await stream.dialback('nowhere.example', 'a.example'),
      await stream.dialback('lame.example', 'a.example'),
      await stream.dialback('closed.example', 'a.example'),
      await stream.dialback('evil.example', 'a.example', ''),
    ]
    assert.deepEqual(answers, [
      'error item-not-found',
      'error remote-server-not-found',
      'error remote-server-not-found',
      'error remote-server-timeout',
      'error not-acceptable',
    ])
    stream.destroy()
  })

  for (const attrs of [
    "to='a.example'",
    "from='a b' to='a.example'",
    "from='x@victim.example' to='a.example'",
    "from='victim.example/x' to='a.example'",
    "from='' to='a.example'",
    "from='victim.example'",
    `from='${'x'.repeat(1000)}.example' to='a.example'`,
  ]) {
    test(`row 10: db:result ${attrs.slice(0, 40)} is improper-addressing`, async () => {
      const stream = await open()
      stream.send(`<db:result ${attrs}>key</db:result>`)
      assert.equal((await stream.error())?.condition, 'improper-addressing')
    })
  }

  for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString', '__proto__.example']) {
    test(`row 72: a domain named ${name} is a stranger like any other`, async () => {
      const stream = await open()
      stream.send(`<db:result from='${name}' to='a.example'>key</db:result>`)
      stream.send(`<db:result from='evil.example' to='${name}'>key</db:result>`)
      stream.send(`<db:verify from='${name}' to='a.example' id='${name}'>key</db:verify>`)
      stream.send(`<message from='x@${name}' to='romeo@a.example'/>`)
      const heard = await stream.untilClosed()
      assert.ok(!heard.some((h) => h.kind === 'element' && h.element.attr('type') === 'valid'))
      assert.ok(heard.some((h) => h.kind === 'element' && h.element.is('error', NS.streams)))
    })
  }

  test('row 15: 500 keys on one stream cost four look-ups, the rest is refused at once', async () => {
    for (let i = 0; i < 500; i++) network.dns.set(`_xmpp-server._tcp.d${i}.flood.example`, { behaviour: 'silent' })
    const before = network.dns.queries.length
    const stream = await open()
    let keys = ''
    for (let i = 0; i < 500; i++) keys += `<db:result from='d${i}.flood.example' to='a.example'>key</db:result>`
    stream.send(keys)
    const conditions: string[] = []
    while (conditions.length < 496) {
      const answer = await stream.element((e) => e.is('result', NS.dialback))
      conditions.push(answer.child('error', NS.client)?.children[0]?.name ?? '')
    }
    assert.deepEqual([...new Set(conditions)], ['resource-constraint'])
    const names = new Set(
      network.dns.queries
        .slice(before)
        .map((q) => q.name)
        .filter((n) => n.includes('_xmpp-server')),
    )
    assert.ok(names.size <= 4, `${names.size} look-ups`)
    stream.destroy()
  })
})

test('row 15: one network that floods us with keys leaves the verification of others alone', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example')
  await using evil = await ScriptedPeer.listen(network, 'evil.example', { certificate: 'none' })
  await using good = await ScriptedPeer.listen(network, 'good.example', { certificate: 'none' })
  good.serve()
  for (let i = 0; i < 240; i++) network.dns.set(`_xmpp-server._tcp.d${i}.flood.example`, { behaviour: 'silent' })
  const refused: string[] = []
  for (let i = 0; i < 60; i++) {
    const { stream } = await evil.dial(a, 'a.example', { tls: false })
    for (let j = 0; j < 4; j++) stream.send(`<db:result from='d${i * 4 + j}.flood.example' to='a.example'>key</db:result>`)
    if (i >= 50) refused.push((await stream.element((e) => e.is('result', NS.dialback))).attr('type')!)
  }
  assert.deepEqual(new Set(refused), new Set(['error']))
  const { stream } = await good.dial(a, 'a.example', { tls: false, localAddress: '127.3.0.1' })
  assert.equal(await stream.dialback('good.example', 'a.example'), 'valid')
})
