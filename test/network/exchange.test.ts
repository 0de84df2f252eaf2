import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Network } from '../helpers/network.ts'

test('two domains exchange messages over authenticated TLS', async () => {
  await using network = await Network.create()
  await network.server('a.example', { global: 's2s_secure_auth = true', users: ['romeo'] })
  const b = await network.server('b.example', { global: 's2s_secure_auth = true', users: ['juliet'] })
  const romeo = await network.client('romeo@a.example')
  const juliet = await network.client('juliet@b.example')

  romeo.send("<message to='juliet@b.example' type='chat' id='m1'><body>wherefore &amp; why</body></message>")
  const message = await juliet.message()
  assert.equal(message.attr('from'), 'romeo@a.example/test')
  assert.equal(message.child('body')?.text, 'wherefore & why')

  juliet.send("<message to='romeo@a.example/test' type='chat'><body>because</body></message>")
  assert.equal((await romeo.message()).child('body')?.text, 'because')
  assert.equal(b.metrics().get('entente_s2s_authenticated_total{direction="in",mechanism="external"}'), 1)
})
