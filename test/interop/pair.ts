import { after, before, describe, test } from 'node:test'
import type { Peer } from '../peers/peer.ts'
import { assertAuthenticated, type Software, type Via } from './evidence.ts'
import { exchangeTests } from './exchange.ts'
import { type Proof, TestNetwork } from './network.ts'

export interface Pair {
  readonly here: Software
  readonly there: Software
  /** How each proves who it is on the streams that it opens. */
  readonly proofs: readonly [Proof, Proof]
  /** Modules that both have beside those that tests always have. */
  readonly modules?: readonly string[]
  /** The stream that the first opens serves both directions, and there is no other. */
  readonly oneStream?: boolean
  /** What the log of the second must hold at the end. */
  readonly evidence?: readonly RegExp[]
  /** As in TestNetwork.open(). */
  readonly net: string
}

/** Two servers federate: everything in exchangeTests(), and that they authenticated each other as these proofs ask for. */
export function pairTests({ here, there, proofs, net, modules = [], oneStream = false, evidence = [] }: Pair): void {
  const plain = proofs.includes('plain') // a certificate proves nothing to a server without TLS
  const vias = proofs.map((proof): Via => (proof === 'external' && !plain ? 'external' : 'dialback'))
  const options = (software: Software): string => (plain ? software.plainOptions : '')

  const also = modules.length === 0 ? '' : ` with ${modules.join(', ')}`
  describe(`${here.name} (${proofs[0]}) and ${there.name} (${proofs[1]})${also}`, () => {
    let network: TestNetwork | undefined
    const peers: Peer[] = []

    before(async () => {
      network = await TestNetwork.open(net)
      const montague = network.join('montague.example', proofs[0], here.view)
      const capulet = network.join('capulet.example', proofs[1], there.view)
      network.trust(montague, capulet)
      peers.push(
        ...(await Promise.all([
          here.start({ ...montague, users: { romeo: 'montague' }, options: options(here), modules }),
          there.start({ ...capulet, users: { juliet: 'capulet' }, options: options(there), modules }),
        ])),
      )
    })
    after(async () => {
      await Promise.all([...peers.map((peer) => peer.stop()), network?.close()])
    })

    exchangeTests(() => [peers[0]!, peers[1]!])

    test('each stream was authenticated as these proofs ask for', async () => {
      const [hereOut, thereOut] = [vias[0]!, vias[1]!]
      const back = oneStream ? undefined : thereOut
      await assertAuthenticated(here, peers[0]!, 'capulet.example', { out: hereOut, in: back })
      await assertAuthenticated(there, peers[1]!, 'montague.example', { out: back, in: hereOut })
    })

    for (const line of evidence) test(`the log has ${line}`, () => peers[1]!.waitForLog(line, 2_000).then(() => {}))
  })
}
