import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Network } from '../helpers/network.ts'
import { DIALBACK, ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf } from '../helpers/test-client.ts'

test('a server that stops tells its peers, in and out, and sends back what waits', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example', { users: ['romeo'] })
  await using b = await ScriptedPeer.listen(network, 'b.example')
  await using slow = await ScriptedPeer.listen(network, 'slow.example')
  const romeo = await network.client('romeo@a.example')
  const { stream: incoming } = await b.dial(a, 'a.example')
  assert.equal(await incoming.external('b.example'), 'success')
  await incoming.reopen()
  romeo.send(
    "<message to='x@b.example'><body>m1</body></message><message to='x@slow.example' id='waits'><body>m2</body></message>",
  )
  const outgoing = await b.accepted()
  await outgoing.greet(DIALBACK, b.identity)
  await outgoing.element((e) => e.name === 'result')
  outgoing.send("<db:result from='b.example' to='a.example' type='valid'/>")
  await outgoing.element((e) => e.name === 'message')
  const waits = await slow.accepted()

  const stopped = a.stop()
  const [told, toldToo, bounce] = await Promise.all([incoming.error(), outgoing.error(), romeo.message()])
  assert.deepEqual([told?.condition, told?.text], ['system-shutdown', 'this server is shutting down'])
  assert.deepEqual([toldToo?.condition, toldToo?.text], ['system-shutdown', 'this server is shutting down'])
  assert.equal(
    `${bounce.attr('id')} ${bounceOf(bounce)}`,
    'waits wait/remote-server-timeout: Server-to-server connection failed: this server is shutting down',
  )
  romeo.destroy()
  waits.destroy()
  await stopped
  assert.deepEqual([a.status().serverStreams, a.status().queues], [[], []])
})

test('peers that do not answer hold nobody up for more than 6 s', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example')
  await using b = await ScriptedPeer.listen(network, 'b.example')
  const { stream } = await b.dial(a, 'a.example')
  const startMs = Date.now()
  await a.stop()
  assert.ok(Date.now() - startMs < 6000)
  stream.destroy()
})
