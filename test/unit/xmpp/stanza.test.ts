import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StanzaError } from '../../../src/xmpp/errors.ts'
import { jid } from '../../../src/xmpp/jid.ts'
import { NS } from '../../../src/xmpp/ns.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'
import { stanzaOf } from './record.ts'

const GREETING =
  "<message from='a@b.example/c' to='d@e.example' type='chat' id='1'><body>hi</body><x xmlns='u'/><x xmlns='v'/></message>"

describe('a stanza', () => {
  test('finds children by name and namespace, from its bytes and from its tree', () => {
    for (const stanza of [stanzaOf(GREETING), Stanza.of('message', {}, ...stanzaOf(GREETING).nodes)]) {
      assert.ok(stanza.has('body'))
      assert.ok(stanza.has('x', 'v'))
      assert.ok(!stanza.has('x'))
      assert.equal(stanza.child('body')?.text, 'hi')
      assert.equal(stanza.child('x', 'v')?.ns, 'v')
      assert.equal(stanza.child('x', 'w'), undefined)
    }
  })

  test('with changes the start tag and shares the bytes', () => {
    const stanza = stanzaOf(GREETING)
    const changed = stanza.with({ from: jid('f@g.example'), type: undefined })
    assert.equal(changed.inside, stanza.inside)
    assert.equal(
      changed.toString(),
      "<message to='d@e.example' from='f@g.example' id='1'><body>hi</body><x xmlns='u'/><x xmlns='v'/></message>",
    )
    assert.equal(stanza.type, 'chat')
  })

  test('with forgets that an address was malformed only when that address is given', () => {
    const stanza = stanzaOf("<iq to='@'/>")
    assert.equal(stanza.with({ from: jid('a.example') }).malformed, 'to')
    assert.equal(stanza.with({ to: jid('a.example') }).malformed, undefined)
  })

  test('without gives itself when nothing goes', () => {
    const stanza = stanzaOf(GREETING)
    assert.equal(
      stanza.without(() => false),
      stanza,
    )
    assert.equal(
      stanza.without((e) => e.ns === 'u').toString(),
      GREETING.replace("<x xmlns='u'/>", '').replace(/from='.*?' to='.*?'/, "to='d@e.example' from='a@b.example/c'"),
    )
  })

  test('settled owns its bytes', () => {
    const settled = stanzaOf(GREETING).settled()
    assert.ok(settled.inside.buffer.byteLength <= settled.inside.byteLength + 64)
    assert.equal(settled.settled(), settled)
    assert.equal(settled.toString(), stanzaOf(GREETING).toString())
  })

  test('stands alone with its namespace where it must', () => {
    assert.equal(Stanza.of('iq', { id: 'a' }).toString('jabber:client'), "<iq xmlns='jabber:client' id='a'/>")
  })

  test('has a payload, an answer and an error', () => {
    const iq = stanzaOf("<iq from='a@b.example/c' to='d.example' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert.ok(iq.payload?.is('ping', NS.ping))
    assert.equal(iq.result().toString(), "<iq to='a@b.example/c' from='d.example' type='result' id='1'/>")
    assert.ok(iq.result().isAnswer)
    const error = iq.error(new StanzaError('service-unavailable'))
    assert.equal(error.type, 'error')
    assert.ok(error.isAnswer)
    assert.ok(!iq.isAnswer)
    assert.equal(Stanza.of('iq', {}).payload, undefined)
  })
})
