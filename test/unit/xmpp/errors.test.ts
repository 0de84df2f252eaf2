import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { el } from '../../../src/xmpp/element.ts'
import {
  SASL_CONDITIONS,
  SaslError,
  STANZA_CONDITIONS,
  STREAM_CONDITIONS,
  type StanzaCondition,
  StanzaError,
  StreamError,
} from '../../../src/xmpp/errors.ts'
import { NS } from '../../../src/xmpp/ns.ts'

describe('stanza errors', () => {
  test('every condition of RFC 6120 §8.3.3 has its type', () => {
    assert.equal(Object.keys(STANZA_CONDITIONS).length, 22)
    for (const [condition, type] of Object.entries(STANZA_CONDITIONS)) {
      const error = new StanzaError(condition as StanzaCondition).toElement() // a key of that very table
      assert.equal(error.toString(), `<error type='${type}'><${condition} xmlns='${NS.stanzaErrors}'/></error>`)
    }
  })

  test('carry a text, a condition of the application and another type', () => {
    const error = new StanzaError('policy-violation', 'too <big>', { type: 'wait', extra: el('stanza-too-big', NS.errors) })
    assert.equal(
      error.toElement().toString(),
      `<error type='wait'><policy-violation xmlns='${NS.stanzaErrors}'/>` +
        `<text xmlns='${NS.stanzaErrors}' xml:lang='en'>too &lt;big&gt;</text><stanza-too-big xmlns='${NS.errors}'/></error>`,
    )
    assert.equal(error.message, 'too <big>')
  })

  test('keep what caused them for the log alone', () => {
    const cause = new RangeError('secret')
    const error = new StanzaError('internal-server-error', '', { cause })
    assert.equal(error.cause, cause)
    assert.ok(!error.toElement().toString().includes('secret'))
  })
})

describe('stream errors', () => {
  test('every condition of RFC 6120 §4.9.3 comes back', () => {
    assert.equal(new Set(STREAM_CONDITIONS).size, 25)
    for (const condition of STREAM_CONDITIONS) {
      const read = StreamError.fromElement(new StreamError(condition, 'why').toElement())
      assert.deepEqual([read.condition, read.text], [condition, 'why'])
    }
  })

  test('one that is not known counts as undefined-condition', () => {
    const error = el('error', NS.streams, {}, el('text', NS.streamErrors, {}, 'x'), el('no-such-thing', NS.streamErrors))
    assert.deepEqual(
      [StreamError.fromElement(error).condition, StreamError.fromElement(error).text],
      ['undefined-condition', 'x'],
    )
    assert.equal(StreamError.fromElement(el('error', NS.streams)).condition, 'undefined-condition')
  })
})

test('every SASL condition of RFC 6120 §6.5 is an element of its own', () => {
  assert.equal(new Set(SASL_CONDITIONS).size, 11)
  for (const condition of SASL_CONDITIONS) {
    assert.equal(new SaslError(condition).toElement().toString(), `<failure xmlns='${NS.sasl}'><${condition}/></failure>`)
  }
})
