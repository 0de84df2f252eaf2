/** RFC 6121 appendix A.1: the nine states of a contact, seen from the account whose roster it is. */
export const SUBSCRIPTION_STATES = [
  'none',
  'none+out',
  'none+in',
  'none+out+in',
  'to',
  'to+in',
  'from',
  'from+out',
  'both',
] as const
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number]

export type SubscriptionType = 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'

/** A roster item as clients see it (RFC 6121 §2.1.2); a pending request from the contact is not part of it. */
export interface SubscriptionAttrs {
  readonly subscription: 'none' | 'to' | 'from' | 'both'
  readonly ask: 'subscribe' | undefined
  readonly approved: boolean
}

export interface Subscription {
  readonly state: SubscriptionState
  /** Pre-approval: the contact's next request is granted without asking (RFC 6121 §3.4). */
  readonly approved: boolean
}

/** What a subscription stanza does to the account's side of it. */
export interface SubscriptionOutcome {
  readonly next: Subscription
  /** Outbound: does it go on to the contact? Inbound: do the account's own clients get it? */
  readonly pass: boolean
  /** The roster item has changed for its clients: a roster push is due. */
  readonly push: boolean
  /** What the contact's request is answered with at once, in the account's bare name (RFC 6121 §3.1.3). */
  readonly reply: 'subscribed' | undefined
  /**
   * The contact starts to see the account's presence, or sees it no more: each available resource's presence goes there,
   * or unavailable of each, which goes out before an outbound `unsubscribed` (RFC 6121 §3.1.5, §3.2.2, §3.3.3).
   */
  readonly presence: 'show' | 'hide' | undefined
}

/** The half that the contact grants us, and the half that we grant the contact; each none, pending or granted. */
type Half = 'no' | 'pending' | 'yes'
const to = (state: SubscriptionState): Half =>
  state === 'both' || state.startsWith('to') ? 'yes' : state.includes('+out') ? 'pending' : 'no'
const from = (state: SubscriptionState): Half =>
  state === 'both' || state.startsWith('from') ? 'yes' : state.includes('+in') ? 'pending' : 'no'

const JOINED: { readonly [T in Half]: { readonly [F in Half]: SubscriptionState } } = {
  no: { no: 'none', pending: 'none+in', yes: 'from' },
  pending: { no: 'none+out', pending: 'none+out+in', yes: 'from+out' },
  yes: { no: 'to', pending: 'to+in', yes: 'both' },
}

interface Move {
  readonly to?: Half
  readonly from?: Half
  readonly approved?: boolean
  readonly pass: boolean
  readonly reply?: 'subscribed'
}
const STAY: Move = { pass: false }

/** Appendix A.2. What the account says about its own request is routed even when it changes nothing; what it grants is not. */
const outbound: { readonly [T in SubscriptionType]: (s: Subscription) => Move } = {
  subscribe: (s) => ({ pass: true, to: to(s.state) === 'no' ? 'pending' : to(s.state) }),
  unsubscribe: () => ({ pass: true, to: 'no' }),
  subscribed: (s) => {
    if (from(s.state) === 'pending') return { pass: true, from: 'yes' }
    return from(s.state) === 'no' ? { pass: false, approved: true } : STAY // §3.4.2
  },
  unsubscribed: (s) => ({ pass: from(s.state) !== 'no', from: 'no', approved: false }),
}

/** Appendix A.3. The contact changes only what its half allows; the rest is silently dropped. */
const inbound: { readonly [T in SubscriptionType]: (s: Subscription) => Move } = {
  subscribe: (s) => {
    if (from(s.state) === 'yes') return { pass: false, reply: 'subscribed' }
    if (from(s.state) === 'pending') return STAY
    return s.approved ? { pass: false, from: 'yes', reply: 'subscribed' } : { pass: true, from: 'pending' }
  },
  unsubscribe: (s) => ({ pass: from(s.state) !== 'no', from: 'no' }),
  subscribed: (s) => (to(s.state) === 'pending' ? { pass: true, to: 'yes' } : STAY),
  unsubscribed: (s) => ({ pass: to(s.state) !== 'no', to: 'no' }),
}

/** How a client sees it; two states that differ only in the contact's pending request look the same. */
export function rosterAttrs({ state, approved }: Subscription): SubscriptionAttrs {
  const sees = to(state) === 'yes'
  const isSeen = from(state) === 'yes'
  return {
    subscription: sees ? (isSeen ? 'both' : 'to') : isSeen ? 'from' : 'none',
    ask: to(state) === 'pending' ? 'subscribe' : undefined,
    approved,
  }
}

/** Has the contact a request that the account has not answered? */
export const hasRequest = (state: SubscriptionState): boolean => from(state) === 'pending'

function outcome(before: Subscription, move: Move): SubscriptionOutcome {
  const state = JOINED[move.to ?? to(before.state)][move.from ?? from(before.state)]
  const next = { state, approved: move.approved ?? before.approved }
  const was = rosterAttrs(before)
  const is = rosterAttrs(next)
  const push = was.subscription !== is.subscription || was.ask !== is.ask || was.approved !== is.approved
  const wasSeen = from(before.state) === 'yes'
  const isSeen = from(state) === 'yes'
  const presence = wasSeen === isSeen ? undefined : isSeen ? 'show' : 'hide'
  return { next, pass: move.pass, push, reply: move.reply, presence }
}

/** The account sends a subscription stanza to the contact. RFC 6121 appendix A.2, §3.4.2. */
export function outboundSubscription(type: SubscriptionType, before: Subscription): SubscriptionOutcome {
  return outcome(before, outbound[type](before))
}

/** A subscription stanza of the contact arrives. RFC 6121 appendix A.3, §3.4.2. */
export function inboundSubscription(type: SubscriptionType, before: Subscription): SubscriptionOutcome {
  return outcome(before, inbound[type](before))
}
