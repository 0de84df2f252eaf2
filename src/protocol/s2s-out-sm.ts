import type { Element } from '../xmpp/element.ts'
import { StreamError } from '../xmpp/errors.ts'
import { SM_OFF, type Sm } from './s2s.ts'
import {
  fail,
  failure,
  type Managed,
  NEGOTIATION,
  type Open,
  type OutNext,
  type S2sOutContext,
  type S2sOutState,
  type StateAt,
  send,
  stay,
  tell,
} from './s2s-out-state.ts'
import { enableXml, readNonza, resumeXml } from './sm.ts'

type Via = 'external' | 'dialback'

/** The stream is authenticated: stream management first, where both want it (XEP-0198 §3, §5). */
export function manage(ctx: S2sOutContext, s: S2sOutState, link: Open, via: Via): OutNext {
  const { sm } = link.extras
  if (ctx.management === undefined || sm === undefined) return established(ctx, s, link, via, SM_OFF, undefined)
  const { resume } = ctx.management
  if (resume?.ns !== sm) return enable(ctx, s, link, via, undefined)
  return stay({ at: 'resuming', asked: s.asked, link, via, resume }, send(resumeXml(resume.ns, resume.previd, resume.h)))
}

function enable(ctx: S2sOutContext, s: S2sOutState, link: Open, via: Via, h: number | undefined): OutNext {
  const ns = link.extras.sm!
  const next = established(ctx, s, link, via, { is: 'asked', ns }, { ns, resumed: false, h })
  // before the owner learns of it: everything that is written from then on counts
  return { state: next.state, effects: [send(enableXml(ns)), ...next.effects] }
}

function established(ctx: S2sOutContext, s: S2sOutState, link: Open, via: Via, sm: Sm, managed: Managed | undefined): OutNext {
  const { certificate, extras } = link
  return stay(
    { at: 'ready', asked: s.asked, sm, bidi: link.bidi },
    { do: 'timer-off', name: NEGOTIATION },
    { do: 'budget', budget: ctx.budget },
    tell({
      event: 'ready',
      via,
      encrypted: link.tls !== undefined,
      certificate,
      maxBytes: extras.maxBytes,
      managed,
      bidi: link.bidi,
      lang: link.lang,
    }),
    { do: 'ready' },
  )
}

/** The answer to our wish to resume. One that has failed is followed by a stream with new counts. */
export function onResumeAnswer(ctx: S2sOutContext, s: StateAt<'resuming'>, e: Element): OutNext | undefined {
  const { link, via, resume } = s
  const { ns } = resume
  const answer = readNonza(e)
  if (answer === undefined || answer instanceof StreamError || answer.ns !== ns) return undefined
  if (answer.is === 'failed') return enable(ctx, s, link, via, answer.h)
  if (answer.is !== 'resumed' || answer.previd !== resume.previd) return undefined
  return established(ctx, s, link, via, { is: 'on', ns }, { ns, resumed: true, h: answer.h })
}

/** On a stream that is ready. What is not for us to hear is let pass, as all else there. */
export function onManagement(ctx: S2sOutContext, s: StateAt<'ready'>, e: Element): OutNext {
  const nonza = readNonza(e)
  const { sm } = s
  if (nonza instanceof StreamError) {
    return fail(
      ctx,
      s,
      failure('stream', 'us', nonza.condition, 'The remote server broke the protocol of stream management'),
      nonza,
    )
  }
  if (nonza === undefined || sm.is === 'off' || nonza.ns !== sm.ns) return stay(s)
  if (sm.is === 'asked') {
    if (nonza.is === 'failed') return stay({ ...s, sm: SM_OFF }, tell({ event: 'unmanaged' }))
    if (nonza.is !== 'enabled') return stay(s)
    const { id, maxSeconds } = nonza
    return stay({ ...s, sm: { is: 'on', ns: sm.ns } }, tell({ event: 'enabled', id, maxSeconds }))
  }
  if (nonza.is === 'r') return stay(s, tell({ event: 'ack-wanted' }))
  return nonza.is === 'a' ? stay(s, tell({ event: 'acknowledged', h: nonza.h })) : stay(s)
}
