/** Prosody and ejabberd with each other: what goes wrong here is wrong with the tests, not with Entente. */
import { after, before, describe, test } from 'node:test'
import { startEjabberd } from '../peers/ejabberd.ts'
import type { Peer } from '../peers/peer.ts'
import { startProsody } from '../peers/prosody.ts'
import { exchangeTests } from './exchange.ts'
import { type Proof, TestNetwork } from './network.ts'

for (const [index, proof] of (['external', 'dialback'] as const satisfies Proof[]).entries()) {
  describe(`Prosody and ejabberd, ${proof}`, () => {
    let network: TestNetwork
    let prosody: Peer
    let ejabberd: Peer

    before(async () => {
      network = await TestNetwork.open(`127.20.${index}`)
      const here = network.join('montague.example', proof)
      const there = network.join('capulet.example', proof, 'literals')
      network.trust(here, there)
      ;[prosody, ejabberd] = await Promise.all([
        startProsody({ ...here, users: { romeo: 'montague' } }),
        startEjabberd({ ...there, users: { juliet: 'capulet' } }),
      ])
    })
    after(async () => {
      if (process.env['KEEP_LOG']) { const fs = await import('node:fs'); fs.writeFileSync('/tmp/p-'+proof+'.log', prosody.log()); fs.writeFileSync('/tmp/e-'+proof+'.log', ejabberd.log()) }
      await Promise.all([prosody?.stop(), ejabberd?.stop(), network?.close()])
    })

    exchangeTests(() => [prosody, ejabberd])

    test('as intended', () => {
    })
  })
}
