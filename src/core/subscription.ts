import {
  hasRequest,
  inboundSubscription,
  outboundSubscription,
  rosterAttrs,
  type Subscription,
  type SubscriptionOutcome,
  type SubscriptionState,
  type SubscriptionType,
} from '../policy/subscription.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Roster, RosterChange, RosterItem } from './rosters.ts'

const TYPES: readonly SubscriptionType[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']

/** The subscription type of a presence, undefined for any other presence. */
export function subscriptionType(type: string | undefined): SubscriptionType | undefined {
  return TYPES.find((t) => t === type)
}

/** What a subscription stanza means for one side's roster: what to do, and what to store. */
export interface SubscriptionStep {
  readonly outcome: SubscriptionOutcome
  readonly changes: readonly RosterChange[]
  /** The item as it is afterwards, for the push; undefined when there is none. */
  readonly item: RosterItem | undefined
}

/**
 * Runs a subscription stanza through RFC 6121 appendix A against a roster, without changing it.
 *
 * @param stanza the stanza as XML, kept while a request waits for its answer (§3.1.3)
 */
export function subscriptionStep(
  direction: 'out' | 'in',
  type: SubscriptionType,
  roster: Roster,
  contact: Jid,
  stanza: string,
): SubscriptionStep {
  const item = roster.item(contact)
  const waits = roster.requests.has(contact.toString())
  const before: Subscription = { state: stateOf(item, waits), approved: item?.approved === true }
  const outcome = (direction === 'out' ? outboundSubscription : inboundSubscription)(type, before)
  const changes: RosterChange[] = []
  const after = rosterAttrs(outcome.next)
  let changed = item
  if (outcome.push) {
    changed = {
      jid: contact,
      name: item?.name ?? '',
      groups: item?.groups ?? [],
      subscription: after.subscription,
      ask: after.ask !== undefined,
      approved: after.approved,
    }
    changes.push({ put: changed })
  }
  const stillWaits = hasRequest(outcome.next.state)
  if (stillWaits && !waits) changes.push({ request: contact, stanza })
  if (!stillWaits && waits) changes.push({ answered: contact })
  return { outcome, changes, item: changed }
}

function stateOf(item: RosterItem | undefined, waits: boolean): SubscriptionState {
  const out = item?.ask === true
  switch (item?.subscription) {
    case 'both':
      return 'both'
    case 'to':
      return waits ? 'to+in' : 'to'
    case 'from':
      return out ? 'from+out' : 'from'
    default:
      if (out) return waits ? 'none+out+in' : 'none+out'
      return waits ? 'none+in' : 'none'
  }
}
