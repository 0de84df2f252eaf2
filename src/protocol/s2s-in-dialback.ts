import { type StanzaCondition, StanzaError, StreamError } from '../xmpp/errors.ts'
import { type Dialback, dialbackAnswer, sameKey } from './dialback.ts'
import type { CertificateVerdict, KeyVerdict, Refusal } from './s2s.ts'
import { onResumeAnswer } from './s2s-in-sm.ts'
import {
  authorise,
  end,
  type InEffect,
  type InNext,
  type Opened,
  type Pair,
  type Pending,
  type S2sInAnswer,
  type S2sInContext,
  type S2sInQuestion,
  type StateAt,
  send,
  stay,
  tell,
} from './s2s-in-state.ts'

/** security.md 5.4: each question costs a look-up and a connection, each pair an entry. */
const MAX_PENDING = 4
const MAX_PAIRS = 50

type Live = StateAt<'open'> | StateAt<'ready'>

/** A dialback element on a stream that its peer opened (XEP-0220 §2.2). */
export function onDialback(ctx: S2sInContext, s: Live, d: Dialback): InNext {
  // Without bidi we ask nothing on such a stream, so no answer can be to us (XEP-0220 §3.1).
  if (d.type !== undefined) return stay(s, tell({ event: 'unsolicited', from: d.from, to: d.to }))
  if (d.from === undefined || d.to === undefined)
    return end(s, new StreamError('improper-addressing', "dialback needs 'from' and 'to'"))
  if (ctx.serves(d.from)) return end(s, new StreamError('not-authorized', 'The domain that you claim is served here'))
  const asked = { ...d, from: d.from, to: d.to }
  if (!ctx.serves(d.to))
    return stay(s, send(dialbackAnswer(asked, new StanzaError('item-not-found', 'This host does not serve that domain'))))
  return d.name === 'result' ? onResult(ctx, s, asked) : onVerify(ctx, s, asked)
}

type Asked = Dialback & { readonly from: string; readonly to: string }

/** The receiving server's part: may the domain `from` send to our host `to`? */
function onResult(ctx: S2sInContext, s: Live, d: Asked): InNext {
  const { stream } = s
  const pair = { local: d.to, remote: d.from }
  const same = (p: Pair) => p.local === pair.local && p.remote === pair.remote
  if (stream.pairs.some(same)) return stay(s, send(dialbackAnswer(d, 'valid')))
  if ([...stream.pending.values()].some(same)) return stay(s) // one answer will do for both
  if (d.key === '') return refusePair(s, pair, new StanzaError('not-acceptable', 'The key is empty'), 'dialback-no-key')
  if (stream.pending.size >= MAX_PENDING || stream.pairs.length + stream.pending.size >= MAX_PAIRS) {
    return refusePair(s, pair, new StanzaError('resource-constraint', 'Too many domains on one stream'), 'dialback-too-many')
  }
  const known = certificateOf(stream, pair.remote)
  return known === undefined
    ? askCertificate(ctx, s, { ...pair, key: d.key })
    : considerKey(ctx, s, { ...pair, key: d.key }, known)
}

/** What is known of the certificate in the name of `remote` without a new look at it. */
function certificateOf(stream: Opened, remote: string): CertificateVerdict | undefined {
  if (stream.tls === undefined || stream.tls.peerChain.length === 0) return 'absent'
  return remote === stream.remote ? stream.certificate : undefined
}

/** A proof for another name of the same stream does not carry over (RFC 7712 §4.3): the certificate is judged again. */
function askCertificate(ctx: S2sInContext, s: Live, wanted: Pair & { key: string }): InNext {
  const { local, remote } = wanted
  return wait(ctx, s, { ...wanted, certificate: undefined }, { ask: 'certificate', local, remote, tls: s.stream.tls! })
}

/** Policy first: no look-up and no connection for a domain that would be refused anyway. */
function considerKey(ctx: S2sInContext, s: Live, wanted: Pair & { key: string }, certificate: CertificateVerdict): InNext {
  const { local, remote, key } = wanted
  const verdict = ctx.rules.judge(local, remote, factsOf(s.stream, certificate))
  if (!verdict.allow) return refuseByPolicy(s, wanted, verdict)
  return wait(ctx, s, { ...wanted, certificate }, { ask: 'verify-dialback', from: remote, to: local, streamId: s.stream.id, key })
}

const factsOf = (stream: Opened, certificate: CertificateVerdict) =>
  ({ direction: 'in', encrypted: stream.tls !== undefined, certificate, asked: 'dialback', dialback: 'valid' }) as const

const timerOf = (id: number): string => `dialback-${id}`

function wait(ctx: S2sInContext, s: Live, pending: Pending, question: S2sInQuestion): InNext {
  const id = s.asked + 1
  const state: Live = { ...s, asked: id, stream: { ...s.stream, pending: new Map(s.stream.pending).set(id, pending) } }
  return stay(state, { do: 'ask', id, question, hold: false }, { do: 'timer', name: timerOf(id), delayMs: ctx.dialbackMs })
}

