import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, type PeerStream, ScriptedPeer } from '../helpers/scripted-peer.ts'

const NICK = 'hall@rooms.example/romeo'
const ROMEO = 'romeo@a.example/test'

/** The next stream of ours, believed. */
async function believed(rooms: ScriptedPeer): Promise<PeerStream> {
  const stream = await rooms.accepted()
  await stream.greet(DIALBACK, rooms.identity)
  await stream.element((e) => e.is('result', NS.dialback))
  stream.send("<db:result from='rooms.example' to='a.example' type='valid'/>")
  return stream
}

test('the server of a room restarts: the user is told to be out of the room, and joins again', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example', { users: ['romeo'] })
  await using rooms = await ScriptedPeer.listen(network, 'rooms.example')
  const romeo = await network.client('romeo@a.example')
  const { stream: back } = await rooms.dial(a, 'a.example')
  assert.equal(await back.external('rooms.example'), 'success')
  await back.reopen()

  const join = `<presence to='${NICK}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
  const present = `<presence from='${NICK}' to='${ROMEO}'><x xmlns='${NS.mucUser}'><status code='110'/></x></presence>`
  romeo.send(join)
  const first = await believed(rooms)
  await first.element((e) => e.name === 'presence' && e.attr('to') === NICK)
  back.send(present)
  await romeo.element((e) => e.attr('from') === NICK)

  first.destroy() // the room's server is gone, and comes back knowing nobody
  const second = await believed(rooms)
  const ping = await second.element((e) => e.name === 'iq')
  assert.deepEqual([ping.attr('to'), ping.attr('from'), ping.child('ping', NS.ping) !== undefined], [NICK, ROMEO, true])
  back.send(
    `<iq type='error' id='${ping.attr('id')}' from='${NICK}' to='${ROMEO}'><error type='cancel'><not-acceptable xmlns='${NS.stanzaErrors}'/></error></iq>`,
  )
  const out = await romeo.element((e) => e.attr('from') === NICK)
  const codes = out.child('x', NS.mucUser)?.children.flatMap((c) => c.attr('code') ?? [])
  assert.deepEqual([out.name, out.attr('type'), codes], ['presence', 'unavailable', ['110', '333']])

  romeo.send(join)
  await second.element((e) => e.name === 'presence' && e.attr('to') === NICK)
})
