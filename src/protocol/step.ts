import type { Element } from '../xmpp/element.ts'
import type { StreamCondition } from '../xmpp/errors.ts'
import type { Budget, StreamHeader } from '../xmpp/framer.ts'
import type { Stanza } from '../xmpp/stanza.ts'

/** What a finished TLS handshake says. Facts only: whether they suffice is the policy's business. */
export interface TlsFacts {
  /** 'TLSv1.2', 'TLSv1.3'. */
  readonly version: string
  readonly cipher: string
  /** The protocol agreed by ALPN, '' when none. */
  readonly alpn: string
  /** The server name that the client asked for, '' when none. */
  readonly serverName: string
  /** The peer's certificates as DER, leaf first; empty when it showed none. */
  readonly peerChain: readonly Uint8Array[]
  /** Our own leaf as DER; undefined when we showed none. */
  readonly ownLeaf: Uint8Array | undefined
  /** Our own leaf under the hash that RFC 5929 §4.1 names (`tls-server-end-point`); undefined when there is none. */
  readonly serverEndPoint: Uint8Array | undefined
  /** RFC 5705 keying material with an empty context, for `tls-exporter` (RFC 9266). */
  exporter(label: string, lengthBytes: number): Uint8Array
}

/**
 * What can happen to a stream. `A` is the union of answers its machine may get to what it asked.
 * After `lost` or `ended` nothing follows.
 */
export type Input<A = never> =
  | { readonly on: 'open' } // the wire is there (for direct TLS: after 'secured')
  | { readonly on: 'header'; readonly header: StreamHeader }
  | { readonly on: 'element'; readonly element: Element } // first level, not a stanza
  | { readonly on: 'stanza'; readonly stanza: Stanza } // only until `ready`; afterwards stanzas take the direct path
  | { readonly on: 'secured'; readonly tls: TlsFacts }
  | { readonly on: 'fault'; readonly condition: StreamCondition; readonly text: string; readonly extra?: Element | undefined }
  | { readonly on: 'peer-end' } // </stream:stream>
  | { readonly on: 'lost'; readonly stage: 'tls' | 'socket'; readonly why: string }
  | { readonly on: 'timer'; readonly name: string }
  | {
      readonly on: 'close'
      readonly condition?: StreamCondition | undefined
      readonly text?: string | undefined
      readonly extra?: Element | undefined
    } // we want to end it
  | { readonly on: 'answer'; readonly id: number; readonly answer: A }

/**
 * What a machine wants done. `Q` is the union of questions it may ask, `E` of what it tells its owner; the driver runs
 * effects in order.
 */
export type Effect<Q = never, E = never> =
  | { readonly do: 'send'; readonly xml: string }
  /** Begin TLS as soon as what was sent is flushed; bytes already read are an attack. Holds reading until `secured` or `lost`. */
  | { readonly do: 'start-tls' }
  /** The next byte begins a new stream: the framer forgets the old one. */
  | { readonly do: 'restart' }
  | { readonly do: 'budget'; readonly budget: Budget }
  /** One timer a name; setting it again replaces it. */
  | { readonly do: 'timer'; readonly name: string; readonly delayMs: number }
  | { readonly do: 'timer-off'; readonly name: string }
  /** To be answered by an `answer` with this id. `hold`: nothing more is read until then. */
  | { readonly do: 'ask'; readonly id: number; readonly question: Q; readonly hold: boolean }
  /** News for the stream's owner; nothing comes back. */
  | { readonly do: 'tell'; readonly event: E }
  /** Negotiation is over: stanzas go to the stream's owner from now on, not through the machine. */
  | { readonly do: 'ready' }
  /** All is said (the machine has sent `</stream:stream>`): flush, wait for the peer's end for a bounded time, close. */
  | { readonly do: 'finish' }
  /** Close the socket now, without a word. */
  | { readonly do: 'destroy' }

export interface Next<S, Q = never, E = never> {
  readonly state: S
  readonly effects: readonly Effect<Q, E>[]
}

/** A machine: pure, total, never throws; whatever a peer sends is at worst a stream error. */
export type Step<S, A = never, Q = never, E = never> = (state: S, input: Input<A>) => Next<S, Q, E>
