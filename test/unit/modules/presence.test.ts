import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { jid } from '../../../src/xmpp/jid.ts'
import { Stage } from '../../helpers/stage.ts'

const type = (xml: string): string => `${/type='(\w+)'/.exec(xml)?.[1] ?? 'available'} ${/from='([^']+)'/.exec(xml)?.[1]}`

describe('what a stranger learns of an account', () => {
  const probe = async (stage: Stage, to: string): Promise<readonly string[]> => {
    stage.fromRemote(`<presence type='probe' id='p' from='spy@b.example' to='${to}'/>`)
    await stage.settle()
    return stage.takeRemote().map((xml) => xml.replaceAll(to.split('/')[0]!, 'X'))
  }

  test('probes: the same bytes for absent, offline, online and asked accounts', async () => {
    const stage = new Stage({ accounts: ['offline'] })
    const absent = await probe(stage, 'nobody@a.example')
    assert.deepEqual(absent, ["<presence to='spy@b.example' from='X' type='unsubscribed'/>"])
    assert.deepEqual(await probe(stage, 'offline@a.example'), absent)
    const online = stage.enter('online@a.example/x')
    online.say('<presence/>')
    await stage.settle()
    assert.deepEqual(await probe(stage, 'online@a.example'), absent)
    assert.deepEqual(await probe(stage, 'online@a.example/x'), absent)
    stage.fromRemote("<presence type='subscribe' from='spy@b.example' to='online@a.example'/>")
    await stage.settle()
    assert.deepEqual(stage.takeRemote(), [])
    assert.deepEqual(await probe(stage, 'online@a.example'), absent, 'asked')
  })

  test('iq: the same bytes for absent, offline and online accounts, bare and full', async () => {
    const stage = new Stage({ accounts: ['offline'] })
    stage.enter('online@a.example/x').say('<presence/>')
    await stage.settle()
    const answers = new Set<string>()
    for (const to of [
      'nobody@a.example',
      'nobody@a.example/x',
      'offline@a.example',
      'offline@a.example/x',
      'online@a.example',
      'online@a.example/y',
    ]) {
      stage.fromRemote(`<iq type='get' id='q' from='spy@b.example/s' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`)
      await stage.settle()
      for (const xml of stage.takeRemote()) answers.add(xml.replaceAll(to, 'X'))
    }
    assert.equal(answers.size, 1)
  })

  test('presence and subscription stanzas to nobody: silence', async () => {
    const stage = new Stage()
    for (const kind of [
      '',
      "type='unavailable'",
      "type='subscribe'",
      "type='subscribed'",
      "type='unsubscribe'",
      "type='unsubscribed'",
    ]) {
      stage.fromRemote(`<presence ${kind} from='spy@b.example' to='nobody@a.example'/>`)
    }
    await stage.settle()
    assert.deepEqual(stage.takeRemote(), [])
  })
})

describe('subscription floods', () => {
  test('so many requests wait and no more; one from each; long ones are not kept whole', async () => {
    const stage = new Stage({ accounts: ['victim'] })
    for (let i = 0; i < 300; i++) {
      stage.fromRemote(`<presence type='subscribe' from='spy${i}@b.example' to='victim@a.example'/>`)
      stage.fromRemote(`<presence type='subscribe' from='spy${i}@b.example' to='victim@a.example'/>`)
    }
    await stage.settle()
    const roster = await stage.host.rosters.of('victim')
    assert.equal(roster.requests.size, 200)
    const other = new Stage({ accounts: ['victim'] })
    other.fromRemote(
      `<presence type='subscribe' from='spy@b.example' to='victim@a.example'><status>${'x'.repeat(100_000)}</status></presence>`,
    )
    await other.settle()
    assert.equal((await other.host.rosters.of('victim')).requests.get('spy@b.example'), '')
    const victim = other.enter('victim@a.example/x')
    victim.say('<presence/>')
    await other.settle()
    assert.deepEqual(victim.take().map(type), ['available victim@a.example/x', 'subscribe spy@b.example'])
  })

  test('a roster is bounded, also by subscriptions', async () => {
    const stage = new Stage()
    const romeo = stage.enter('romeo@a.example/x')
    const roster = await stage.host.rosters.of('romeo')
    const item = { name: '', groups: [], subscription: 'none', ask: false, approved: false } as const
    await stage.host.rosters.change(
      'romeo',
      roster,
      Array.from({ length: 5000 }, (_, i) => ({ put: { ...item, jid: jid(`c${i}@b.example`) } })),
    )
    romeo.say("<presence type='subscribe' to='one-more@b.example'/><presence type='subscribe' to='c1@b.example'/>")
    await stage.settle()
    assert.match(romeo.take().join(), /resource-constraint/)
    assert.deepEqual(stage.takeRemote().map(type), ['subscribe romeo@a.example'], 'those who are there can be asked')
  })
})

describe('order and ends', () => {
  test('a session that ends while its presence waits for the roster never becomes available', async () => {
    const stage = new Stage()
    const romeo = stage.enter('romeo@a.example/x')
    romeo.say("<presence/><presence to='room@b.example/me'/>")
    await stage.router.close(romeo.session)
    await stage.settle()
    assert.equal(romeo.session.isAvailable, false)
    assert.deepEqual(stage.takeRemote(), [], 'nor is anybody told that it came')
    assert.equal(stage.host.lanes.size, 0)
  })

  test('what a client sends behind its presence stays behind it, to remote domains too', async () => {
    const stage = new Stage()
    const romeo = stage.enter('romeo@a.example/x')
    romeo.say(
      "<presence/><presence to='x@b.example'/><message to='x@b.example' id='1'/><presence type='subscribe' to='x@b.example'/><message to='x@b.example' id='2'/>",
    )
    await stage.settle()
    assert.deepEqual(
      stage.takeRemote().map((xml) => /^<(\w+)/.exec(xml)?.[1] + (/type='(\w+)'/.exec(xml)?.[1] ?? '')),
      ['presence', 'message', 'presencesubscribe', 'message'],
    )
  })

  test('a probe for each contact that is seen, from account to account; requests without an answer again', async () => {
    const stage = new Stage()
    const roster = await stage.host.rosters.of('romeo')
    for (const [address, subscription, ask] of [
      ['both@b.example', 'both', false],
      ['to@b.example', 'to', false],
      ['from@b.example', 'from', false],
      ['asked@b.example', 'none', true],
      ['none@b.example', 'none', false],
    ] as const) {
      const item = { jid: jid(address), name: '', groups: [], subscription, ask, approved: false }
      await stage.host.rosters.change('romeo', roster, [{ put: item }])
    }
    stage.enter('romeo@a.example/x').say('<presence/>')
    await stage.settle()
    const sent = stage.takeRemote().map((xml) => `${type(xml)} to ${/to='([^']+)'/.exec(xml)?.[1]}`)
    assert.deepEqual(sent, [
      'available romeo@a.example/x to both@b.example',
      'available romeo@a.example/x to from@b.example',
      'probe romeo@a.example to both@b.example',
      'probe romeo@a.example to to@b.example',
      'subscribe romeo@a.example to asked@b.example',
    ])
  })

  test('directed presence has a bound', async () => {
    const stage = new Stage()
    const romeo = stage.enter('romeo@a.example/x')
    for (let i = 0; i < 5001; i++) romeo.say(`<presence to='x${i}@b.example'/>`)
    assert.match(romeo.take().join(), /resource-constraint/)
    assert.equal(stage.takeRemote().length, 5000)
  })
})
