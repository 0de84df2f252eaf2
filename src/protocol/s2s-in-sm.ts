import type { Element } from '../xmpp/element.ts'
import { StreamError } from '../xmpp/errors.ts'
import { end, type InNext, openWayOut, type S2sInContext, type StateAt, send, stay, tell } from './s2s-in-state.ts'
import { enabledXml, failedXml, type Nonza, readNonza, resumedXml } from './sm.ts'

type Live = StateAt<'open'> | StateAt<'ready'>

/** An element of stream management from the peer that opened the stream (XEP-0198); undefined when it is none, or not agreed on. */
export function onManagement(ctx: S2sInContext, s: Live, e: Element): InNext | undefined {
  const nonza = readNonza(e)
  if (nonza === undefined) return undefined
  if (nonza instanceof StreamError) return end(s, nonza)
  const isRequest = nonza.is === 'enable' || nonza.is === 'resume'
  if (s.at === 'open') {
    const isOffered = ctx.management(s.stream.local) !== undefined && s.stream.offers.starttls !== 'required'
    return isRequest && isOffered ? stay(s, send(failedXml(nonza.ns, 'unexpected-request'))) : undefined
  }
  if (isRequest) return onRequest(ctx, s, nonza)
  const { sm } = s.stream
  if (sm.is !== 'on' || sm.ns !== nonza.ns) return undefined
  if (nonza.is === 'r') return stay(s, tell({ event: 'ack-wanted' }))
  return nonza.is === 'a' ? stay(s, tell({ event: 'acknowledged', h: nonza.h })) : undefined
}

function onRequest(ctx: S2sInContext, s: StateAt<'ready'>, nonza: Extract<Nonza, { is: 'enable' | 'resume' }>): InNext {
  const { stream } = s
  const { ns } = nonza
  if (stream.sm.is !== 'off') return end(s, new StreamError('policy-violation', 'Stream management is in force already'))
  if (stream.resuming !== undefined) return end(s, new StreamError('policy-violation', 'One wish to resume at a time'))
  const allowed = ctx.management(stream.local)
  if (allowed === undefined) return openWayOut({ state: s, effects: [send(failedXml(ns, 'service-unavailable'))] })
  if (nonza.is === 'resume') return askToResume(s, nonza)
  const id = nonza.resume && allowed.resumeSeconds > 0 ? ctx.randomId() : undefined
  const resumable = id === undefined ? undefined : { id, seconds: allowed.resumeSeconds }
  const state = { ...s, stream: { ...stream, sm: { is: 'on', ns } } } as const
  const effects = [tell({ event: 'managed', ns, id, ...stream.pairs[0]! }), send(enabledXml(ns, resumable))]
  return openWayOut({ state, effects })
}

/** Whoever resumes has to be whom the first pair of the stream says: who that was then is the owner's knowledge. */
function askToResume(s: StateAt<'ready'>, { ns, previd, h }: Extract<Nonza, { is: 'resume' }>): InNext {
  const id = s.asked + 1
  const [pair] = s.stream.pairs
  const state = { ...s, asked: id, stream: { ...s.stream, resuming: { id, ns, previd } } }
  return stay(state, { do: 'ask', id, question: { ask: 'resume', ...pair!, previd, h }, hold: true })
}

export function onResumeAnswer(s: Live, id: number, h: number | undefined): InNext {
  const { resuming } = s.stream
  if (s.at !== 'ready' || resuming?.id !== id) return stay(s)
  const { ns, previd } = resuming
  const stream = { ...s.stream, resuming: undefined }
  // it will ask for management anew
  if (h === undefined) return stay({ ...s, stream }, send(failedXml(ns, 'item-not-found')))
  const state = { ...s, stream: { ...stream, sm: { is: 'on', ns } } } as const
  return openWayOut({ state, effects: [send(resumedXml(ns, previd, h)), tell({ event: 'resumed', ns })] })
}
