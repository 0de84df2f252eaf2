import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Actor, Stage } from '../../helpers/stage.ts'

const ROOM = 'hall@rooms.example'
const USER = 'romeo@a.example/phone'
const MUC = 'http://jabber.org/protocol/muc'
const self = (nick: string, attrs = '', code = '110'): string =>
  `<presence from='${ROOM}/${nick}' to='${USER}'${attrs}><x xmlns='${MUC}#user'><status code='${code}'/></x></presence>`

/** Romeo in a room of another server. */
function joined(): { stage: Stage; romeo: Actor } {
  const stage = new Stage()
  const romeo = stage.enter(USER)
  romeo.say(`<presence to='${ROOM}/romeo'><x xmlns='${MUC}'/></presence>`)
  stage.fromRemote(self('romeo'))
  stage.takeRemote()
  romeo.take()
  return { stage, romeo }
}

/** What our host has asked rooms: id of each ping to a nickname. */
const pings = (stage: Stage, nick = 'romeo'): readonly string[] =>
  stage.takeRemote().map((xml) => {
    const id = new RegExp(
      `^<iq to='${ROOM}/${nick}' from='${USER}' type='get' id='(\\w+)'><ping xmlns='urn:xmpp:ping'/></iq>$`,
    ).exec(xml)
    assert.ok(id !== null, xml)
    return id[1]!
  })

async function asked(stage: Stage): Promise<string> {
  stage.router.remoteLost('a.example', 'rooms.example')
  await stage.clock.advance(5000)
  const [id, ...more] = pings(stage)
  assert.deepEqual(more, [])
  return id!
}

