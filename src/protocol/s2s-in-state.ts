import { el } from '../xmpp/element.ts'
import type { StreamError } from '../xmpp/errors.ts'
import type { Budget } from '../xmpp/framer.ts'
import { NS } from '../xmpp/ns.ts'
import {
  type CertificateAnswer,
  type CertificateQuestion,
  type CertificateVerdict,
  type KeyVerdict,
  type Offers,
  type PeerRules,
  type StreamEnd,
  serverHeader,
} from './s2s.ts'
import type { Effect, Next, TlsFacts } from './step.ts'
import { features, STREAM_END, starttlsOffer, streamError } from './stream.ts'

export interface S2sInContext {
  /** A domain of ours (enforced form), whether or not it federates. */
  serves(domain: string): boolean
  /** Who we are to a peer that names no host, or one that is not ours. */
  readonly defaultHost: string
  readonly rules: PeerRules
  /** The key that a host of ours, `originating`, gives out; see dialback.ts. */
  dialbackKey(receiving: string, originating: string, streamId: string): string
  /** What it would have given out under the secret before, where that still counts. */
  formerDialbackKey?(receiving: string, originating: string, streamId: string): string | undefined
  /** 128 random bits or more, as a token. */
  randomId(): string
  /** What an authenticated stream may cost. */
  readonly budget: Budget
  /** From the first byte until the peer must be authenticated. */
  readonly negotiationMs: number
  /** How long the owner may take for one dialback question. */
  readonly dialbackMs: number
  /** Said to the peer (XEP-0478). */
  readonly limits: { readonly maxBytes: number; readonly idleSeconds: number | undefined } | undefined
}

/**
 * Is `key` the one that the domain `from` gave out for its stream `streamId` to our host `to`? To be asked of the
 * authoritative server of `from`, found by DNS, never over the stream under test (XEP-0220 §2.1.2; XEP-0288 §2.2).
 */
export interface DialbackQuestion {
  readonly ask: 'verify-dialback'
  readonly from: string
  readonly to: string
  readonly streamId: string
  readonly key: string
}

export type S2sInQuestion = CertificateQuestion | DialbackQuestion
export type S2sInAnswer = CertificateAnswer | { readonly dialback: KeyVerdict }

export type S2sInEvent =
  /** A header is accepted. `local` is the host whose certificate TLS has to show; identity comes later. */
  | { readonly event: 'opened'; readonly local: string; readonly remote: string | undefined; readonly lang?: string }
  | { readonly event: 'certificate'; readonly remote: string; readonly certificate: CertificateVerdict }
  /** From now on, not earlier, stanzas from `remote` to `local` may pass: this pair, no other. */
  | {
      readonly event: 'authorised'
      readonly local: string
      readonly remote: string
      readonly via: 'external' | 'dialback'
      readonly encrypted: boolean
      readonly certificate: CertificateVerdict
    }
  /** An attempt to authenticate a pair failed; the stream may go on. `because` is a stable code. */
  | {
      readonly event: 'refused'
      readonly local: string
      readonly remote: string
      readonly via: 'external' | 'dialback'
      readonly because: string
      readonly text: string
    }
  /** An answer to a question that was never asked on this stream. It changed nothing. */
  | { readonly event: 'unsolicited'; readonly from: string | undefined; readonly to: string | undefined }
  | { readonly event: 'ended'; readonly end: StreamEnd }

export interface Pair {
  readonly local: string
  readonly remote: string
}

/** A `db:result` that waits: first for the verdict on the certificate in its sender's name, then for that on its key. */
export interface Pending extends Pair {
  readonly key: string
  readonly certificate: CertificateVerdict | undefined
}

/** A stream whose header is answered. Nothing of it outlives a restart but what `pinned` says. */
export interface Opened {
  readonly id: string
  readonly local: string
  /** The peer named `local` itself. */
  readonly named: boolean
  readonly remote: string | undefined
  readonly tls: TlsFacts | undefined
  /** In the name of `remote`. */
  readonly certificate: CertificateVerdict
  readonly offers: Offers
  readonly pairs: readonly Pair[]
  readonly pending: ReadonlyMap<number, Pending>
  readonly failures: number
}

/** Addresses that the next header must not contradict. `authenticated`: SASL is done, for this pair. */
export interface Pinned {
  readonly local: string | undefined
  readonly remote: string | undefined
  readonly authenticated: CertificateVerdict | undefined
}

