import { el } from '../xmpp/element.ts'
import { StreamError } from '../xmpp/errors.ts'
import type { Budget } from '../xmpp/framer.ts'
import { NS } from '../xmpp/ns.ts'
import {
  type CertificateAnswer,
  type CertificateQuestion,
  type CertificateVerdict,
  type KeyVerdict,
  type Offers,
  type PeerRules,
  type Refusal,
  type Sm,
  type SmEvent,
  type StreamEnd,
  serverHeader,
} from './s2s.ts'
import { type SmNs, smOffer } from './sm.ts'
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
  /** Stream management on streams of this host of ours: for how long a broken one is kept; undefined: none. */
  management(local: string): { readonly resumeSeconds: number } | undefined
  /** Streams to this host of ours may carry its stanzas too (XEP-0288). */
  bidi(local: string): boolean
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

/** May this stream go on for the one that was given the id `previd`, whose initiator has handled `h` stanzas of ours? */
export interface ResumeQuestion extends Pair {
  readonly ask: 'resume'
  readonly previd: string
  readonly h: number
}

export type S2sInQuestion = CertificateQuestion | DialbackQuestion | ResumeQuestion
export type S2sInAnswer =
  | CertificateAnswer
  | { readonly dialback: KeyVerdict }
  /** How many stanzas of the initiator were handled there; undefined: no such stream. */
  | { readonly resumed: number | undefined }

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
  /** A pair is refused; the stream may go on, or its end follows. Without `via` nothing was tried. `because` is a stable code. */
  | {
      readonly event: 'refused'
      readonly local: string
      readonly remote: string
      readonly via?: 'external' | 'dialback'
      readonly because: string
      readonly text: string
    }
  /** An answer to a question that was never asked on this stream. It changed nothing. */
  | { readonly event: 'unsolicited'; readonly from: string | undefined; readonly to: string | undefined }
  /** From now on stanzas count (XEP-0198). With an id the stream can be resumed, as this pair. Ours may be written after `resumed` only. */
  | ({ readonly event: 'managed'; readonly ns: SmNs; readonly id: string | undefined } & Pair)
  /** The stream goes on for an earlier one, and the peer has been told so. */
  | { readonly event: 'resumed'; readonly ns: SmNs }
  | SmEvent
  /** Stanzas of these pairs, and no others, may be sent over this stream too, now that all else is said. */
  | { readonly event: 'way-out'; readonly pairs: readonly Pair[]; readonly maxBytes: number | undefined }
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

/**
 * The initiator takes our stanzas on its stream (XEP-0288). `isOpen`: they may be sent; before that it may still want to
 * resume an earlier stream, whose stanzas go first.
 */
export interface Bidi {
  readonly maxBytes: number | undefined
  readonly isOpen: boolean
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
  readonly sm: Sm
  readonly bidi: Bidi | undefined
  /** A wish to resume that is being looked at: the question's id, and what was asked. */
  readonly resuming: { readonly id: number; readonly ns: SmNs; readonly previd: string } | undefined
}

/** Addresses that the next header must not contradict. `authenticated`: SASL is done, for this pair. */
export interface Pinned {
  readonly local: string | undefined
  readonly remote: string | undefined
  readonly authenticated: CertificateVerdict | undefined
  readonly bidi: Bidi | undefined
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
/** How long an initiator may take to ask for stream management before we use its stream. */
export const BIDI = 'bidi'
const BIDI_MS = 1000
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
  const ending = state.at === 'ready' && state.stream.sm.is === 'on' ? [tell({ event: 'ending' })] : []
  const over: S2sInState = { at: 'closed', asked: state.asked }
  return stay(over, ...ending, send(xml), tell({ event: 'ended', end: told }), { do: 'finish' })
}

/** The end of a stream that policy refuses as a whole. `names`: who wanted to speak to whom. */
export function endRefused(
  state: S2sInState,
  names: { readonly local: string; readonly remote: string | undefined },
  r: Refusal,
  before = '',
): InNext {
  const { local, remote = '' } = names
  const news = tell({ event: 'refused', local, remote, because: r.because, text: r.toPeer })
  const ended = end(state, new StreamError(r.condition, r.toPeer), before)
  return { ...ended, effects: [news, ...ended.effects] }
}

/** The end of a connection on which nothing may be said any more. */
export const drop = (state: S2sInState, text: string, by: 'us' | 'peer' = 'peer', broken = false): InNext => {
  const told: StreamEnd = { by, condition: undefined, text, ...(broken ? { broken } : {}) }
  return stay({ at: 'closed', asked: state.asked }, tell({ event: 'ended', end: told }), { do: 'destroy' })
}

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
export function featuresXml(ctx: S2sInContext, local: string, offers: Offers, authenticated: boolean): string {
  const { starttls, external, dialback } = offers
  const mechanisms = el('mechanisms', NS.sasl, {}, el('mechanism', NS.sasl, {}, 'EXTERNAL'))
  return features(
    starttls === 'no' ? undefined : starttlsOffer(starttls === 'required'),
    external && !authenticated ? mechanisms : undefined,
    dialback ? el('dialback', NS.dialbackFeature, {}, el('errors', NS.dialbackFeature)) : undefined,
    !authenticated && starttls !== 'required' && ctx.bidi(local) ? el('bidi', NS.bidiFeature) : undefined,
    ...(starttls === 'required' || !(authenticated || dialback) ? [] : managementOffers(ctx, local)),
    starttls === 'required' ? undefined : limitsOffer(ctx.limits),
  )
}

/** Before dialback too, though XEP-0198 §3 sees it after authentication: no features follow on dialback. */
const managementOffers = (ctx: S2sInContext, local: string) =>
  ctx.management(local) === undefined ? [] : [smOffer(NS.sm), smOffer(NS.sm2)]

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
  const ready = { at: 'ready', asked: state.asked, stream: { ...stream, pairs: [...stream.pairs, pair] } } as const
  return stay(ready, ...opening, ...said, ...wayOut(ctx, stream, pair))
}

function wayOut(ctx: S2sInContext, { bidi, pairs }: Opened, pair: Pair): readonly InEffect[] {
  if (bidi === undefined) return []
  if (bidi.isOpen) return [tell({ event: 'way-out', pairs: [pair], maxBytes: bidi.maxBytes })]
  if (pairs.length > 0) return [] // it opens for all
  return [{ do: 'timer', name: BIDI, delayMs: ctx.management(pair.local) === undefined ? 0 : BIDI_MS }]
}

/** Whatever an initiator could ask for first is settled: its stream is a way out from now on. */
export function openWayOut({
  state,
  effects,
}: {
  readonly state: StateAt<'ready'>
  readonly effects: readonly InEffect[]
}): InNext {
  const { bidi, pairs } = state.stream
  if (bidi === undefined || bidi.isOpen) return { state, effects }
  const opened = { ...state, stream: { ...state.stream, bidi: { ...bidi, isOpen: true } } }
  const news = tell({ event: 'way-out', pairs, maxBytes: bidi.maxBytes })
  return { state: opened, effects: [...effects, { do: 'timer-off', name: BIDI }, news] }
}
