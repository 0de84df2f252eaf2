import type { Element } from '../xmpp/element.ts'
import { StreamError } from '../xmpp/errors.ts'
import type { StreamHeader } from '../xmpp/framer.ts'
import { prepareDomain } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { parseDialback } from './dialback.ts'
import { closeError, isStreamError, type Offers, SM_OFF } from './s2s.ts'
import { onAnswer, onDialback, onTimer } from './s2s-in-dialback.ts'
import { onSasl } from './s2s-in-sasl.ts'
import { onManagement } from './s2s-in-sm.ts'
import {
  answerHeader,
  authorise,
  BIDI,
  drop,
  end,
  endRefused,
  featuresXml,
  type InNext,
  NEGOTIATION,
  type Opened,
  openWayOut,
  type Pair,
  type Pinned,
  refuseHeader,
  type S2sInAnswer,
  type S2sInContext,
  type S2sInEvent,
  type S2sInQuestion,
  type S2sInState,
  type StateAt,
  send,
  stay,
  tell,
} from './s2s-in-state.ts'
import type { Input, Step } from './step.ts'
import { judgeHeader, parseVersion, readMaxBytes } from './stream.ts'

export type {
  DialbackQuestion,
  Pair,
  ResumeQuestion,
  S2sInAnswer,
  S2sInContext,
  S2sInEvent,
  S2sInQuestion,
  S2sInState,
} from './s2s-in-state.ts'

type In = Input<S2sInAnswer>
type Handle<S extends S2sInState> = (ctx: S2sInContext, s: S, i: In) => InNext

const NOTHING_PINNED: Pinned = { local: undefined, remote: undefined, authenticated: undefined, bidi: undefined }
const NO_OFFERS: Offers = { starttls: 'no', external: false, dialback: false }

export const S2S_IN_START: S2sInState = { at: 'idle', asked: 0, tls: undefined }

/** One entry per state: the compiler refuses a state that nobody handles. RFC 6120 §4.3, §5.4, §6.4; XEP-0220 §2.2. */
const table: { readonly [A in S2sInState['at']]: Handle<StateAt<A>> } = {
  idle: (ctx, s, i) => {
    if (i.on === 'secured') return stay({ ...s, tls: i.tls })
    if (i.on !== 'open') return drop(s, 'data before the connection was there')
    const state = { at: 'header', asked: s.asked, tls: s.tls, pinned: NOTHING_PINNED } as const
    return stay(state, { do: 'timer', name: NEGOTIATION, delayMs: ctx.negotiationMs })
  },
  header: (ctx, s, i) => {
    if (i.on === 'header') return onHeader(ctx, s, i.header)
    if (i.on === 'element' || i.on === 'stanza') return refuseHeader(ctx, s, new StreamError('not-authorized'))
    return stay(s)
  },
  judging: (ctx, s, i) => {
    if (i.on === 'answer' && i.id === s.asked && 'certificate' in i.answer) return onCertificate(ctx, s, i.answer.certificate)
    if (i.on === 'element' || i.on === 'stanza' || i.on === 'header') return end(s, new StreamError('not-authorized'))
    return stay(s)
  },
  open: (ctx, s, i) => {
    if (i.on === 'element') return onElement(ctx, s, i.element)
    if (i.on === 'answer') return onAnswer(ctx, s, i.id, i.answer)
    if (i.on === 'timer') return onTimer(s, i.name)
    if (i.on === 'stanza' || i.on === 'header') return end(s, new StreamError('not-authorized'))
    return stay(s)
  },
  securing: (_, s, i) => {
    if (i.on === 'secured') return stay({ at: 'header', asked: s.asked, tls: i.tls, pinned: s.pinned })
    // Between <proceed/> and the end of the handshake whatever is read is an attack (RFC 6120 §5.4.3.1).
    if (i.on === 'element' || i.on === 'stanza' || i.on === 'header') return drop(s, 'text before TLS was established')
    return stay(s)
  },
  ready: (ctx, s, i) => {
    if (i.on === 'element') return onElement(ctx, s, i.element)
    if (i.on === 'answer') return onAnswer(ctx, s, i.id, i.answer)
    if (i.on === 'timer') return i.name === BIDI ? openWayOut({ state: s, effects: [] }) : onTimer(s, i.name)
    if (i.on === 'header') return end(s, new StreamError('unsupported-stanza-type'))
    return stay(s)
  },
  closed: (_, s) => stay(s), // late input is dropped, never an error
}