/** `asked`: how many questions were asked so far; ids are never used twice, so a late answer matches nothing. */
export type S2sInState = { readonly asked: number } & (
  | { readonly at: 'idle'; readonly tls: TlsFacts | undefined }
  | { readonly at: 'header'; readonly tls: TlsFacts | undefined; readonly pinned: Pinned }
  | { readonly at: 'judging'; readonly stream: Opened; readonly version: readonly [number, number] }
  | { readonly at: 'open'; readonly stream: Opened; readonly challenged: boolean }
  | { readonly at: 'securing'; readonly pinned: Pinned }
  | { readonly at: 'ready'; readonly stream: Opened }
  | { readonly at: 'closed' }
)
export type StateAt<A extends S2sInState['at']> = Extract<S2sInState, { at: A }>
export type InEffect = Effect<S2sInQuestion, S2sInEvent>
export type InNext = Next<S2sInState, S2sInQuestion, S2sInEvent>

export const NEGOTIATION = 'negotiation'
export const send = (xml: string): InEffect => ({ do: 'send', xml })
export const tell = (event: S2sInEvent): InEffect => ({ do: 'tell', event })
export const stay = (state: S2sInState, ...effects: readonly InEffect[]): InNext => ({ state, effects })

/** The end of a stream whose header we have answered, with or without an error; `before` is still said. */
export function end(
  state: S2sInState,
  error: StreamError | undefined,
  before = '',
  by: 'us' | 'peer' = 'us',
  said = error,
): InNext {
  const xml = before + (error === undefined ? '' : streamError(error)) + STREAM_END
  const told: StreamEnd = { by, condition: said?.condition, text: said?.text ?? '' }
  return stay({ at: 'closed', asked: state.asked }, send(xml), tell({ event: 'ended', end: told }), { do: 'finish' })
}

/** The end of a connection on which nothing may be said any more. */
export const drop = (state: S2sInState, text: string, by: 'us' | 'peer' = 'peer'): InNext =>
  stay({ at: 'closed', asked: state.asked }, tell({ event: 'ended', end: { by, condition: undefined, text } }), { do: 'destroy' })

/** Our answer to a header, also to one that we refuse (RFC 6120 §4.9.1.2, §4.9.1.3). */
export function answerHeader(
  ctx: S2sInContext,
  o: { local?: string | undefined; remote?: string | undefined; id: string; legacy?: boolean },
): string {
  return serverHeader({ from: o.local ?? ctx.defaultHost, to: o.remote, id: o.id, version: o.legacy ? undefined : '1.0' })
}

export const refuseHeader = (
  ctx: S2sInContext,
  state: S2sInState,
  error: StreamError | undefined,
  names: { local?: string; remote?: string | undefined } = {},
): InNext => end(state, error, answerHeader(ctx, { ...names, id: ctx.randomId() }))

/** Everything a peer may still do on this stream, as `<stream:features/>`. */
export function featuresXml(ctx: S2sInContext, offers: Offers, authenticated: boolean): string {
  const { starttls, external, dialback } = offers
  const mechanisms = el('mechanisms', NS.sasl, {}, el('mechanism', NS.sasl, {}, 'EXTERNAL'))
  return features(
    starttls === 'no' ? undefined : starttlsOffer(starttls === 'required'),
    external && !authenticated ? mechanisms : undefined,
    dialback ? el('dialback', NS.dialbackFeature, {}, el('errors', NS.dialbackFeature)) : undefined,
    starttls === 'required' ? undefined : limitsOffer(ctx.limits),
  )
}

function limitsOffer(limits: S2sInContext['limits']) {
  if (limits === undefined) return undefined
  const field = (name: string, value: number | undefined) =>
    value === undefined ? undefined : el(name, NS.streamLimits, {}, `${value}`)
  return el('limits', NS.streamLimits, {}, field('max-bytes', limits.maxBytes), field('idle-seconds', limits.idleSeconds))
}

/** The one place where a pair becomes authorised; the first one ends the negotiation. */
export function authorise(
  ctx: S2sInContext,
  state: { readonly asked: number },
  stream: Opened,
  pair: Pair,
  how: { readonly via: 'external' | 'dialback'; readonly certificate: CertificateVerdict },
  ...said: readonly InEffect[]
): InNext {
  const first = stream.pairs.length === 0
  const news = tell({
    event: 'authorised',
    ...pair,
    via: how.via,
    encrypted: stream.tls !== undefined,
    certificate: how.certificate,
  })
  const opening: readonly InEffect[] = first
    ? [{ do: 'timer-off', name: NEGOTIATION }, { do: 'budget', budget: ctx.budget }, news, { do: 'ready' }]
    : [news]
  // What the owner must know before the peer may act on it is told before it is said.
  return {
    state: { at: 'ready', asked: state.asked, stream: { ...stream, pairs: [...stream.pairs, pair] } },
    effects: [...opening, ...said],
  }
}
