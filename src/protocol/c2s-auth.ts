import { type Element, el } from '../xmpp/element.ts'
import { type SaslCondition, SaslError } from '../xmpp/errors.ts'
import { authenticatedBudget } from '../xmpp/framer.ts'
import { NS } from '../xmpp/ns.ts'
import { fail, go, send } from './c2s-close.ts'
import type { At, C2sContext, C2sEffect, C2sNext } from './c2s-state.ts'
import { decodeBase64, encodeBase64 } from './sasl/base64.ts'
import { bindingBytes } from './sasl/channel-binding.ts'
import { answered, beginExchange, type Exchange, needsMessage, receive } from './sasl/exchange.ts'
import {
  CHANNEL_BINDINGS,
  failure,
  SASL_MECHANISMS,
  type SaslAnswer,
  type SaslFacts,
  type SaslMechanism,
  type Turn,
} from './sasl/mechanism.ts'

/** RFC 6120 §6.4.5: how often a client may fail on one connection. */
export const MAX_FAILURES = 5

type Open = At<'features'> | At<'responding'> | At<'checking'>

function factsOf(state: Open, context: C2sContext): SaslFacts {
  return {
    domain: state.host.domain,
    plusOffered: state.offer.mechanisms.some((m) => m.endsWith('-PLUS')),
    binding: (name) => {
      const offered = CHANNEL_BINDINGS.find((b) => b === name && state.offer.bindings.includes(b))
      return offered === undefined ? undefined : bindingBytes(state.tls, offered)
    },
    random: context.random,
  }
}

/** Says no; the client may try again, but not for ever. */
function refuse(state: Open, mechanism: string, condition: SaslCondition, text = '', username?: string): C2sNext {
  const { tls, nextId, host, offer } = state
  const failures = state.failures + 1
  const said = send(new SaslError(condition, text).toElement().toString())
  const told: C2sEffect = {
    do: 'tell',
    event: { kind: 'login-failed', domain: host.domain, mechanism, username, condition, text },
  }
  if (failures < MAX_FAILURES) return go({ at: 'features', tls, failures, nextId, host, offer }, said, told)
  const last = fail('policy-violation', 'too many failed attempts to authenticate')
  return go(last.state, said, told, ...last.effects)
}

/** Empty data in `<challenge/>` and `<success/>` that carry some is written `=` (RFC 6120 §6.4.2). */
const carrying = (name: string, data: Uint8Array): string => el(name, NS.sasl, {}, encodeBase64(data) || '=').toString()

function take(state: Open, mechanism: SaslMechanism, turn: Turn<Exchange>): C2sNext {
  const { tls, failures, nextId, host, offer } = state
  switch (turn.turn) {
    case 'challenge': {
      const next = { at: 'responding', tls, failures, nextId, host, offer, mechanism, exchange: turn.exchange } as const
      return go(next, send(carrying('challenge', turn.data)))
    }
    case 'ask': {
      const open = { tls, failures, nextId: nextId + 1, host, offer }
      const next = { at: 'checking', ...open, mechanism, exchange: turn.exchange, asked: nextId } as const
      return go(next, { do: 'ask', id: nextId, question: turn.question, hold: true })
    }
    case 'failure':
      return refuse(state, mechanism, turn.condition, turn.text, turn.username)
    case 'success': {
      const login = { account: turn.account, mechanism, binding: turn.binding, encrypted: tls !== undefined }
      const success = turn.data === undefined ? el('success', NS.sasl).toString() : carrying('success', turn.data)
      return go(
        { at: 'header', tls, failures, nextId, login },
        send(success),
        { do: 'tell', event: { kind: 'login', login } },
        { do: 'budget', budget: authenticatedBudget(host.stanzaBytes) },
        { do: 'restart' },
      )
    }
  }
}

/** What `<auth/>` or `<response/>` carries: undefined for nothing at all, else the bytes or what is wrong with them. */
function dataOf(element: Element): Uint8Array | undefined | SaslCondition {
  if (element.children.length > 0) return 'malformed-request'
  if (element.text === '') return undefined
  if (element.text === '=') return new Uint8Array(0)
  return decodeBase64(element.text) ?? 'incorrect-encoding'
}

function onAuth(state: Open, element: Element, context: C2sContext): C2sNext {
  const named = element.attr('mechanism') ?? ''
  const mechanism = SASL_MECHANISMS.find((m) => m === named)
  if (mechanism === undefined || !state.offer.mechanisms.includes(mechanism)) {
    const early = mechanism !== undefined && state.offer.afterTls.includes(mechanism)
    return refuse(state, named, early ? 'encryption-required' : 'invalid-mechanism')
  }
  const exchange = beginExchange(mechanism)
  const data = dataOf(element)
  if (typeof data === 'string') return refuse(state, mechanism, data)
  if (data !== undefined || !needsMessage(exchange))
    return take(state, mechanism, receive(exchange, factsOf(state, context), data ?? new Uint8Array(0)))
  const { tls, failures, nextId, host, offer } = state
  const waiting = { at: 'responding', tls, failures, nextId, host, offer, mechanism, exchange } as const
  return go(waiting, send(el('challenge', NS.sasl).toString()))
}

function onResponse(state: At<'responding'>, element: Element, context: C2sContext): C2sNext {
  const data = dataOf(element)
  if (typeof data === 'string') return refuse(state, state.mechanism, data)
  return take(state, state.mechanism, receive(state.exchange, factsOf(state, context), data ?? new Uint8Array(0)))
}

/** An element of the SASL namespace; undefined for one that a client does not send. A new `<auth/>` replaces what ran (§6.4.2). */
export function onSasl(state: At<'features'> | At<'responding'>, element: Element, context: C2sContext): C2sNext | undefined {
  const running = state.at === 'responding' ? state.mechanism : ''
  switch (element.name) {
    case 'auth':
      return onAuth(state, element, context)
    case 'response':
      return state.at === 'responding' ? onResponse(state, element, context) : refuse(state, '', 'malformed-request')
    case 'abort':
      return refuse(state, running, 'aborted')
    default:
      return undefined
  }
}

export function onSaslAnswer(state: At<'checking'>, answer: SaslAnswer, context: C2sContext): C2sNext {
  return take(state, state.mechanism, answered(state.exchange, factsOf(state, context), answer))
}

export const unanswerable = (state: At<'checking'>): C2sNext =>
  take(state, state.mechanism, failure('temporary-auth-failure', 'the accounts gave no answer'))
