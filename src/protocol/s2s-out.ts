import type { Element } from '../xmpp/element.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import type { StreamHeader } from '../xmpp/framer.ts'
import { NS } from '../xmpp/ns.ts'
import { dialbackAnswer, parseDialback } from './dialback.ts'
import { type CertificateQuestion, type CertificateVerdict, closeError, isStreamError, type RemoteOffers } from './s2s.ts'
import { become, onDialbackAnswer, onSaslAnswer, proceed, readExtras, readOffers } from './s2s-out-auth.ts'
import { onManagement, onResumeAnswer } from './s2s-out-sm.ts'
import {
  drop,
  type Extras,
  type Failure,
  fail,
  failure,
  failureOf,
  headerTo,
  type Link,
  NEGOTIATION,
  type OutNext,
  peerFailure,
  type S2sOutAnswer,
  type S2sOutContext,
  type S2sOutEvent,
  type S2sOutState,
  type Stage,
  type StateAt,
  send,
  stay,
  tell,
} from './s2s-out-state.ts'
import type { Input, Step, TlsFacts } from './step.ts'
import { judgeHeader, parseVersion } from './stream.ts'

export type {
  Failure,
  Managed,
  Resumable,
  S2sOutAnswer,
  S2sOutContext,
  S2sOutEvent,
  S2sOutState,
  Stage,
} from './s2s-out-state.ts'

type In = Input<S2sOutAnswer>
type Handle<S extends S2sOutState> = (ctx: S2sOutContext, s: S, i: In) => OutNext | undefined

const NO_FEATURES: RemoteOffers = { starttls: 'no', mechanisms: false, external: false, dialback: false }
const NO_EXTRAS: Extras = { maxBytes: undefined, sm: undefined, bidi: false }
const PLAIN: Link = { tls: undefined, certificate: 'absent', refused: undefined, bidi: false }

export const S2S_OUT_START: S2sOutState = { at: 'idle', asked: 0, tls: undefined }

/** One entry per state; undefined is a peer's input that the state has no place for. RFC 6120 §4.3, §5.4, §6.4. */
const table: { readonly [A in S2sOutState['at']]: Handle<StateAt<A>> } = {
  idle: (ctx, s, i) => {
    if (i.on === 'secured') return stay({ ...s, tls: i.tls })
    if (i.on !== 'open') return undefined
    const timer = { do: 'timer', name: NEGOTIATION, delayMs: ctx.negotiationMs } as const
    const next = s.tls === undefined ? start(ctx, s, PLAIN) : considerCertificate(ctx, s, s.tls)
    return { state: next.state, effects: [timer, ...next.effects] }
  },
  judging: (ctx, s, i) =>
    i.on === 'answer' && i.id === s.asked ? onCertificate(ctx, s, s.tls, i.answer.certificate) : undefined,
  header: (ctx, s, i) => (i.on === 'header' ? onHeader(ctx, s, i.header) : undefined),
  features: (ctx, s, i) => {
    if (i.on !== 'element' || !i.element.is('features', NS.streams)) return undefined
    const link = { ...s.link, extras: readExtras(i.element) }
    return s.authenticated ? become(ctx, s, link, 'external') : proceed(ctx, s, link, readOffers(i.element))
  },
  starttls: (ctx, s, i) => {
    if (i.on !== 'element' || i.element.ns !== NS.tls) return undefined
    if (i.element.name === 'proceed') return stay({ at: 'securing', asked: s.asked }, { do: 'start-tls' })
    return i.element.name === 'failure'
      ? fail(ctx, s, failure('tls', 'peer', undefined, 'The remote server refused to start TLS'))
      : undefined
  },
  securing: (ctx, s, i) => (i.on === 'secured' ? considerCertificate(ctx, s, i.tls) : undefined),
  external: (ctx, s, i) => (i.on === 'element' ? onSaslAnswer(ctx, s, i.element) : undefined),
  dialback: (ctx, s, i) => (i.on === 'element' ? onDialbackAnswer(ctx, s, i.element) : undefined),
  verify: (ctx, s, i) => (i.on === 'element' ? onDialbackAnswer(ctx, s, i.element) : undefined),
  resuming: (ctx, s, i) => (i.on === 'element' ? onResumeAnswer(ctx, s, i.element) : undefined),
  ready: (ctx, s, i) => {
    if (i.on === 'element') return onReadyElement(ctx, s, i.element)
    if (i.on === 'header') return fail(ctx, s, MISPLACED, new StreamError('unsupported-stanza-type'))
    return stay(s) // without bidi nothing of what a peer says here counts (RFC 6120 §4.5)
  },
  closed: (_, s) => stay(s), // late input is dropped, never an error
}

