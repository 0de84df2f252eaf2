import { availability, deliver, recipients } from '../policy/delivery.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Host } from './host.ts'
import type { Session } from './session.ts'
import type { Source } from './source.ts'

interface Resource {
  readonly session: Session
  readonly priority: number | undefined
}

/** Delivers a message to an account of the host, to the resources that RFC 6121 §8.5 names, or keeps it for later. */
export function deliverMessage(host: Host, stanza: Stanza, source: Source | undefined): Promise<void> | undefined {
  const { local, resource } = stanza.to!
  const before = host.handovers.size === 0 ? undefined : host.handovers.get(local)
  if (before !== undefined) return before.then(() => deliverMessage(host, stanza, source))
  const named = resource === '' ? undefined : host.sessions.get(local, resource)
  if (named !== undefined) {
    // the common case, which asks for nothing else: the resource that the full address names
    named.send(stanza, source)
    return undefined
  }
  if (host.sessions.has(local)) return toAccount(host, stanza, source, 'exists')
  return Promise.resolve(host.accounts?.exists(local) ?? false).then((exists) =>
    toAccount(host, stanza, source, exists ? 'exists' : 'absent'),
  )
}

function toAccount(
  host: Host,
  stanza: Stanza,
  source: Source | undefined,
  account: 'exists' | 'absent',
): Promise<void> | undefined {
  const { local, resource } = stanza.to!
  const resources: Resource[] = host.sessions
    .of(local)
    .map((session) => ({ session, priority: session.isAvailable ? session.priority : undefined }))
  const offline = host.claimed('offline')
  const verdict = deliver({
    kind: 'message',
    type: stanza.type,
    addressedTo: resource === '' ? 'bare' : 'full',
    account,
    resources: availability(resources),
    match: false,
    storesOffline: offline !== undefined,
  })
  switch (verdict.to) {
    case 'highest':
    case 'all-non-negative':
    case 'all-available':
      for (const { session } of recipients(verdict.to, resources)) session.send(stanza, source)
      return undefined
    case 'offline':
      return offline!(stanza)
    case 'sender':
      throw new StanzaError(verdict.condition)
    default:
      return undefined
  }
}