/** What every state but `closed` does alike. */
function common(ctx: S2sInContext, s: S2sInState, i: In): InNext | undefined {
  const silent = s.at === 'idle' || s.at === 'securing'
  const finish = (error: StreamError | undefined, by: 'us' | 'peer' = 'us') =>
    s.at === 'header' ? refuseHeader(ctx, s, error) : end(s, error, '', by)
  switch (i.on) {
    case 'lost':
      return drop(s, i.why, 'peer', s.at === 'ready')
    case 'fault':
      return silent ? drop(s, i.text) : finish(new StreamError(i.condition, i.text, i.extra))
    case 'close':
      return silent ? drop(s, i.text ?? '', 'us') : finish(closeError(i))
    case 'peer-end':
      return silent ? drop(s, '') : finish(undefined, 'peer')
    case 'timer':
      if (i.name !== NEGOTIATION || s.at === 'ready') return undefined
      if (silent) return drop(s, 'the TLS handshake took too long', 'us')
      return finish(new StreamError('connection-timeout', 'You did not authenticate in time'))
    default:
      return undefined
  }
}

/** The receiving side of a server-to-server stream (RFC 6120 §4-6, XEP-0178, XEP-0220). */
export function s2sIn(ctx: S2sInContext): Step<S2sInState, S2sInAnswer, S2sInQuestion, S2sInEvent> {
  return (state, input) => {
    if (state.at === 'closed') return stay(state)
    const handle = table[state.at] as Handle<S2sInState> // the entry of this state takes this state
    return common(ctx, state, input) ?? handle(ctx, state, input)
  }
}

/** `named`: the peer said `local` itself. */
interface Names {
  readonly local: string
  readonly named: boolean
  readonly remote: string | undefined
  /** xml:lang: what stanzas without one of their own are in (RFC 6120 §4.7.4). */
  readonly lang?: string | undefined
}

/** Whom a header names, in enforced form; an error when that cannot be. */
function readNames(ctx: S2sInContext, s: StateAt<'header'>, h: StreamHeader): Names | StreamError {
  const to = h.to === undefined ? undefined : prepareDomain(h.to)
  const from = h.from === undefined ? undefined : prepareDomain(h.from)
  if (h.to !== undefined && to === undefined) return new StreamError('improper-addressing', "Invalid 'to' address")
  if (h.from !== undefined && from === undefined) return new StreamError('improper-addressing', "Invalid 'from' address")
  const { pinned } = s
  for (const [name, now, then] of [['to', to, pinned.local] as const, ['from', from, pinned.remote] as const]) {
    if (now === undefined || then === undefined || now === then) continue
    return new StreamError('improper-addressing', `The new stream has another '${name}' than the one before`)
  }
  // COMPAT(Prosody's note, many old servers): a restart after SASL may lack addresses. Before TLS nothing hangs on them.
  const kept = pinned.authenticated !== undefined ? pinned : undefined
  const local = to ?? kept?.local ?? (s.tls === undefined ? ctx.defaultHost : undefined)
  if (local === undefined) return new StreamError('improper-addressing', "The stream header has no 'to'")
  return { local, named: to !== undefined, remote: from ?? kept?.remote, lang: h.lang }
}

function onHeader(ctx: S2sInContext, s: StateAt<'header'>, h: StreamHeader): InNext {
  const wrong = judgeHeader(h, NS.server)
  if (wrong !== undefined) return refuseHeader(ctx, s, wrong)
  const names = readNames(ctx, s, h)
  if (names instanceof StreamError) return refuseHeader(ctx, s, names)
  const { local, remote } = names
  if (!ctx.serves(local))
    return refuseHeader(ctx, s, new StreamError('host-unknown', 'This host does not serve that domain'), { remote })
  const barred = ctx.rules.contact(local, remote ?? '', 'in')
  if (barred !== undefined) return endRefused(s, names, barred, answerHeader(ctx, { ...names, id: ctx.randomId() }))
  const version = parseVersion(h.version)
  if (version === undefined)
    return refuseHeader(ctx, s, new StreamError('unsupported-version', 'The version is not a number'), names)
  return accept(ctx, s, names, version)
}

/** Answers a right header; what is known of the peer then says how it goes on. */
function accept(ctx: S2sInContext, s: StateAt<'header'>, names: Names, version: readonly [number, number]): InNext {
  const { local, named, remote, lang } = names
  const { authenticated } = s.pinned
  const certificate = authenticated ?? (s.tls === undefined || s.tls.peerChain.length === 0 ? 'absent' : 'unvalidated')
  const fresh = {
    pairs: [],
    pending: new Map(),
    failures: 0,
    offers: NO_OFFERS,
    sm: SM_OFF,
    resuming: undefined,
    bidi: s.pinned.bidi,
  }
  const stream: Opened = { ...fresh, id: ctx.randomId(), local, named, remote, tls: s.tls, certificate }
  const header = answerHeader(ctx, { ...names, id: stream.id, legacy: version[0] < 1 })
  if (authenticated !== undefined && remote !== undefined) return resume(ctx, s, stream, { local, remote }, header, version)
  const opened = [send(header), tell({ event: 'opened', local, remote, ...(lang === undefined ? {} : { lang }) })]
  if (s.tls !== undefined && remote !== undefined && certificate !== 'absent') {
    const id = s.asked + 1
    const question = { ask: 'certificate', local, remote, tls: s.tls } as const
    return stay({ at: 'judging', asked: id, stream, version }, ...opened, { do: 'ask', id, question, hold: true })
  }
  const next = offer(ctx, s, stream, version)
  return { state: next.state, effects: [...opened, ...next.effects] }
}

