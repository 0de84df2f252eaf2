import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf, type TestClient } from '../helpers/test-client.ts'

const message = (id: string): string => `<message to='juliet@b.example' id='${id}' type='chat'><body>${id}</body></message>`
const FAILED = /^wait\/remote-server-timeout: Server-to-server connection failed: /
const CLOSED = `<stream:error><undefined-condition xmlns='${NS.streamErrors}'/></stream:error></stream:stream>`

/** A user of ours, and b.example, where DNS leads to a peer. */
async function scene(network: Network): Promise<{ romeo: TestClient; peer: ScriptedPeer }> {
  await network.server('a.example', { users: ['romeo'] })
  const peer = await ScriptedPeer.listen(network, 'b.example')
  return { romeo: await network.client('romeo@a.example'), peer }
}

async function bounce(romeo: TestClient, id: string): Promise<string> {
  romeo.send(message(id))
  const back = await romeo.message((e) => e.attr('type') === 'error', 10_000)
  assert.equal(back.attr('id'), id)
  return bounceOf(back)
}

/** The next connection of ours is told to go away. */
async function reject(peer: ScriptedPeer): Promise<void> {
  const stream = await peer.accepted()
  await stream.header()
  stream.answer()
  stream.send(CLOSED)
  await stream.untilClosed()
}

/** Fails until the next attempt is more than 10 s away. */
async function trouble(romeo: TestClient, peer: ScriptedPeer): Promise<void> {
  for (let i = 0; i < 4; i++) {
    const rejected = reject(peer)
    assert.match(await bounce(romeo, `f${i}`), FAILED)
    await rejected
  }
}

describe('a remote domain that fails', { concurrency: true }, () => {
  test('the next message waits for an attempt within 2 s, and a hundred cause one', async () => {
    await using network = await Network.create()
    const { romeo, peer } = await scene(network)
    await using _ = peer
    const rejected = reject(peer)
    assert.match(await bounce(romeo, 'm0'), FAILED)
    await rejected
    const kept = peer.serve()
    const startMs = Date.now()
    for (let i = 1; i <= 100; i++) romeo.send(message(`m${i}`))
    await eventually('all arrive', () => kept.length === 100)
    assert.ok(Date.now() - startMs < 3000)
    assert.equal(peer.connections, 2)
    assert.deepEqual(
      kept.map((e) => e.attr('id')),
      Array.from({ length: 100 }, (_, i) => `m${i + 1}`),
    )
  })

  test('when the wait is long: back at once with the time; released when the domain connects to us', async () => {
    await using network = await Network.create()
    const { romeo, peer } = await scene(network)
    await using _ = peer
    await trouble(romeo, peer)
    const startMs = Date.now()
    assert.match(await bounce(romeo, 'm1'), /closed the stream: undefined-condition; the next attempt is possible in 1\d s$/)
    assert.ok(Date.now() - startMs < 1000)
    assert.equal(peer.connections, 4)

    const kept = peer.serve()
    const { stream } = await peer.dial(network.servers.get('a.example')!, 'a.example')
    assert.equal(await stream.external('b.example'), 'success')
    await stream.reopen()
    romeo.send(message('m2'))
    await eventually('m2 arrives', () => kept.length === 1)
    assert.equal(peer.connections, 5)
    stream.destroy()
  })

  test('whoever merely claims to be the domain releases nothing', async () => {
    await using network = await Network.create()
    const { romeo, peer } = await scene(network)
    await using _ = peer
    await trouble(romeo, peer)
    const stream = await peer.connect(network.servers.get('a.example')!)
    await stream.openAs('b.example', 'a.example')
    assert.match(await bounce(romeo, 'm1'), /; the next attempt is possible in 1\d s$/)
    stream.destroy()
  })

  test('released by a reload', async () => {
    await using network = await Network.create()
    const { romeo, peer } = await scene(network)
    await using _ = peer
    await trouble(romeo, peer)
    await network.servers.get('a.example')!.reload()
    const kept = peer.serve()
    romeo.send(message('m1'))
    await eventually('m1 arrives', () => kept.length === 1)
  })

  test('what waits longer than s2s_queue_age goes back', async () => {
    await using network = await Network.create()
    await network.server('a.example', { users: ['romeo'], global: 's2s_queue_age = 1' })
    await using peer = await ScriptedPeer.listen(network, 'b.example')
    const romeo = await network.client('romeo@a.example')
    assert.equal(
      await bounce(romeo, 'm1'),
      'wait/remote-server-timeout: This could not be sent within 1 s: the remote server is not reached, or takes nothing',
    )
    assert.equal(peer.connections, 1)
  })
})
