import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { availability, type DeliveryFacts, type DeliveryVerdict, deliver, recipients } from '../../../src/policy/delivery.ts'

const say = (v: DeliveryVerdict): string => (v.to === 'sender' ? v.condition : v.to)
const facts: DeliveryFacts = {
  kind: 'message',
  type: 'chat',
  addressedTo: 'bare',
  account: 'exists',
  resources: 'non-negative',
  match: false,
  storesOffline: true,
}
const E = 'service-unavailable'

/** The situations of RFC 6121 §8.5.4, in its order. */
const SITUATIONS = {
  'no account, bare': { account: 'absent', resources: 'none' },
  'no account, full': { account: 'absent', resources: 'none', addressedTo: 'full' },
  'no resource, bare': { resources: 'none' },
  'no resource, full': { resources: 'none', addressedTo: 'full' },
  'negative only, bare': { resources: 'negative' },
  'negative only, full, match': { resources: 'negative', addressedTo: 'full', match: true },
  'negative only, full, gone': { resources: 'negative', addressedTo: 'full' },
  'present, bare': {},
  'present, full, match': { addressedTo: 'full', match: true },
  'present, full, gone': { addressedTo: 'full' },
} as const satisfies Readonly<Record<string, Partial<DeliveryFacts>>>

describe('messages', () => {
  const TYPES = ['normal', 'chat', 'headline', 'groupchat', 'error'] as const
  const table: readonly (readonly [keyof typeof SITUATIONS, ...string[]])[] = [
    //                             normal      chat        headline            groupchat   error
    ['no account, bare',           E,          E,          'nobody',           E,          'nobody'],
    ['no account, full',           E,          E,          'nobody',           E,          'nobody'],
    ['no resource, bare',          'offline',  'offline',  'nobody',           E,          'nobody'],
    ['no resource, full',          'offline',  'offline',  'nobody',           E,          'nobody'],
    ['negative only, bare',        'offline',  'offline',  'nobody',           E,          'nobody'],
    ['negative only, full, match', 'resource', 'resource', 'resource',         'resource', 'resource'],
    ['negative only, full, gone',  'offline',  'offline',  'nobody',           E,          'nobody'],
    ['present, bare',              'highest',  'highest',  'all-non-negative', E,          'nobody'],
    ['present, full, match',       'resource', 'resource', 'resource',         'resource', 'resource'],
    ['present, full, gone',        'highest',  'highest',  'nobody',           E,          'nobody'],
  ] // biome-ignore format: a table
  test('the table has every situation', () =>
    assert.deepEqual(
      table.map(([s]) => s),
      Object.keys(SITUATIONS),
    ))
  for (const [situation, ...expected] of table) {
    TYPES.forEach((type, i) => {
      test(`${type}: ${situation} → ${expected[i]}`, () => {
        assert.equal(say(deliver({ ...facts, ...SITUATIONS[situation], type })), expected[i])
        const kept = say(deliver({ ...facts, ...SITUATIONS[situation], type, storesOffline: false }))
        assert.equal(kept, expected[i] === 'offline' ? E : expected[i], 'without offline storage')
      })
    })
  }
  test('no type and an unknown type count as normal', () => {
    for (const type of [undefined, 'novelty', '__proto__', 'constructor'])
      for (const situation of Object.values(SITUATIONS))
        assert.deepEqual(deliver({ ...facts, ...situation, type }), deliver({ ...facts, ...situation, type: 'normal' }))
  })
  test('a connected resource without presence is reached by its full address only', () => {
    assert.equal(say(deliver({ ...facts, resources: 'none', addressedTo: 'full', match: true })), 'resource')
    assert.equal(say(deliver({ ...facts, resources: 'none' })), 'offline')
  })
})

