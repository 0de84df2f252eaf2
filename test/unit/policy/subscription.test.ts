import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  hasRequest,
  inboundSubscription,
  outboundSubscription,
  rosterAttrs,
  SUBSCRIPTION_STATES,
  type SubscriptionState,
  type SubscriptionType,
} from '../../../src/policy/subscription.ts'

type Row = readonly [SubscriptionState, 'yes' | 'no', SubscriptionState]

/** RFC 6121 appendix A as it stands there: state, route or deliver, new state. */
const OUTBOUND: { readonly [T in SubscriptionType]: readonly Row[] } = {
  subscribe: [
    ['none', 'yes', 'none+out'],
    ['none+out', 'yes', 'none+out'],
    ['none+in', 'yes', 'none+out+in'],
    ['none+out+in', 'yes', 'none+out+in'],
    ['to', 'yes', 'to'],
    ['to+in', 'yes', 'to+in'],
    ['from', 'yes', 'from+out'],
    ['from+out', 'yes', 'from+out'],
    ['both', 'yes', 'both'],
  ],
  unsubscribe: [
    ['none', 'yes', 'none'],
    ['none+out', 'yes', 'none'],
    ['none+in', 'yes', 'none+in'],
    ['none+out+in', 'yes', 'none+in'],
    ['to', 'yes', 'none'],
    ['to+in', 'yes', 'none+in'],
    ['from', 'yes', 'from'],
    ['from+out', 'yes', 'from'],
    ['both', 'yes', 'from'],
  ],
  subscribed: [
    ['none', 'no', 'none'],
    ['none+out', 'no', 'none+out'],
    ['none+in', 'yes', 'from'],
    ['none+out+in', 'yes', 'from+out'],
    ['to', 'no', 'to'],
    ['to+in', 'yes', 'both'],
    ['from', 'no', 'from'],
    ['from+out', 'no', 'from+out'],
    ['both', 'no', 'both'],
  ],
  unsubscribed: [
    ['none', 'no', 'none'],
    ['none+out', 'no', 'none+out'],
    ['none+in', 'yes', 'none'],
    ['none+out+in', 'yes', 'none+out'],
    ['to', 'no', 'to'],
    ['to+in', 'yes', 'to'],
    ['from', 'yes', 'none'],
    ['from+out', 'yes', 'none+out'],
    ['both', 'yes', 'to'],
  ],
}
const INBOUND: { readonly [T in SubscriptionType]: readonly Row[] } = {
  subscribe: [
    ['none', 'yes', 'none+in'],
    ['none+out', 'yes', 'none+out+in'],
    ['none+in', 'no', 'none+in'],
    ['none+out+in', 'no', 'none+out+in'],
    ['to', 'yes', 'to+in'],
    ['to+in', 'no', 'to+in'],
    ['from', 'no', 'from'],
    ['from+out', 'no', 'from+out'],
    ['both', 'no', 'both'],
  ],
  unsubscribe: [
    ['none', 'no', 'none'],
    ['none+out', 'no', 'none+out'],
    ['none+in', 'yes', 'none'],
    ['none+out+in', 'yes', 'none+out'],
    ['to', 'no', 'to'],
    ['to+in', 'yes', 'to'],
    ['from', 'yes', 'none'],
    ['from+out', 'yes', 'none+out'],
    ['both', 'yes', 'to'],
  ],
  subscribed: [
    ['none', 'no', 'none'],
    ['none+out', 'yes', 'to'],
    ['none+in', 'no', 'none+in'],
    ['none+out+in', 'yes', 'to+in'],
    ['to', 'no', 'to'],
    ['to+in', 'no', 'to+in'],
    ['from', 'no', 'from'],
    ['from+out', 'yes', 'both'],
    ['both', 'no', 'both'],
  ],
  unsubscribed: [
    ['none', 'no', 'none'],
    ['none+out', 'yes', 'none'],
    ['none+in', 'no', 'none+in'],
    ['none+out+in', 'yes', 'none+in'],
    ['to', 'yes', 'none'],
    ['to+in', 'yes', 'none+in'],
    ['from', 'no', 'from'],
    ['from+out', 'yes', 'from'],
    ['both', 'yes', 'from'],
  ],
}
const TYPES: readonly SubscriptionType[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']
const both = [
  ['outbound', outboundSubscription, OUTBOUND],
  ['inbound', inboundSubscription, INBOUND],
] as const

for (const [direction, decide, tables] of both) {
  describe(direction, () => {
    for (const type of TYPES) {
      test(`the table of ${type} has every state once`, () =>
        assert.deepEqual(
          tables[type].map(([s]) => s),
          SUBSCRIPTION_STATES,
        ))
      for (const [state, passes, expected] of tables[type]) {
        test(`${type} in ${state} → ${passes}, ${expected}`, () => {
          const got = decide(type, { state, approved: false })
          assert.equal(got.pass ? 'yes' : 'no', passes)
          assert.equal(got.next.state, expected)
        })
      }
    }
  })
}

describe('what follows from a change', () => {
  for (const [direction, decide] of both) {
    test(`${direction}: push, presence and reply over all states and flags`, () => {
      for (const type of TYPES) {
        for (const state of SUBSCRIPTION_STATES) {
          for (const approved of [true, false]) {
            const before = { state, approved }
            const got = decide(type, before)
            const where = `${direction} ${type} in ${state}${approved ? ' approved' : ''}`
            const changed = JSON.stringify(rosterAttrs(before)) !== JSON.stringify(rosterAttrs(got.next))
            assert.equal(got.push, changed, where)
            const seen = (s: SubscriptionState): boolean =>
              ['from', 'both'].includes(rosterAttrs({ state: s, approved }).subscription)
            const expected = seen(state) === seen(got.next.state) ? undefined : seen(state) ? 'hide' : 'show'
            assert.equal(got.presence, expected, where)
            const answers = direction === 'inbound' && type === 'subscribe' && (seen(state) || (approved && !hasRequest(state)))
            assert.equal(got.reply, answers ? 'subscribed' : undefined, where)
            assert.ok(!(got.reply !== undefined && got.pass), where)
          }
        }
      }
    })
  }
})

describe('pre-approval (RFC 6121 §3.4)', () => {
  const cases = [
    ['granting before the request: noted, not routed', outboundSubscription('subscribed', { state: 'none', approved: false }), 'none', true, false, true],
    ['the request then is granted at once', inboundSubscription('subscribe', { state: 'none', approved: true }), 'from', true, false, true],
    ['also while ours is pending', inboundSubscription('subscribe', { state: 'none+out', approved: true }), 'from+out', true, false, true],
    ['also when we see them already', inboundSubscription('subscribe', { state: 'to', approved: true }), 'both', true, false, true],
    ['taken back: not routed', outboundSubscription('unsubscribed', { state: 'to', approved: true }), 'to', false, false, true],
    ['taken back together with the subscription', outboundSubscription('unsubscribed', { state: 'both', approved: true }), 'to', false, true, true],
    ['granting twice', outboundSubscription('subscribed', { state: 'from', approved: false }), 'from', false, false, false],
    ['answering a request is no pre-approval', outboundSubscription('subscribed', { state: 'none+in', approved: false }), 'from', false, true, true],
  ] as const // biome-ignore format: a table
  for (const [name, got, state, approved, pass, push] of cases)
    test(name, () => assert.deepEqual([got.next.state, got.next.approved, got.pass, got.push], [state, approved, pass, push]))
})

test('the roster shows a pending request of ours and never one of theirs', () => {
  const shown = SUBSCRIPTION_STATES.map((state) => {
    const { subscription, ask } = rosterAttrs({ state, approved: false })
    return `${state}: ${subscription}${ask === undefined ? '' : ' ask'}`
  })
  assert.deepEqual(shown, [
    'none: none', 'none+out: none ask', 'none+in: none', 'none+out+in: none ask',
    'to: to', 'to+in: to', 'from: from', 'from+out: from ask', 'both: both',
  ]) // biome-ignore format: pairs
  assert.deepEqual(SUBSCRIPTION_STATES.filter(hasRequest), ['none+in', 'none+out+in', 'to+in'])
})