/** Without bidi nothing but stream management counts here (RFC 6120 §4.5). With it, we still take no further domains. */
function onReadyElement(ctx: S2sOutContext, s: StateAt<'ready'>, e: Element): OutNext {
  const dialback = s.bidi ? parseDialback(e) : undefined
  if (dialback === undefined) return onManagement(ctx, s, e)
  const { name, from, to, id, type } = dialback
  if (type !== undefined) return stay(s, tell({ event: 'unsolicited', from, to }))
  if (from === undefined || to === undefined) return stay(s)
  const error = new StanzaError('feature-not-implemented', 'Open a stream of your own for other domains')
  return stay(s, send(dialbackAnswer({ name, from, to, id }, error)))
}

const MISPLACED: Failure = failure('stream', 'us', 'unsupported-stanza-type', 'The remote server broke the protocol')

/** What every state does alike, before its own entry. */
function common(ctx: S2sOutContext, s: S2sOutState, i: In): OutNext | undefined {
  const mute = s.at === 'idle' || s.at === 'securing'
  const end = (why: Failure, error?: StreamError) => (mute ? drop(s, why) : fail(ctx, s, why, error))
  switch (i.on) {
    case 'lost':
      return drop(s, lost(s, i.stage, i.why))
    case 'fault': {
      const error = new StreamError(i.condition, i.text, i.extra)
      return end(failure(stageOf(s), 'us', i.condition, `The remote server sent bad XML: ${i.text || i.condition}`), error)
    }
    case 'peer-end':
      return end(failure('stream', 'peer', undefined, 'The remote server closed the stream'))
    case 'close':
      return close(ctx, s, closeError(i))
    case 'timer':
      if (i.name !== NEGOTIATION || s.at === 'ready') return stay(s)
      return end(timedOut(s), new StreamError('connection-timeout', 'The stream was not ready in time'))
    case 'element':
      if (isStreamError(i.element) && !mute) return fail(ctx, s, peerFailure(ctx, StreamError.fromElement(i.element)))
      return undefined
    default:
      return undefined
  }
}

/** Where a state stands when something goes wrong in it. */
const STAGES: { readonly [A in S2sOutState['at']]: Stage } = {
  idle: 'stream',
  judging: 'certificate',
  header: 'stream',
  features: 'stream',
  starttls: 'tls',
  securing: 'tls',
  external: 'auth',
  dialback: 'auth',
  verify: 'auth',
  resuming: 'stream',
  ready: 'stream',
  closed: 'stream',
}
const stageOf = (s: S2sOutState): Stage => STAGES[s.at]

const lost = (s: S2sOutState, stage: 'tls' | 'socket', why: string): Failure =>
  stage === 'tls' || s.at === 'securing'
    ? failure('tls', 'peer', undefined, `The TLS handshake with the remote server failed: ${why}`)
    : {
        ...failure(stageOf(s), 'peer', undefined, `The connection to the remote server was lost: ${why}`),
        ...(s.at === 'ready' ? { broken: true } : {}),
      }

const WAITED_FOR: { readonly [S in Stage]: string } = {
  stream: 'while the stream was being opened',
  tls: 'while TLS was being established',
  certificate: 'while its certificate was being checked',
  auth: 'while we were authenticating',
  policy: 'while the stream was being opened',
}

const timedOut = (s: S2sOutState): Failure =>
  failure(stageOf(s), 'us', 'connection-timeout', `The remote server did not answer in time, ${WAITED_FOR[stageOf(s)]}`)