/** Takes a pending question out; undefined when there is none of that id (any more). */
function take(s: Live, id: number): { readonly s: Live; readonly pending: Pending } | undefined {
  const pending = s.stream.pending.get(id)
  if (pending === undefined) return undefined
  const left = new Map(s.stream.pending)
  left.delete(id)
  return { s: { ...s, stream: { ...s.stream, pending: left } }, pending }
}

/** The answer to a question of ours. One that matches nothing came too late, and changes nothing. */
export function onAnswer(ctx: S2sInContext, state: Live, id: number, answer: S2sInAnswer): InNext {
  if ('resumed' in answer) return onResumeAnswer(state, id, answer.resumed)
  const taken = take(state, id)
  if (taken === undefined) return stay(state)
  const { s, pending } = taken
  const off: InEffect = { do: 'timer-off', name: timerOf(id) }
  if ('certificate' in answer)
    return pending.certificate === undefined ? after(off, considerKey(ctx, s, pending, answer.certificate)) : stay(state)
  if (pending.certificate === undefined) return stay(state)
  return after(off, onKeyVerdict(ctx, s, pending, pending.certificate, answer.dialback))
}

const after = (effect: InEffect, next: InNext): InNext => ({ ...next, effects: [effect, ...next.effects] })

function onKeyVerdict(ctx: S2sInContext, s: Live, p: Pending, certificate: CertificateVerdict, answer: KeyVerdict): InNext {
  if (typeof answer === 'object') return refusePair(s, p, new StanzaError(answer.error, answer.text), `dialback-${answer.error}`)
  const verdict = ctx.rules.judge(p.local, p.remote, { ...factsOf(s.stream, certificate), dialback: answer })
  const asked = { name: 'result', from: p.remote, to: p.local } as const
  if (verdict.allow) {
    const pair = { local: p.local, remote: p.remote }
    return authorise(ctx, s, s.stream, pair, { via: 'dialback', certificate }, send(dialbackAnswer(asked, 'valid')))
  }
  if (answer === 'valid') return refuseByPolicy(s, p, verdict)
  const news = refusal(p, verdict.because, verdict.toPeer)
  const xml = dialbackAnswer(asked, 'invalid')
  // XEP-0220 §2.2.1: the stream ends with its first pair; with others proven or under way it goes on.
  if (s.stream.pairs.length > 0 || s.stream.pending.size > 0) return stay(s, send(xml), news)
  return after(news, end(s, undefined, xml))
}

/** The owner did not answer in time: the peer learns it (XEP-0220 §2.5), whatever comes later is dropped. */
export function onTimer(state: Live, name: string): InNext {
  for (const id of state.stream.pending.keys()) {
    if (timerOf(id) !== name) continue
    const { s, pending } = take(state, id)!
    const error = new StanzaError('remote-server-timeout', 'Your authoritative server did not answer in time')
    return refusePair(s, pending, error, 'dialback-timeout')
  }
  return stay(state)
}

const refusal = (pair: Pair, because: string, text: string): InEffect =>
  tell({ event: 'refused', local: pair.local, remote: pair.remote, via: 'dialback', because, text })

function refusePair(s: Live, pair: Pair, error: StanzaError, because: string): InNext {
  const asked = { name: 'result', from: pair.remote, to: pair.local } as const
  return stay(s, send(dialbackAnswer(asked, error)), refusal(pair, because, error.text))
}

/** A stream that has to be encrypted first ends here; any other refusal is about this one pair. */
function refuseByPolicy(s: Live, pair: Pair, r: Refusal): InNext {
  if (mustEnd(s, r)) return after(refusal(pair, r.because, r.toPeer), end(s, new StreamError(r.condition, r.toPeer)))
  return refusePair(s, pair, new StanzaError(stanzaCondition(r), r.toPeer), r.because)
}

const mustEnd = (s: Live, r: Refusal): boolean => r.because === 'unencrypted' && s.stream.pairs.length === 0

const stanzaCondition = (r: Refusal): StanzaCondition =>
  r.condition === 'not-authorized' || r.condition === 'policy-violation' ? r.condition : 'not-allowed'

/** The authoritative server's part: did our host `to` give out this key for its stream to `from`? XEP-0220 §2.2.2. */
function onVerify(ctx: S2sInContext, s: Live, d: Asked): InNext {
  if (d.id === undefined) return end(s, new StreamError('improper-addressing', "a key is verified by the 'id' of its stream"))
  const facts = factsOf(s.stream, certificateOf(s.stream, d.from) ?? 'unvalidated')
  const verdict = ctx.rules.judge(d.to, d.from, facts)
  // Who asks need not prove who he is: only a host that does not federate, or not in the clear, has nothing to say.
  if (!verdict.allow && mustEnd(s, verdict)) return end(s, new StreamError(verdict.condition, verdict.toPeer))
  if (!verdict.allow && !verdict.because.startsWith('certificate-')) {
    return stay(s, send(dialbackAnswer(d, new StanzaError(stanzaCondition(verdict), verdict.toPeer))))
  }
  const keys = [ctx.dialbackKey(d.from, d.to, d.id), ctx.formerDialbackKey?.(d.from, d.to, d.id)]
  const isOurs = keys.some((key) => key !== undefined && sameKey(key, d.key))
  return stay(s, send(dialbackAnswer(d, isOurs ? 'valid' : 'invalid')))
}
