import type { Element } from '../xmpp/element.ts'
import { StreamError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/ns.ts'
import { type Dialback, dialbackXml, parseDialback } from './dialback.ts'
import { bidiXml, type RemoteOffers } from './s2s.ts'
import { manage } from './s2s-out-sm.ts'
import {
  type Extras,
  fail,
  failure,
  failureOf,
  headerTo,
  type Link,
  NEGOTIATION,
  type Open,
  type OutNext,
  type S2sOutContext,
  type S2sOutState,
  type StateAt,
  saidBecause,
  send,
  stay,
  tell,
} from './s2s-out-state.ts'
import { offeredSm } from './sm.ts'
import { readMaxBytes, STREAM_END } from './stream.ts'

/** What `<stream:features/>` offers of what we know. */
export function readOffers(features: Element): RemoteOffers {
  const starttls = features.child('starttls', NS.tls)
  const mechanisms = features.child('mechanisms', NS.sasl)?.childrenNamed('mechanism') ?? []
  return {
    starttls: starttls === undefined ? 'no' : starttls.child('required') === undefined ? 'optional' : 'required',
    mechanisms: mechanisms.length > 0,
    external: mechanisms.some((m) => m.text === 'EXTERNAL'),
    dialback: features.child('dialback', NS.dialbackFeature) !== undefined,
  }
}

export const readExtras = (features: Element): Extras => ({
  maxBytes: readMaxBytes(features),
  sm: offeredSm(features),
  bidi: features.child('bidi', NS.bidiFeature) !== undefined,
})

/** Asks the policy for the next step and takes it. Zero keys and zero stanzas leave before it allows them. */
export function proceed(ctx: S2sOutContext, s: S2sOutState, link: Open, offered: RemoteOffers): OutNext {
  const next = ctx.rules.next(ctx.local, ctx.remote, {
    encrypted: link.tls !== undefined,
    certificate: link.certificate,
    offered,
    externalFailed: link.refused !== undefined,
    purpose: ctx.purpose.is,
  })
  if (!next.allow) {
    const because = failureOf(next)
    const stage = next.because === 'no-method' ? ({ ...because, stage: 'auth' } as const) : because
    const text = link.refused === undefined ? stage.text : `${link.refused}; then: ${stage.text}`
    return fail(ctx, s, { ...stage, text }, new StreamError(next.condition, next.toPeer))
  }
  switch (next.move) {
    case 'starttls':
      return stay({ at: 'starttls', asked: s.asked }, send(`<starttls xmlns='${NS.tls}'/>`))
    case 'external': {
      const state = { at: 'external', asked: s.asked, link: withBidi(ctx, link), offered, challenged: false } as const
      return stay(state, send(`${wish(ctx, link)}<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>${authzid(ctx)}</auth>`))
    }
    case 'dialback': {
      const key = ctx.dialbackKey(ctx.remote, ctx.local, link.streamId)
      const question = dialbackXml({ name: 'result', from: ctx.local, to: ctx.remote, key })
      return stay({ at: 'dialback', asked: s.asked, link: withBidi(ctx, link) }, send(wish(ctx, link) + question))
    }
    case 'verify':
      return askAboutKey(ctx, s, link)
    default:
      return next.move satisfies never
  }
}

/** XEP-0288 §2.2: both directions are asked for once, before authentication and after TLS. */
const asksForBidi = (ctx: S2sOutContext, link: Open): boolean => ctx.bidi && link.extras.bidi && !link.bidi

const withBidi = (ctx: S2sOutContext, link: Open): Open => (asksForBidi(ctx, link) ? { ...link, bidi: true } : link)

const wish = (ctx: S2sOutContext, link: Open): string => (asksForBidi(ctx, link) ? bidiXml(ctx.budget.stanzaBytes) : '')

/** XEP-0178 §3: not needed where it equals the stream's `from`, but old servers demand it. */
const authzid = (ctx: S2sOutContext): string => Buffer.from(ctx.local).toString('base64')

function askAboutKey(ctx: S2sOutContext, s: S2sOutState, link: Open): OutNext {
  if (ctx.purpose.is !== 'verify') return stay(s)
  const { streamId: id, key } = ctx.purpose
  return stay(
    { at: 'verify', asked: s.asked, link },
    send(dialbackXml({ name: 'verify', from: ctx.local, to: ctx.remote, id, key })),
  )
}

/** An answer to our `<auth/>` (RFC 6120 §6.4). After a failure the policy says what is left to try. */
export function onSaslAnswer(ctx: S2sOutContext, s: StateAt<'external'>, e: Element): OutNext | undefined {
  if (e.ns !== NS.sasl) return undefined
  const { link } = s
  switch (e.name) {
    case 'success': {
      const fresh: Link = { tls: link.tls, certificate: link.certificate, refused: undefined, bidi: link.bidi }
      return stay({ at: 'header', asked: s.asked, link: fresh, authenticated: true }, { do: 'restart' }, send(headerTo(ctx)))
    }
    case 'challenge':
      if (s.challenged) return undefined
      return stay({ ...s, challenged: true }, send(`<response xmlns='${NS.sasl}'>${authzid(ctx)}</response>`))
    case 'failure':
      return proceed(ctx, s, { ...link, refused: refusedBecause(ctx, e) }, s.offered)
    default:
      return undefined
  }
}

function refusedBecause(ctx: S2sOutContext, e: Element): string {
  const condition = e.children.find((c) => c.name !== 'text')?.name ?? 'not-authorized'
  return `The remote server refused our certificate: ${saidBecause(ctx, condition, e.child('text')?.text ?? '')}`
}

/** The negotiation has succeeded as far as the remote is concerned; the policy has the last word. */
export function become(ctx: S2sOutContext, s: S2sOutState, link: Open, via: 'external' | 'dialback'): OutNext {
  const encrypted = link.tls !== undefined
  const { certificate } = link
  const facts = {
    direction: 'out',
    encrypted,
    certificate,
    asked: via,
    dialback: via === 'dialback' ? 'valid' : 'untried',
  } as const
  const verdict = ctx.rules.judge(ctx.local, ctx.remote, facts)
  if (!verdict.allow) return fail(ctx, s, failureOf(verdict), new StreamError(verdict.condition, verdict.toPeer))
  return manage(ctx, s, link, via)
}

/**
 * An answer counts only when it is to our question: its kind, its addresses, the id, on this stream, now
 * (XEP-0220 §2.1, §3.1). Everything else is dropped.
 */
export function onDialbackAnswer(
  ctx: S2sOutContext,
  s: StateAt<'dialback'> | StateAt<'verify'>,
  e: Element,
): OutNext | undefined {
  const d = parseDialback(e)
  if (d === undefined) return undefined
  const ours = d.from === ctx.remote && d.to === ctx.local && isAnswer(d.type)
  if (ours && s.at === 'dialback' && d.name === 'result') return onResult(ctx, s, d)
  if (ours && s.at === 'verify' && d.name === 'verify' && ctx.purpose.is === 'verify' && d.id === ctx.purpose.streamId)
    return onVerdict(s, d)
  return stay(s, tell({ event: 'unsolicited', from: d.from, to: d.to }))
}

const isAnswer = (type: string | undefined): boolean => type === 'valid' || type === 'invalid' || type === 'error'

function onResult(ctx: S2sOutContext, s: StateAt<'dialback'>, d: Dialback): OutNext {
  if (d.type === 'valid') return become(ctx, s, s.link, 'dialback')
  // XEP-0220 §2.1.1 names what the waiting stanzas are answered with.
  if (d.type === 'invalid') {
    const text = 'The remote server found our dialback key invalid'
    return fail(ctx, s, failure('auth', 'peer', 'dialback-invalid', text, 'internal-server-error'))
  }
  const text = `The remote server could not verify our domain by dialback: ${d.error}`
  return fail(ctx, s, failure('auth', 'peer', `dialback-${d.error}`, text))
}

function onVerdict(s: StateAt<'verify'>, d: Dialback): OutNext {
  const verdict = d.type === 'valid' || d.type === 'invalid' ? d.type : { error: d.error ?? 'undefined-condition' }
  const effects = [{ do: 'timer-off', name: NEGOTIATION }, tell({ event: 'verified', verdict }), send(STREAM_END)] as const
  return stay({ at: 'closed', asked: s.asked }, ...effects, { do: 'finish' })
}