/** Our own wish: nobody needs to be told. */
function close(ctx: S2sOutContext, s: S2sOutState, error: StreamError | undefined): OutNext {
  if (s.at === 'idle' || s.at === 'securing' || s.at === 'judging') return drop(s, undefined)
  const ended = fail(ctx, s, MISPLACED, error)
  return { state: ended.state, effects: ended.effects.filter((e) => e.do !== 'tell' || e.event.event === 'ending') }
}

/** A peer's input that has no place: an attack where bytes must not be, else a breach of protocol. */
function misplaced(ctx: S2sOutContext, s: S2sOutState, i: In): OutNext {
  if (i.on !== 'element' && i.on !== 'stanza' && i.on !== 'header') return stay(s)
  if (s.at === 'idle' || s.at === 'securing' || s.at === 'judging') {
    return drop(s, failure(stageOf(s), 'us', 'policy-violation', 'The remote server sent text before TLS was established'))
  }
  const answer = i.on === 'element' ? parseDialback(i.element) : undefined
  if (answer !== undefined) return stay(s, tell({ event: 'unsolicited', from: answer.from, to: answer.to }))
  const condition = i.on === 'stanza' ? 'not-authorized' : 'unsupported-stanza-type'
  return fail(ctx, s, { ...MISPLACED, stage: stageOf(s), condition }, new StreamError(condition))
}

/**
 * The initiating side of a server-to-server stream, for one pair of domains or for one question about a dialback key
 * (RFC 6120 §4-6, XEP-0178, XEP-0220 §2.1).
 */
export function s2sOut(ctx: S2sOutContext): Step<S2sOutState, S2sOutAnswer, CertificateQuestion, S2sOutEvent> {
  return (state, input) => {
    if (state.at === 'closed') return stay(state)
    const handle = table[state.at] as Handle<S2sOutState> // the entry of this state takes this state
    return common(ctx, state, input) ?? handle(ctx, state, input) ?? misplaced(ctx, state, input)
  }
}

const start = (ctx: S2sOutContext, s: S2sOutState, link: Link): OutNext =>
  stay({ at: 'header', asked: s.asked, link, authenticated: false }, send(headerTo(ctx)))

/** After every handshake, before a word is said inside it (RFC 6120 §13.9.5). */
function considerCertificate(ctx: S2sOutContext, s: S2sOutState, tls: TlsFacts): OutNext {
  if (tls.peerChain.length === 0) return onCertificate(ctx, { at: 'judging', asked: s.asked, tls }, tls, 'absent')
  const id = s.asked + 1
  const question = { ask: 'certificate', local: ctx.local, remote: ctx.remote, tls } as const
  return stay({ at: 'judging', asked: id, tls }, { do: 'ask', id, question, hold: true })
}

function onCertificate(ctx: S2sOutContext, s: StateAt<'judging'>, tls: TlsFacts, certificate: CertificateVerdict): OutNext {
  const refusal = ctx.rules.secured(ctx.local, ctx.remote, certificate)
  const next =
    refusal === undefined
      ? start(ctx, s, { tls, certificate, refused: undefined, bidi: false })
      : fail(ctx, s, failureOf(refusal), new StreamError(refusal.condition, refusal.toPeer))
  return { state: next.state, effects: [tell({ event: 'certificate', certificate }), ...next.effects] }
}

function onHeader(ctx: S2sOutContext, s: StateAt<'header'>, h: StreamHeader): OutNext {
  const refuse = (error: StreamError) =>
    fail(ctx, s, failure('stream', 'us', error.condition, `The remote server's stream header is not right: ${error.text}`), error)
  const wrong = judgeHeader(h, NS.server)
  if (wrong !== undefined) return refuse(wrong)
  if (h.id === undefined || h.id === '') return refuse(new StreamError('undefined-condition', 'The stream header has no id'))
  const version = parseVersion(h.version)
  if (version === undefined) return refuse(new StreamError('unsupported-version', 'The version is not a number'))
  const link = { ...s.link, streamId: h.id, lang: h.lang, extras: NO_EXTRAS }
  if (version[0] >= 1) return stay({ at: 'features', asked: s.asked, link, authenticated: s.authenticated })
  // RFC 6120 §4.7.5: no features will come. The policy finds dialback in their absence, or STARTTLS where it must be.
  return s.authenticated ? become(ctx, s, link, 'external') : proceed(ctx, s, link, NO_FEATURES)
}
