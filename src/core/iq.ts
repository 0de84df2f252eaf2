import { StanzaError } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Host } from './host.ts'
import type { IqRegistration, IqRequest, Passage } from './module.ts'
import type { Router } from './router.ts'

const TYPES = new Set(['get', 'set', 'result', 'error'])

/** RFC 6120 §8.2.3: an id, a legal type, exactly one child in a request and at most one in a result. */
export function validIq(stanza: Stanza): boolean {
  if (stanza.id === undefined || stanza.type === undefined || !TYPES.has(stanza.type)) return false
  if (stanza.type === 'get' || stanza.type === 'set') return stanza.entries.length === 1
  return stanza.type === 'error' || stanza.entries.length <= 1
}

/** Answers a valid request to a host or to an account (bare address) of it by the handler that registered for its payload. */
export function answerIq(router: Router, host: Host, stanza: Stanza, passage: Passage): Promise<void> | undefined {
  const entry = stanza.entries[0]!
  const to = stanza.to!
  const place = to.local === '' ? 'host' : 'account'
  const handler = host.iqHandler(place, stanza.type!, entry.ns, entry.name)
  const own = place === 'account' && host.domain === stanza.from!.domain && stanza.from!.local === to.local
  if (handler === undefined) return unanswered(host, stanza, passage, place)
  const request: IqRequest = {
    stanza,
    get payload() {
      return stanza.payload!
    },
    from: stanza.from!,
    account: place === 'account' ? to.local : undefined,
    own,
    session: passage.session,
    result: (...nodes) => stanza.result(...nodes),
  }
  const allowed = own || place === 'host' || handler.from === 'anybody' || (handler.from === 'contacts' && watches(host, stanza))
  if (allowed === true) return run(router, handler, request)
  if (allowed === false) throw new StanzaError('service-unavailable')
  return allowed.then((yes) => {
    if (!yes) throw new StanzaError('service-unavailable')
    return run(router, handler, request)
  })
}

function watches(host: Host, stanza: Stanza): boolean | Promise<boolean> {
  const roster = host.rosters.of(stanza.to!.local)
  return roster instanceof Promise ? roster.then((r) => r.sharesWith(stanza.from!)) : roster.sharesWith(stanza.from!)
}

function run(router: Router, handler: IqRegistration, request: IqRequest): Promise<void> | undefined {
  const answer = handler.handle(request)
  if (!(answer instanceof Promise)) {
    router.send(answer)
    return undefined
  }
  return answer.then((stanza) => router.send(stanza))
}

function unanswered(host: Host, stanza: Stanza, passage: Passage, place: 'host' | 'account'): Promise<void> | undefined {
  const owner = place === 'account' ? host.claimed('account-iq') : undefined
  if (owner !== undefined) return owner(stanza, passage.source)
  throw new StanzaError('service-unavailable')
}