/** The stream after SASL: the identity is the one that was proven (RFC 6120 §4.3.6, §6.4.6). */
function resume(
  ctx: S2sInContext,
  s: StateAt<'header'>,
  stream: Opened,
  pair: Pair,
  header: string,
  version: readonly [number, number],
): InNext {
  const offers = ctx.rules.offers(pair.local, pair.remote, {
    encrypted: stream.tls !== undefined,
    certificate: stream.certificate,
  })
  if ('because' in offers) return endRefused(s, pair, offers, header)
  const said = send(header + (version[0] < 1 ? '' : featuresXml(ctx, pair.local, offers, true)))
  return authorise(ctx, s, { ...stream, offers }, pair, { via: 'external', certificate: stream.certificate }, said)
}

function onCertificate(ctx: S2sInContext, s: StateAt<'judging'>, certificate: Opened['certificate']): InNext {
  const next = offer(ctx, s, { ...s.stream, certificate }, s.version)
  return {
    state: next.state,
    effects: [tell({ event: 'certificate', remote: s.stream.remote ?? '', certificate }), ...next.effects],
  }
}

/** Features, or the reason why there is nothing to offer. A peer without a version gets none (RFC 6120 §4.7.5). */
function offer(ctx: S2sInContext, s: S2sInState, stream: Opened, version: readonly [number, number]): InNext {
  const encrypted = stream.tls !== undefined
  const offers = ctx.rules.offers(stream.local, stream.remote ?? '', { encrypted, certificate: stream.certificate })
  const legacy = version[0] < 1
  if (legacy && !encrypted && ('because' in offers || !offers.dialback)) {
    return end(s, new StreamError('unsupported-version', 'Encryption is required here, which needs XMPP 1.0'))
  }
  if ('because' in offers) return endRefused(s, stream, offers)
  const state = { at: 'open', asked: s.asked, stream: { ...stream, offers }, challenged: false } as const
  return legacy ? stay(state) : stay(state, send(featuresXml(ctx, stream.local, offers, false)))
}

function onElement(ctx: S2sInContext, s: StateAt<'open'> | StateAt<'ready'>, e: Element): InNext {
  if (isStreamError(e)) return end(s, undefined, '', 'peer', StreamError.fromElement(e))
  const dialback = parseDialback(e)
  if (dialback !== undefined) return onDialback(ctx, s, dialback)
  if (e.is('starttls', NS.tls)) return onStarttls(s)
  if (s.at === 'open' && e.is('bidi', NS.bidi) && canBeBoth(ctx, s)) return stay(asBoth(s, e))
  const managed = onManagement(ctx, s, e)
  if (managed !== undefined) return managed
  if (s.at === 'ready') return end(s, new StreamError(e.ns === NS.sasl ? 'policy-violation' : 'unsupported-stanza-type'))
  return e.ns === NS.sasl ? onSasl(ctx, s, e) : end(s, new StreamError('not-authorized'))
}

/** XEP-0288 §2.2: asked for where it was offered, before anybody is authenticated. */
const canBeBoth = (ctx: S2sInContext, { stream }: StateAt<'open'>): boolean =>
  stream.offers.starttls !== 'required' && ctx.bidi(stream.local)

const asBoth = (s: StateAt<'open'>, e: Element): S2sInState => ({
  ...s,
  stream: { ...s.stream, bidi: { maxBytes: readMaxBytes(e), isOpen: false } },
})

function onStarttls(s: StateAt<'open'> | StateAt<'ready'>): InNext {
  const { stream } = s
  if (s.at === 'ready' || stream.offers.starttls === 'no') return end(s, undefined, `<failure xmlns='${NS.tls}'/>`)
  const pinned = {
    local: stream.named ? stream.local : undefined,
    remote: stream.remote,
    authenticated: undefined,
    bidi: undefined,
  }
  return stay({ at: 'securing', asked: s.asked, pinned }, send(`<proceed xmlns='${NS.tls}'/>`), { do: 'start-tls' })
}