describe('presence and iq', () => {
  const TYPES = ['available', 'unavailable', 'presence error', 'get', 'set', 'result', 'iq error'] as const
  const N = 'nobody'
  const R = 'resource'
  const A = 'all-available'
  const table: readonly (readonly [keyof typeof SITUATIONS, ...string[]])[] = [
    //                             available unavail. error  get        set        result     error
    ['no account, bare',           N,        N,       N,     E,         E,         N,         N],
    ['no account, full',           N,        N,       N,     E,         E,         N,         N],
    ['no resource, bare',          N,        N,       N,     'account', 'account', 'account', 'account'],
    ['no resource, full',          N,        N,       N,     E,         E,         N,         N],
    ['negative only, bare',        A,        A,       A,     'account', 'account', 'account', 'account'],
    ['negative only, full, match', R,        R,       R,     R,         R,         R,         R],
    ['negative only, full, gone',  N,        N,       N,     E,         E,         N,         N],
    ['present, bare',              A,        A,       A,     'account', 'account', 'account', 'account'],
    ['present, full, match',       R,        R,       R,     R,         R,         R,         R],
    ['present, full, gone',        N,        N,       N,     E,         E,         N,         N],
  ] // biome-ignore format: a table
  test('the table has every situation', () =>
    assert.deepEqual(
      table.map(([s]) => s),
      Object.keys(SITUATIONS),
    ))
  for (const [situation, ...expected] of table) {
    TYPES.forEach((name, i) => {
      const kind = i < 3 ? 'presence' : 'iq'
      const type = name === 'available' ? undefined : name.split(' ').at(-1)
      test(`${kind} ${name}: ${situation} → ${expected[i]}`, () =>
        assert.equal(say(deliver({ ...facts, ...SITUATIONS[situation], kind, type })), expected[i]))
    })
  }
  for (const type of ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'probe']) {
    test(`${type} goes by its own rules, whatever the address`, () => {
      for (const situation of Object.values(SITUATIONS)) {
        const gone = 'account' in situation && type !== 'probe'
        const expected = gone ? 'nobody' : type === 'probe' ? 'probe' : 'subscription'
        assert.equal(say(deliver({ ...facts, ...situation, kind: 'presence', type })), expected)
      }
    })
  }
  test('types that do not exist', () => {
    assert.equal(say(deliver({ ...facts, kind: 'presence', type: 'here' })), 'bad-request')
    assert.equal(say(deliver({ ...facts, kind: 'iq', type: undefined })), 'bad-request')
    assert.equal(say(deliver({ ...facts, kind: 'iq', type: 'put' })), 'bad-request')
  })
})

test('no answer to an answer: over all facts an error or a result is never bounced', () => {
  for (const situation of Object.values(SITUATIONS))
    for (const [kind, type] of [
      ['message', 'error'],
      ['presence', 'error'],
      ['iq', 'error'],
      ['iq', 'result'],
    ] as const)
      for (const storesOffline of [true, false])
        assert.notEqual(deliver({ ...facts, ...situation, kind, type, storesOffline }).to, 'sender')
})

test('a sender of presence or iq cannot tell an absent account from a resource that is not there', () => {
  for (const [kind, type] of [
    ['iq', 'get'],
    ['iq', 'set'],
    ['presence', undefined],
    ['presence', 'probe'],
  ] as const) {
    const absent = deliver({ ...facts, kind, type, addressedTo: 'full', account: 'absent', resources: 'none' })
    for (const resources of ['none', 'negative', 'non-negative'] as const)
      assert.deepEqual(deliver({ ...facts, kind, type, addressedTo: 'full', resources }), absent)
  }
})

describe('resources', () => {
  const r = (name: string, priority: number | undefined) => ({ name, priority })
  const all = [r('phone', 1), r('desk', 5), r('bot', -1), r('new', undefined), r('tablet', 5), r('web', 0)]
  const names = (verdict: Parameters<typeof recipients>[0], of = all): string =>
    recipients(verdict, of)
      .map((x) => x.name)
      .join(' ')
  test('availability', () => {
    assert.equal(availability([]), 'none')
    assert.equal(availability([r('new', undefined)]), 'none')
    assert.equal(availability([r('bot', -1), r('new', undefined)]), 'negative')
    assert.equal(availability([r('bot', -1), r('web', 0)]), 'non-negative')
  })
  test('highest: all that share it', () => assert.equal(names('highest'), 'desk tablet'))
  test('highest is never negative', () => assert.equal(names('highest', [r('bot', -1)]), ''))
  test('highest may be zero', () => assert.equal(names('highest', [r('bot', -1), r('web', 0)]), 'web'))
  test('all that are not negative', () => assert.equal(names('all-non-negative'), 'phone desk tablet web'))
  test('all available', () => assert.equal(names('all-available'), 'phone desk bot tablet web'))
})
