import type { StanzaKind } from '../xmpp/stanza.ts'

/** What decides where a stanza for a local account goes. */
export interface DeliveryFacts {
  readonly kind: StanzaKind
  /** The stanza's type attribute as it is. */
  readonly type: string | undefined
  readonly addressedTo: 'bare' | 'full'
  readonly account: 'exists' | 'absent'
  /**
   * The account's available resources: none, only ones of negative priority, or at least one that is not negative.
   * A connected resource that has sent no presence is not available.
   */
  readonly resources: 'none' | 'negative' | 'non-negative'
  /** A full address: is that resource connected, available or not? */
  readonly match: boolean
  /** Does the host keep messages for accounts that are away (module `offline`)? */
  readonly storesOffline: boolean
}

export type DeliveryVerdict =
  | { readonly to: 'resource' } // the one that the full address names
  | { readonly to: 'highest' } // the available resources that share the highest priority, if it is not negative
  | { readonly to: 'all-non-negative' } // every available resource but those of negative priority
  | { readonly to: 'all-available' }
  | { readonly to: 'account' } // the server answers for the account
  | { readonly to: 'subscription' } // RFC 6121 §3: policy/subscription.ts, on bare addresses
  | { readonly to: 'probe' } // RFC 6121 §4.3
  | { readonly to: 'offline' } // kept for later
  | { readonly to: 'nobody' } // silently dropped
  | { readonly to: 'sender'; readonly condition: 'service-unavailable' | 'bad-request' }

const UNAVAILABLE: DeliveryVerdict = { to: 'sender', condition: 'service-unavailable' }
const NOBODY: DeliveryVerdict = { to: 'nobody' }

type Outcome = 'error' | 'drop' | 'later' | 'highest' | 'all'
type MessageType = 'normal' | 'chat' | 'headline' | 'groupchat' | 'error'

/**
 * Messages that reach no addressed resource: a bare address, or a full one whose resource is gone. RFC 6121 §8.5.1-8.5.3.
 * Columns: nobody has that account / no resource at all or only negative ones / some resource is not negative.
 * Where the RFC leaves a choice: `chat` and `normal` go to the resources of the highest priority; they are told to the
 * sender when the account does not exist, so that a mistyped address is noticed.
 */
const BARE: { readonly [T in MessageType]: readonly [absent: Outcome, away: Outcome, present: Outcome] } = {
  normal: ['error', 'later', 'highest'],
  chat: ['error', 'later', 'highest'],
  headline: ['drop', 'drop', 'all'],
  groupchat: ['error', 'error', 'error'],
  error: ['drop', 'drop', 'drop'],
}
/** §8.5.3.2: a lost resource's chat goes where the bare address leads; so does `normal` here, which the RFC would lose. */
const GONE: typeof BARE = { ...BARE, headline: ['drop', 'drop', 'drop'] }

function deliverMessage(f: DeliveryFacts): DeliveryVerdict {
  if (f.addressedTo === 'full' && f.match && f.account === 'exists') return { to: 'resource' }
  const type = MESSAGE_TYPES.find((t) => t === f.type) ?? 'normal' // §5.2.2: an unknown type counts as normal
  const [absent, away, present] = (f.addressedTo === 'bare' ? BARE : GONE)[type]
  switch (f.account === 'absent' ? absent : f.resources === 'non-negative' ? present : away) {
    case 'error':
      return UNAVAILABLE
    case 'drop':
      return NOBODY
    case 'later':
      return f.storesOffline ? { to: 'offline' } : UNAVAILABLE
    case 'highest':
      return { to: 'highest' }
    case 'all':
      return { to: 'all-non-negative' }
  }
}
const MESSAGE_TYPES: readonly MessageType[] = ['normal', 'chat', 'headline', 'groupchat', 'error']

/** §3, §4.3, §8.5.1-8.5.3. Presence never tells its sender whether an account exists (§13.10.2 of RFC 6120). */
function deliverPresence(f: DeliveryFacts): DeliveryVerdict {
  switch (f.type) {
    case 'subscribe':
    case 'subscribed':
    case 'unsubscribe':
    case 'unsubscribed':
      return f.account === 'absent' ? NOBODY : { to: 'subscription' }
    case 'probe':
      return { to: 'probe' }
    case undefined:
    case 'unavailable':
    case 'error':
      if (f.account === 'absent') return NOBODY
      if (f.addressedTo === 'full') return f.match ? { to: 'resource' } : NOBODY
      // an error too: it is the only word on a subscription request that went nowhere
      return f.resources === 'none' ? NOBODY : { to: 'all-available' }
    default:
      return { to: 'sender', condition: 'bad-request' } // §4.7.1 names no other type
  }
}

/** A request is answered or delivered; an answer is delivered or dropped, never answered. */
function deliverIq(f: DeliveryFacts): DeliveryVerdict {
  const answer = f.type === 'result' || f.type === 'error'
  if (!answer && f.type !== 'get' && f.type !== 'set') return { to: 'sender', condition: 'bad-request' }
  if (f.account === 'absent') return answer ? NOBODY : UNAVAILABLE
  if (f.addressedTo === 'bare') return { to: 'account' }
  if (f.match) return { to: 'resource' }
  return answer ? NOBODY : UNAVAILABLE
}

/**
 * Where a stanza for a local account goes: RFC 6121 §8.5 and its table. The only place that decides it.
 * Whether the sender may know (blocking, subscription) is not asked here.
 */
export function deliver(facts: DeliveryFacts): DeliveryVerdict {
  switch (facts.kind) {
    case 'message':
      return deliverMessage(facts)
    case 'presence':
      return deliverPresence(facts)
    case 'iq':
      return deliverIq(facts)
  }
}

/** A resource of an account; `priority` is undefined while it is connected but not available. */
export interface Addressee {
  readonly priority: number | undefined
}

/** What `resources` of the facts says about these. */
export function availability(resources: Iterable<Addressee>): DeliveryFacts['resources'] {
  let found: DeliveryFacts['resources'] = 'none'
  for (const { priority } of resources) {
    if (priority === undefined) continue
    if (priority >= 0) return 'non-negative'
    found = 'negative'
  }
  return found
}

/** The resources that one of the verdicts over several means, in the order given. */
export function recipients<R extends Addressee>(
  verdict: 'highest' | 'all-non-negative' | 'all-available',
  resources: Iterable<R>,
): readonly R[] {
  const available: R[] = []
  let highest = 0
  for (const resource of resources) {
    if (resource.priority === undefined) continue
    available.push(resource)
    highest = Math.max(highest, resource.priority)
  }
  if (verdict === 'all-available') return available
  const least = verdict === 'highest' ? highest : 0
  return available.filter((r) => r.priority! >= least)
}
