import type { Element } from '../xmpp/element.ts'
import { type StanzaCondition, type StreamCondition, StreamError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/ns.ts'
import type { SmNs } from './sm.ts'
import type { TlsFacts } from './step.ts'
import { openStream } from './stream.ts'

/** What the judgement of a peer's certificate found; see policy/refusal.ts, whose shapes these are. */
export type CertificateVerdict =
  | 'valid'
  | 'absent'
  | 'wrong-name'
  | 'expired'
  | 'self-signed'
  | 'expired-chain'
  | 'revoked'
  | 'untrusted'
  | 'pin-mismatch'
  | 'dane-mismatch'
  | 'unaccepted'
  | 'unvalidated'

export interface Refusal {
  readonly allow: false
  readonly condition: StreamCondition
  readonly because: string
  readonly toPeer: string
  readonly toSender: string
}

export interface StreamFacts {
  readonly encrypted: boolean
  readonly certificate: CertificateVerdict
}

export interface PeerFacts extends StreamFacts {
  readonly direction: 'in' | 'out'
  readonly asked: 'external' | 'dialback'
  readonly dialback: 'untried' | 'invalid' | 'valid'
}

export interface Offers {
  readonly starttls: 'no' | 'optional' | 'required'
  readonly external: boolean
  readonly dialback: boolean
}

export interface RemoteOffers extends Offers {
  readonly mechanisms: boolean
}

export interface MoveFacts extends StreamFacts {
  readonly offered: RemoteOffers
  readonly externalFailed: boolean
  readonly purpose: 'link' | 'verify'
}

/**
 * The policy as the machines ask for it: policy/peer.ts behind a door, since this layer does not know it. Every function
 * is pure. `remote` is '' where the peer has not said who it is.
 */
export interface PeerRules {
  contact(local: string, remote: string, direction: 'in' | 'out'): Refusal | undefined
  offers(local: string, remote: string, facts: StreamFacts): Offers | Refusal
  judge(
    local: string,
    remote: string,
    facts: PeerFacts,
  ): { readonly allow: true; readonly via: 'external' | 'dialback' } | Refusal
  secured(local: string, remote: string, certificate: CertificateVerdict): Refusal | undefined
  next(
    local: string,
    remote: string,
    facts: MoveFacts,
  ): { readonly allow: true; readonly move: 'starttls' | 'external' | 'dialback' | 'verify' } | Refusal
}

/** The peer showed these certificates in the handshake: do they name `remote`, and does the host `local` trust them? */
export interface CertificateQuestion {
  readonly ask: 'certificate'
  readonly local: string
  readonly remote: string
  readonly tls: TlsFacts
}

export interface CertificateAnswer {
  readonly certificate: CertificateVerdict
}

/** The outcome of a look at a dialback key by its authoritative server; an error says why there is none. */
export type KeyVerdict = 'valid' | 'invalid' | { readonly error: StanzaCondition; readonly text?: string }

/** How a stream that a machine served came to its end. */
export interface StreamEnd {
  readonly by: 'us' | 'peer'
  readonly condition: StreamCondition | undefined
  readonly text: string
  /** A stream that was ready lost its connection: nobody has ended it. */
  readonly broken?: true
}

/** Stream management of one stream (XEP-0198): not agreed on, asked for by the initiator, or in force. */
export type Sm = { readonly is: 'off' } | { readonly is: 'asked'; readonly ns: SmNs } | { readonly is: 'on'; readonly ns: SmNs }

export const SM_OFF: Sm = { is: 'off' }

/** What stream management tells the owner of a stream on either side. */
export type SmEvent =
  /** The peer wants to know how much we have handled. */
  | { readonly event: 'ack-wanted' }
  | { readonly event: 'acknowledged'; readonly h: number }
  /** The end of a managed stream is about to be said: the last moment for a count. */
  | { readonly event: 'ending' }

/** The wish of the initiator that its stream carry stanzas both ways (XEP-0288 §2.2), with the largest that it takes. */
export const bidiXml = (maxBytes: number): string =>
  `<bidi xmlns='${NS.bidi}'><limits xmlns='${NS.streamLimits}'><max-bytes>${maxBytes}</max-bytes></limits></bidi>`

/** A header of ours on a server-to-server stream. `xml:lang` is what our texts are written in. */
export const serverHeader = (o: {
  to?: string | undefined
  from?: string | undefined
  id?: string
  version?: '1.0' | undefined
}) => openStream({ contentNs: NS.server, to: o.to, from: o.from, id: o.id, version: o.version, lang: 'en', dialback: true })

export const isStreamError = (e: Element): boolean => e.is('error', NS.streams)

/** The wish of a `close` input as a stream error; undefined for an end without one. */
export const closeError = (i: {
  condition?: StreamCondition | undefined
  text?: string | undefined
  extra?: Element | undefined
}): StreamError | undefined => (i.condition === undefined ? undefined : new StreamError(i.condition, i.text ?? '', i.extra))
