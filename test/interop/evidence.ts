import assert from 'node:assert/strict'
import { startEjabberd } from '../peers/ejabberd.ts'
import { startEntente } from '../peers/entente.ts'
import type { Peer, PeerOptions } from '../peers/peer.ts'
import { startProsody } from '../peers/prosody.ts'
import type { View } from './network.ts'

export type Direction = 'in' | 'out'
export type Via = 'external' | 'dialback'
const VIAS: readonly Via[] = ['external', 'dialback']

/** A server that the tests know how to start, and how its log says who proved what. */
export interface Software {
  readonly name: string
  readonly view: View
  start(options: PeerOptions): Promise<Peer>
  /** One line of the log, written when a stream between the two domains has been authenticated this way. */
  authenticated(direction: Direction, via: Via, local: string, remote: string): RegExp
  /** Lets it speak to servers without TLS. */
  readonly plainOptions: string
}

export const prosody: Software = {
  name: 'Prosody',
  view: 'names',
  start: startProsody,
  plainOptions: 's2s_require_encryption = false\nc2s_require_encryption = false',
  authenticated(direction, via, local, remote) {
    if (direction === 'in') {
      return via === 'external'
        ? new RegExp(`Accepting SASL EXTERNAL identity from ${remote}`)
        : new RegExp(`Sending\\[s2sin\\]: <db:result (?=[^>]*to='${remote}')(?=[^>]*from='${local}')[^>]*type='valid'`)
    }
    return via === 'external'
      ? new RegExp(`SASL EXTERNAL with ${remote} succeeded`)
      : new RegExp(`Received\\[s2sout_unauthed\\]: <result (?=[^>]*from='${remote}')(?=[^>]*to='${local}')[^>]*type='valid'`)
  },
}

export const ejabberd: Software = {
  name: 'ejabberd',
  view: 'literals',
  start: startEjabberd,
  plainOptions: '',
  authenticated(direction, via, local, remote) {
    const name = via === 'external' ? 'EXTERNAL' : 'dialback'
    return direction === 'in'
      ? new RegExp(`Accepted inbound s2s ${name} authentication ${remote} -> ${local} `)
      : new RegExp(`Accepted outbound s2s ${name} authentication ${local} -> ${remote} `)
  },
}

export const entente: Software = {
  name: 'Entente',
  view: 'names',
  start: startEntente,
  plainOptions: 'c2s_require_encryption = false',
  authenticated(direction, via, local, remote) {
    const event = direction === 'in' ? 'incoming stream authenticated' : 'outgoing stream authenticated'
    const facts = [`"local":"${local}"`, `"remote":"${remote}"`, `"via":"${via}"`].map((fact) => `(?=[^\\n]*${fact})`)
    return new RegExp(`\\{(?=[^\\n]*"event":"${event}")${facts.join('')}`)
  },
}

/** Rejects unless the server's streams with the other domain were authenticated in these ways, and in no other; undefined: in none. */
export async function assertAuthenticated(
  software: Software,
  peer: Peer,
  remote: string,
  vias: Readonly<Record<Direction, Via | undefined>>,
): Promise<void> {
  for (const direction of ['in', 'out'] as const) {
    const via = vias[direction]
    if (via !== undefined) await peer.waitForLog(software.authenticated(direction, via, peer.domain, remote), 2_000)
    for (const other of VIAS.filter((v) => v !== via)) {
      assert.doesNotMatch(peer.log(), software.authenticated(direction, other, peer.domain, remote))
    }
  }
}
