import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { ScriptedPeer } from '../helpers/scripted-peer.ts'
import { bounceOf } from '../helpers/test-client.ts'

const NOT_ENABLED = 'cancel/not-allowed: Communication with remote domains is not enabled'
const message = (to: string, from = ''): string => `<message to='${to}' type='chat' id='m1'${from}><body>hello</body></message>`

describe('a server that does not federate', () => {
  for (const [name, setup] of [
    ['modules_disabled, globally', { global: 'modules_disabled = { "s2s" }' }],
    ['modules_disabled, in the host', { host: 'modules_disabled = { "s2s" }' }],
    ['disallow_s2s', { global: 'disallow_s2s = true' }],
    ['disallow_s2s in the host', { host: 'disallow_s2s = true' }],
  ] as const) {
    test(`${name}: the sender is told, no port is open`, async () => {
      await using network = await Network.create()
      const a = await network.server('a.example', { ...setup, users: ['romeo'] })
      await using peer = await ScriptedPeer.listen(network, 'b.example')
      const romeo = await network.client('romeo@a.example')
      romeo.send(message('juliet@b.example'))
      assert.equal(bounceOf(await romeo.message()), NOT_ENABLED)
      romeo.send(
        `<message to='juliet@b.example' type='error'><error type='cancel'><gone xmlns='${NS.stanzaErrors}'/></error></message>`,
      )
      romeo.send(`<iq to='juliet@b.example/x' type='result' id='r1'/>`)
      await romeo.ping()
      assert.deepEqual(
        romeo.take().flatMap((h) => (h.kind === 'element' && h.element.name !== 'presence' ? [`${h.element}`] : [])),
        [],
        'an answer is never answered',
      )
      assert.deepEqual(a.ports('s2s'), [])
      assert.equal(peer.connections, 0)
    })
  }

  test('a host may enable again what is disabled globally', async () => {
    await using network = await Network.create()
    await network.server('a.example', {
      global: 'modules_disabled = { "s2s" }',
      host: 'modules_enabled = { "s2s" }',
      users: ['romeo'],
    })
    await network.server('b.example', { users: ['juliet'] })
    const [romeo, juliet] = [await network.client('romeo@a.example'), await network.client('juliet@b.example')]
    romeo.send(message('juliet@b.example'))
    await juliet.message()
    juliet.send(message('romeo@a.example'))
    await romeo.message()
  })
})

describe('a host without s2s beside one with it', () => {
  const SILENT = 'VirtualHost "silent.example"\nmodules_disabled = { "s2s" }'
  const start = async (network: Network, more = SILENT) => {
    const a = await network.server('a.example', {
      users: ['romeo'],
      more,
      certificate: { dns: ['a.example', 'silent.example'] },
    })
    await a.createAccount('mute@silent.example', 'secret')
    network.servers.set('silent.example', a)
    return { a, romeo: await network.client('romeo@a.example'), mute: await network.client('mute@silent.example') }
  }

  test('sends nothing', async () => {
    await using network = await Network.create()
    const { mute } = await start(network)
    mute.send(message('juliet@b.example'))
    assert.equal(bounceOf(await mute.message()), NOT_ENABLED)
  })

  test('accepts no stream', async () => {
    await using network = await Network.create()
    const { a } = await start(network)
    await using peer = await ScriptedPeer.listen(network, 'b.example')
    const stream = await peer.connect(a)
    await stream.openAs('b.example', 'silent.example').catch(() => undefined)
    // the error may have been taken for the features
    const rest = await stream.untilClosed()
    assert.ok(rest.some((h) => h.kind === 'closed'))
    const again = await peer.connect(a)
    again.send(
      `<stream:stream xmlns='jabber:server' xmlns:stream='${NS.streams}' to='silent.example' from='b.example' version='1.0'>`,
    )
    assert.deepEqual(await again.error().then((e) => [e?.condition, e?.text]), [
      'policy-violation',
      'Server-to-server communication is disabled for this host',
    ])
  })

  test('receives nothing over a stream that another host has authenticated', async () => {
    await using network = await Network.create()
    const { a, mute } = await start(network)
    await using peer = await ScriptedPeer.listen(network, 'b.example')
    const { stream } = await peer.dial(a, 'a.example')
    assert.equal(await stream.external('b.example'), 'success')
    await stream.reopen()
    assert.equal(await stream.dialback('b.example', 'silent.example'), 'error policy-violation')
    stream.send(message('mute@silent.example', " from='juliet@b.example'"))
    assert.equal((await stream.error())?.condition, 'host-unknown')
    await mute.ping()
    assert.deepEqual(
      mute.take().flatMap((h) => (h.kind === 'element' && h.element.name === 'message' ? [h] : [])),
      [],
    )
  })

  test('says nothing about keys', async () => {
    await using network = await Network.create()
    const { a } = await start(network)
    await using peer = await ScriptedPeer.listen(network, 'b.example')
    const { stream } = await peer.dial(a, 'a.example')
    stream.send(`<db:verify from='b.example' to='silent.example' id='i'>key</db:verify>`)
    const answer = await stream.element((e) => e.is('verify', NS.dialback))
    assert.equal(answer.attr('type'), 'error')
    assert.notEqual(answer.child('error', NS.client)?.child('policy-violation', NS.stanzaErrors), undefined)
  })

  test('s2s switched off by a reload: streams that are there carry nothing more for the host', async () => {
    await using network = await Network.create()
    const { a, mute } = await start(network, 'VirtualHost "silent.example"')
    await using peer = await ScriptedPeer.listen(network, 'b.example')
    const kept = peer.serve()
    const { stream } = await peer.dial(a, 'silent.example')
    assert.equal(await stream.external('b.example'), 'success')
    await stream.reopen()
    stream.send(message('mute@silent.example', " from='juliet@b.example'"))
    await mute.message()
    mute.send(message('juliet@b.example'))
    await eventually('the message leaves', () => kept.length === 1)

    const file = network.configFile('a.example')
    writeFileSync(file, `${readFileSync(file, 'utf8')}\nmodules_disabled = { "s2s" }\n`)
    assert.equal((await a.reload()).done, true)
    mute.send(message('juliet@b.example'))
    assert.equal(bounceOf(await mute.message()), NOT_ENABLED)
    stream.send(message('mute@silent.example', " from='juliet@b.example'"))
    assert.equal((await stream.error())?.condition, 'policy-violation')
    await mute.ping()
    assert.deepEqual(
      mute.take().flatMap((h) => (h.kind === 'element' && h.element.name === 'message' ? [h] : [])),
      [],
    )
    assert.equal(kept.filter((e) => e.name === 'message').length, 1)
  })
})

describe('guests', () => {
  test('may not write to other domains', async () => {
    await using network = await Network.create()
    await network.server('a.example', { host: 'authentication = "anonymous"' })
    const guest = await network.client('a.example')
    guest.send(message('juliet@b.example'))
    assert.equal(bounceOf(await guest.message()), NOT_ENABLED)
  })

  test('may where allow_anonymous_s2s says so', async () => {
    await using network = await Network.create()
    await network.server('a.example', { host: 'authentication = "anonymous"; allow_anonymous_s2s = true' })
    await network.server('b.example', { users: ['juliet'] })
    const [guest, juliet] = [await network.client('a.example'), await network.client('juliet@b.example')]
    guest.send(message('juliet@b.example'))
    assert.equal((await juliet.message()).attr('from'), guest.jid)
    juliet.send(message(guest.jid))
    await guest.message()
  })
})
