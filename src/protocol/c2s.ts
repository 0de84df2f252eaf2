import { StreamError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/ns.ts'
import { onSasl, onSaslAnswer, unanswerable } from './c2s-auth.ts'
import { onBindAnswer, onEarlyStanza } from './c2s-bind.ts'
import { closed, destroy, end, fail, failUnopened, go } from './c2s-close.ts'
import { onHeader, onStartTls } from './c2s-open.ts'
import type { At, C2sAnswer, C2sContext, C2sEvent, C2sNext, C2sQuestion, C2sState } from './c2s-state.ts'
import type { Input, Step } from './step.ts'

export type {
  BindAnswer,
  BindQuestion,
  C2sAnswer,
  C2sContext,
  C2sEvent,
  C2sQuestion,
  C2sState,
  ClientFacts,
  ClientHost,
  ClientOffer,
  Login,
} from './c2s-state.ts'

type In = Input<C2sAnswer>
/** undefined: this input has no place in this state. */
type On<S extends C2sState['at']> = (state: At<S>, input: In, context: C2sContext) => C2sNext | undefined

export const c2sStart: C2sState = { at: 'start', tls: undefined, failures: 0, nextId: 1 }

const beforeAuth = (state: At<'features'> | At<'responding'>, input: In, context: C2sContext): C2sNext | undefined => {
  if (input.on === 'stanza') return fail('not-authorized', 'authenticate first')
  if (input.on !== 'element') return undefined
  if (input.element.is('starttls', NS.tls)) return onStartTls(state)
  return input.element.ns === NS.sasl ? onSasl(state, input.element, context) : undefined
}

/** One entry per state. RFC 6120 §4.3, §5.4.2, §6.4, §7. */
const table: { readonly [S in C2sState['at']]: On<S> } = {
  start: (s, i, context) => {
    if (i.on === 'secured') return go({ ...s, tls: i.tls })
    if (i.on !== 'open') return undefined
    const { tls, failures, nextId } = s
    const deadline = { do: 'timer', name: 'negotiation', delayMs: context.negotiationMs } as const
    return go({ at: 'header', tls, failures, nextId, login: undefined }, deadline)
  },
  header: (s, i, context) => (i.on === 'header' ? onHeader(s, i.header, context) : undefined),
  features: beforeAuth,
  securing: (s, i) => {
    if (i.on !== 'secured') return undefined
    // Nothing that was said in the clear is remembered (RFC 6120 §5.4.3.3), but the failures.
    return go({ at: 'header', tls: i.tls, failures: s.failures, nextId: s.nextId, login: undefined }, { do: 'restart' })
  },
  responding: beforeAuth,
  checking: (s, i, context) => {
    if (i.on !== 'answer') return undefined
    if (i.answer.kind === 'resource' || i.answer.kind === 'refused') return unanswerable(s)
    return onSaslAnswer(s, i.answer, context)
  },
  bind: (s, i, context) => (i.on === 'stanza' ? onEarlyStanza(s, i.stanza, context) : undefined),
  binding: (s, i) => {
    if (i.on !== 'answer') return undefined
    return i.answer.kind === 'resource' || i.answer.kind === 'refused' ? onBindAnswer(s, i.answer) : fail('internal-server-error')
  },
  ready: (s, i) => (i.on === 'stanza' ? go(s) : undefined), // stanzas take another path
  closed: (s) => go(s), // late input is dropped, never an error
}

/** Ends the stream with `error`, or without one, from wherever it stands. */
function leave(state: C2sState, error: StreamError | undefined, context: C2sContext): C2sNext {
  if (state.at === 'start' || state.at === 'securing') return destroy() // there is no stream to say it on, or an attacker's bytes are in it
  if (state.at !== 'header') return error === undefined ? end() : fail(error.condition, error.text, error.extra)
  if (error === undefined) return destroy()
  return failUnopened(context, state.login?.account.domain ?? context.anyDomain, error)
}

/** Inputs that mean the same in every state; undefined for the others. */
function everywhere(state: C2sState, input: In, context: C2sContext): C2sNext | undefined {
  switch (input.on) {
    case 'lost':
      return go(closed)
    case 'peer-end':
      return leave(state, undefined, context)
    case 'fault':
      return leave(state, new StreamError(input.condition, input.text, input.extra), context)
    case 'close': {
      const { condition, text } = input
      return leave(state, condition === undefined ? undefined : new StreamError(condition, text), context)
    }
    case 'timer':
      if (input.name !== 'negotiation' || state.at === 'ready') return go(state)
      return leave(state, new StreamError('connection-timeout', 'authentication took too long'), context)
    case 'answer':
      return 'asked' in state && state.asked === input.id ? undefined : go(state) // late: nobody waits for it any more
    default:
      return undefined
  }
}

/** The receiving machine of a client's stream, from the wire to the bound resource. RFC 6120 §§4-7. */
export function c2s(context: C2sContext): Step<C2sState, C2sAnswer, C2sQuestion, C2sEvent> {
  return (state, input) => {
    if (state.at === 'closed') return go(state)
    const common = everywhere(state, input, context)
    if (common !== undefined) return common
    const handle = table[state.at] as On<C2sState['at']> // the entry of exactly this state
    return handle(state as never, input, context) ?? leave(state, new StreamError('unsupported-stanza-type'), context)
  }
}
