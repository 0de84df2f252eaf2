import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { judgeQuarantined, type QuarantineFacts } from '../../../src/policy/quarantine.ts'
import type { StanzaKind } from '../../../src/xmpp/stanza.ts'

describe('quarantine: what passes between a user and a stranger', () => {
  // kind  type  out to a stranger  in from a stranger  in from one who was asked
  const rows: readonly (readonly [StanzaKind, string | undefined, string, string, string])[] = [
    ['message', undefined, 'error', 'error', 'error'],
    ['message', 'chat', 'error', 'error', 'error'],
    ['message', 'groupchat', 'error', 'error', 'error'],
    ['message', 'error', 'drop', 'drop', 'drop'],
    ['iq', 'get', 'error', 'error', 'error'],
    ['iq', 'set', 'error', 'error', 'error'],
    ['iq', 'result', 'drop', 'drop', 'drop'],
    ['iq', 'error', 'drop', 'drop', 'drop'],
    ['presence', undefined, 'drop', 'drop', 'drop'],
    ['presence', 'unavailable', 'drop', 'drop', 'drop'],
    ['presence', 'probe', 'drop', 'drop', 'drop'],
    ['presence', 'error', 'drop', 'drop', 'drop'],
    ['presence', 'subscribe', 'pass', 'drop', 'drop'],
    ['presence', 'subscribed', 'pass', 'drop', 'pass'],
    ['presence', 'unsubscribe', 'pass', 'drop', 'drop'],
    ['presence', 'unsubscribed', 'pass', 'drop', 'pass'],
  ]
  for (const [kind, type, out, stranger, asked] of rows) {
    test(`${kind} ${type ?? ''}: out ${out}, in ${stranger}, from one who was asked ${asked}`, () => {
      const judge = (direction: QuarantineFacts['direction'], relation: QuarantineFacts['relation']) =>
        judgeQuarantined({ direction, kind, type, relation })
      assert.deepEqual([judge('out', 'stranger'), judge('in', 'stranger'), judge('in', 'asked')], [out, stranger, asked])
      assert.deepEqual([judge('out', 'contact'), judge('in', 'contact')], ['pass', 'pass'])
    })
  }
})
