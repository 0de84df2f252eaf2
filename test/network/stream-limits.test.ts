import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { Network } from '../helpers/network.ts'
import { DIALBACK, ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf } from '../helpers/test-client.ts'

/** XEP-0478, both ways. */
describe('the limits of a stream', () => {
  test('what is too large for the remote goes back before a byte is sent, and the stream goes on', async () => {
    await using network = await Network.create()
    await network.server('home.example', { users: ['romeo'] })
    await using peer = await ScriptedPeer.listen(network, 'away.example')
    const kept = peer.serve(() => 'valid', `${DIALBACK}<limits xmlns='${NS.streamLimits}'><max-bytes>12000</max-bytes></limits>`)
    const romeo = await network.client('romeo@home.example')
    const say = (id: string, length: number): void =>
      romeo.send(`<message to='juliet@away.example' id='${id}'><body>${'ü'.repeat(length / 2)}</body></message>`)
    say('small', 100)
    say('large', 12_000)
    say('nearly', 11_800)
    say('last', 100)
    const bounce = await romeo.message()
    assert.equal(bounce.attr('id'), 'large')
    assert.equal(bounceOf(bounce), 'modify/policy-violation: The remote server takes no stanza of more than 12000 bytes')
    assert.equal(bounce.child('error')?.attr('by'), undefined)
    romeo.send(`<iq type='get' id='end' to='away.example'><ping xmlns='${NS.ping}'/></iq>`)
    while (!kept.some((e) => e.name === 'iq')) await romeo.ping()
    assert.deepEqual(
      kept.map((e) => e.attr('id')),
      ['small', 'nearly', 'last', 'end'],
    )
    assert.equal(peer.connections, 1)
  })

  test('what we take is said, and taken', async () => {
    await using network = await Network.create()
    const server = await network.server('home.example', { global: 's2s_stanza_size_limit = 20000' })
    await using peer = await ScriptedPeer.listen(network, 'away.example')
    const { features } = await peer.dial(server, 'home.example')
    assert.equal(features?.child('limits', NS.streamLimits)?.child('max-bytes')?.text, '20000')
  })
})
