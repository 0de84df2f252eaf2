/** An Entente that wants certificates, and servers with self-signed ones. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Peer } from '../peers/peer.ts'
import { conditionOf, TestClient, type XmlElement } from './client.ts'
import { ejabberd, entente, prosody } from './evidence.ts'
import { TestNetwork } from './network.ts'

const WANTS_CERTIFICATES = 's2s_secure_auth = true'

for (const [index, software] of [prosody, ejabberd].entries()) {
  describe(`s2s_secure_auth and a self-signed ${software.name}`, () => {
    let network: TestNetwork | undefined
    const peers: Peer[] = []
    const clients: TestClient[] = []

    before(async () => {
      network = await TestNetwork.open(`127.23.${index}`)
      const montague = network.join('montague.example', 'external')
      const capulet = network.join('capulet.example', 'dialback', software.view)
      network.trust(montague, capulet)
      peers.push(await entente.start({ ...montague, users: { romeo: 'montague' }, options: WANTS_CERTIFICATES }))
      peers.push(await software.start({ ...capulet, users: { juliet: 'capulet' } }))
      clients.push(await TestClient.login({ user: 'romeo', password: 'montague', ...peers[0]! }))
      clients.push(await TestClient.login({ user: 'juliet', password: 'capulet', ...peers[1]! }))
    })
    after(async () => {
      await Promise.all(clients.map((client) => client.stop()))
      await Promise.all([...peers.map((peer) => peer.stop()), network?.close()])
    })

    const isErrorFrom =
      (jid: string) =>
      (stanza: XmlElement): boolean =>
        stanza.is('message') && stanza.attrs['from'] === jid && stanza.attrs['type'] === 'error'

    test('what is sent to it comes back, with the reason', async () => {
      await clients[0]!.say('juliet@capulet.example', 'Art thou not?')
      const answer = await clients[0]!.receive('the error', isErrorFrom('juliet@capulet.example'))
      assert.equal(conditionOf(answer), 'remote-server-timeout')
      assert.match(answer.getChild('error')?.getChildText('text') ?? '', /certificate/)
    })

    test('nothing from it gets in', async () => {
      await clients[1]!.say('romeo@montague.example', 'It is I')
      await clients[1]!.receive('the error', isErrorFrom('romeo@montague.example'))
      assert.doesNotMatch(peers[0]!.log(), /"event":"incoming stream authenticated"/)
    })
  })
}
