import { el, type Node } from '../xmpp/element.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Jid, makeJid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { fail, go, send } from './c2s-close.ts'
import type { At, BindAnswer, C2sContext, C2sNext } from './c2s-state.ts'
import { encodeBase64 } from './sasl/base64.ts'

/** Before a resource is bound a client may speak to its server or account only (RFC 6120 §7.1). */
function forUs(to: Jid | undefined, account: Jid): boolean {
  return to === undefined || to.equals(account) || to.toString() === account.domain
}

const answer = (id: string | undefined, type: 'result' | 'error', ...nodes: readonly Node[]): string =>
  Stanza.of('iq', { type, id }, ...nodes).toString()

/** The iq that asks for a resource, the session request of RFC 3921, or too early. RFC 6120 §7. */
export function onEarlyStanza(state: At<'bind'>, stanza: Stanza, context: C2sContext): C2sNext {
  const { account } = state.login
  const isSet = stanza.kind === 'iq' && stanza.type === 'set' && stanza.malformed !== 'to' && forUs(stanza.to, account)
  if (isSet && stanza.has('bind', NS.bind)) return onBind(state, stanza, context)
  if (isSet && stanza.has('session', NS.session)) return go(state, send(answer(stanza.id, 'result')))
  return fail('not-authorized', 'bind a resource first')
}

function onBind(state: At<'bind'>, stanza: Stanza, context: C2sContext): C2sNext {
  const asked = stanza.child('bind', NS.bind)?.child('resource')?.text ?? ''
  const { tls, failures, nextId, host, login, lang } = state
  const wanted = asked === '' ? undefined : makeJid(login.account.local, login.account.domain, asked)
  if (asked !== '' && wanted === undefined) {
    const error = new StanzaError('bad-request', 'this is no resource')
    return go(state, send(answer(stanza.id, 'error', error.toElement())))
  }
  const generated = encodeBase64(context.random(12)).replaceAll('+', '-').replaceAll('/', '_')
  const open = { tls, failures, nextId: nextId + 1, host, login, lang }
  const next = { at: 'binding', ...open, asked: nextId, iqId: stanza.id } as const
  const question = { kind: 'bind', account: login.account, wanted: wanted?.resource, generated } as const
  return go(next, { do: 'ask', id: nextId, question, hold: true })
}

export function onBindAnswer(state: At<'binding'>, got: BindAnswer): C2sNext {
  const { tls, failures, nextId, host, login, lang, iqId } = state
  const again = { at: 'bind', tls, failures, nextId, host, login, lang } as const
  if (got.kind === 'refused') return go(again, send(answer(iqId, 'error', got.error.toElement())))
  const jid = makeJid(login.account.local, login.account.domain, got.resource)
  if (jid === undefined || jid.isBare) return fail('internal-server-error')
  const bound = el('bind', NS.bind, {}, el('jid', NS.bind, {}, jid.toString()))
  return go(
    { at: 'ready' },
    { do: 'timer-off', name: 'negotiation' },
    send(answer(iqId, 'result', bound)),
    { do: 'tell', event: { kind: 'bound', jid, login, lang } },
    { do: 'ready' },
  )
}
