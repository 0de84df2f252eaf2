import { createHash } from 'node:crypto'
import type { LinkFailure } from '../core/links.ts'
import type { Endpoints, LookupFailure } from '../net/endpoints.ts'
import type { Failure } from '../protocol/s2s-out.ts'
import type { StanzaCondition } from '../xmpp/errors.ts'

/** Where DNS leads, as a short word that does not depend on the order of the answers. */
export function placesOf(found: Endpoints): string {
  if (found.failure !== undefined) return found.failure.kind
  const places = found.endpoints.map(({ address, port, tls }) => `${address} ${port} ${tls}`).sort()
  return createHash('sha256').update(places.join('\n')).digest('base64url').slice(0, 16)
}

/** DNS gave nothing to dial, whatever the reason: to the sender there is no such server. */
export function ofLookup({ text }: LookupFailure): LinkFailure {
  return { stage: 'lookup', condition: 'remote-server-not-found', text }
}

/** No address took a connection. */
export function ofConnecting(reasons: readonly string[]): LinkFailure {
  const why = [...new Set(reasons)].slice(0, 3).join('; ')
  return { stage: 'connect', condition: 'remote-server-timeout', text: why === '' ? 'no connection' : `no connection: ${why}` }
}

/** What a remote says when it does not want us, on the stream or about our dialback key (XEP-0220 §2.5). */
const UNWANTED: ReadonlySet<string | undefined> = new Set([
  'policy-violation',
  'dialback-policy-violation',
  'dialback-forbidden',
  'dialback-not-allowed',
  'dialback-not-acceptable',
])
const OVERLOADED: ReadonlySet<string | undefined> = new Set(['resource-constraint', 'dialback-resource-constraint'])

/** A connection was there, and no stream came of it. */
export function ofStream(failure: Failure): LinkFailure {
  return { stage: failure.stage, condition: conditionOf(failure), text: failure.text }
}

function conditionOf({ by, condition, bounce }: Failure): StanzaCondition {
  if (by === 'peer' && UNWANTED.has(condition)) return 'forbidden'
  if (by === 'peer' && OVERLOADED.has(condition)) return 'resource-constraint'
  return bounce
}

/** An exception that no code of ours expects. */
export const OWN_FAILURE: LinkFailure = {
  stage: 'stream',
  condition: 'internal-server-error',
  text: 'this server has failed',
  places: '',
}

const ORDER: readonly LinkFailure['stage'][] = ['lookup', 'connect', 'tls', 'stream', 'policy', 'certificate', 'auth']

/** Of two failures the one that came further says more about what to do. */
export function further(one: LinkFailure | undefined, other: LinkFailure): LinkFailure {
  return one === undefined || ORDER.indexOf(other.stage) >= ORDER.indexOf(one.stage) ? other : one
}