const answer = (stage: Stage, id: string, condition?: string, from = `${ROOM}/romeo`): void => {
  const error = `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
  const [type, inside] = condition === undefined ? ['result', ''] : ['error', error]
  stage.fromRemote(`<iq type='${type}' id='${id}' from='${from}' to='${USER}'>${inside}</iq>`)
}

const expelled = (why: string): string =>
  `<presence to='${USER}' from='${ROOM}/romeo' type='unavailable'><x xmlns='${MUC}#user'><item affiliation='none' role='none'>` +
  `<reason>${why}</reason></item><status code='110'/><status code='333'/></x></presence>`

describe('a link to a server with rooms is lost', () => {
  for (const condition of [undefined, 'service-unavailable', 'feature-not-implemented', 'item-not-found']) {
    test(`the room answers ${condition ?? 'the ping'}: the user is in, and hears nothing of it`, async () => {
      const { stage, romeo } = joined()
      answer(stage, await asked(stage), condition)
      await stage.settle()
      assert.deepEqual(romeo.take(), [])
      assert.equal(stage.clock.waiting, 0)
      await asked(stage) // and is still watched
    })
  }

  for (const condition of ['not-acceptable', 'not-allowed', 'bad-request', 'forbidden']) {
    test(`the room answers ${condition}: the user is told to be out`, async () => {
      const { stage, romeo } = joined()
      answer(stage, await asked(stage), condition)
      await stage.settle()
      assert.deepEqual(romeo.take(), [expelled('The room has lost you')])
      assert.equal(romeo.session.directed.size, 0)
      assert.equal(stage.clock.waiting, 0)
      stage.router.remoteLost('a.example', 'rooms.example')
      await stage.clock.advance(10_000)
      assert.deepEqual(pings(stage), [])
    })
  }

  test('it cannot be reached: asked again after 15 and 60 s, then the user is told', async () => {
    const { stage, romeo } = joined()
    answer(stage, await asked(stage), 'remote-server-timeout')
    await stage.clock.advance(14_999)
    assert.deepEqual(pings(stage), [])
    await stage.clock.advance(1)
    const [second] = pings(stage)
    answer(stage, second!, 'remote-server-not-found')
    await stage.clock.advance(60_000)
    const [third] = pings(stage)
    assert.deepEqual(romeo.take(), [])
    answer(stage, third!, 'remote-server-timeout')
    assert.deepEqual(romeo.take(), [expelled("The room's server cannot be reached")])
    assert.equal(stage.clock.waiting, 0)
  })

  test('no answer at all counts as not reached', async () => {
    const { stage, romeo } = joined()
    await asked(stage)
    await stage.clock.advance(200_000)
    assert.equal(pings(stage).length, 2)
    assert.deepEqual(romeo.take(), [expelled("The room's server cannot be reached")])
  })

  test('lost again while the room is being asked: no second question', async () => {
    const { stage } = joined()
    await asked(stage)
    for (let i = 0; i < 5; i++) stage.router.remoteLost('a.example', 'rooms.example')
    await stage.clock.advance(5000)
    assert.deepEqual(pings(stage), [])
  })

  test('rooms of other domains, and users of other hosts, are not asked', async () => {
    const { stage } = joined()
    stage.router.remoteLost('a.example', 'other.example')
    stage.router.remoteLost('b.example', 'rooms.example')
    await stage.clock.advance(10_000)
    assert.deepEqual(pings(stage), [])
  })

  test('only the room itself can answer, and only to the user', async () => {
    const { stage, romeo } = joined()
    const id = await asked(stage)
    answer(stage, id, 'not-acceptable', `${ROOM}/mallory`)
    answer(stage, id, 'not-acceptable', 'mallory@evil.example/x')
    await stage.settle()
    assert.equal(romeo.take().filter((xml) => xml.includes('333')).length, 0)
    answer(stage, id, 'not-acceptable')
    assert.equal(romeo.take().filter((xml) => xml.includes('333')).length, 1)
  })

  test("the client's own pings are its own", async () => {
    const { stage, romeo } = joined()
    answer(stage, 'mine')
    await stage.settle()
    assert.equal(romeo.take().length, 1)
  })
})

describe('who is in a room', () => {
  const notAsked = async (stage: Stage): Promise<void> => {
    stage.takeRemote()
    stage.router.remoteLost('a.example', 'rooms.example')
    await stage.clock.advance(10_000)
    assert.deepEqual(pings(stage), [])
    assert.equal(stage.clock.waiting, 0)
  }

  test('not who has only asked to join, or was refused', async () => {
    const stage = new Stage()
    const romeo = stage.enter(USER)
    romeo.say(`<presence to='${ROOM}/romeo'><x xmlns='${MUC}'/></presence>`)
    await notAsked(stage)
  })

  test('not who only hears of others, or is told of a nickname that it never had', async () => {
    const stage = new Stage()
    const romeo = stage.enter(USER)
    romeo.say(`<presence to='${ROOM}/romeo'><x xmlns='${MUC}'/></presence>`)
    stage.fromRemote(self('juliet'))
    stage.fromRemote(self('romeo', '', '100'))
    await notAsked(stage)
  })

  test('not who has left, by a word to the room or to all', async () => {
    for (const to of [`to='${ROOM}/romeo'`, '']) {
      const { stage, romeo } = joined()
      romeo.say(`<presence type='unavailable' ${to}/>`)
      await stage.settle()
      await notAsked(stage)
    }
  })

  test('not who was sent out by the room, or got an error from it', async () => {
    for (const type of [" type='unavailable'", " type='error'"]) {
      const { stage } = joined()
      stage.fromRemote(self('romeo', type))
      await notAsked(stage)
    }
  })

  test('not whose session has ended, nor anybody once the module has', async () => {
    const one = joined()
    one.stage.router.remoteLost('a.example', 'rooms.example')
    await one.stage.router.close(one.romeo.session)
    await notAsked(one.stage)
    const two = joined()
    two.stage.router.remoteLost('a.example', 'rooms.example')
    two.stage.instances.get('ping_muc')!.dispose()
    await notAsked(two.stage)
  })

  test('a new nickname is the one that is asked for', async () => {
    const { stage, romeo } = joined()
    romeo.say(`<presence to='${ROOM}/montague'/>`)
    stage.fromRemote(self('romeo', " type='unavailable'", '303') + self('montague'))
    stage.takeRemote()
    stage.router.remoteLost('a.example', 'rooms.example')
    await stage.clock.advance(5000)
    assert.equal(pings(stage, 'montague').length, 1)
  })

  test('a nickname that the room refuses changes nothing', async () => {
    const { stage, romeo } = joined()
    romeo.say(`<presence to='${ROOM}/juliet'/>`)
    stage.fromRemote(
      `<presence type='error' from='${ROOM}/juliet' to='${USER}'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
    )
    stage.takeRemote()
    await asked(stage)
  })

  test('presence that could not be sent puts the room in doubt', async () => {
    const { stage } = joined()
    stage.fromRemote(
      `<presence type='error' from='${ROOM}/romeo' to='${USER}'><error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
    )
    await stage.clock.advance(5000)
    assert.equal(pings(stage).length, 1)
  })
})
