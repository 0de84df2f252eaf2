import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { redactElement, redactStanza, redactText } from '../../../src/streams/redact.ts'
import type { Element } from '../../../src/xmpp/element.ts'
import { parseFragment } from '../../../src/xmpp/fragment.ts'

const one = (xml: string): Element => parseFragment(Buffer.from(xml))[0] as Element // each text here is one element

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const DB = 'jabber:server:dialback'

describe('what a trace does not show', () => {
  const arrives: readonly (readonly [string, string])[] = [
    [`<auth xmlns='${SASL}' mechanism='EXTERNAL'>c2VjcmV0</auth>`, 'c2VjcmV0'],
    [`<response xmlns='${SASL}'>c2VjcmV0</response>`, 'c2VjcmV0'],
    [`<success xmlns='${SASL}'>c2VjcmV0</success>`, 'c2VjcmV0'],
    [`<result xmlns='${DB}' from='a' to='b'>k3y</result>`, 'k3y'],
    [`<verify xmlns='${DB}' from='a' to='b' id='1'>k3y</verify>`, 'k3y'],
    [`<enabled xmlns='urn:xmpp:sm:3' id='s3cr3t' resume='true'/>`, 's3cr3t'],
    [`<resume xmlns='urn:xmpp:sm:3' previd='s3cr3t' h='1'/>`, 's3cr3t'],
    [
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='X'><initial-response>c2VjcmV0</initial-response></authenticate>`,
      'c2VjcmV0',
    ],
  ]
  for (const [xml, secret] of arrives) {
    test(`read: ${xml}`, () => {
      const shown = redactElement(one(xml)).toString()
      assert.ok(!shown.includes(secret), shown)
      assert.ok(shown.includes('[secret]'))
    })
    test(`written: ${xml}`, () => {
      const shown = redactText(`<?xml version='1.0'?>${xml}<stream:features/>`)
      assert.ok(!shown.includes(secret), shown)
      assert.ok(shown.endsWith('<stream:features/>'))
    })
  }

  test('the db prefix too, and what says why it failed stays', () => {
    assert.equal(redactText("<db:result from='a' to='b'>k3y</db:result>"), "<db:result from='a' to='b'>[secret]</db:result>")
    const failure = `<failure xmlns='${SASL}'><not-authorized/><text>go away</text></failure>`
    assert.equal(redactText(failure), failure)
    assert.equal(redactElement(one(failure)).toString(), failure)
  })
})

describe('stanzas', () => {
  const message = one(
    "<message xmlns='jabber:client' to='a@b' type='chat'><subject>top</subject><body>my words</body><x xmlns='u'><deep>more</deep></x></message>",
  )

  test('words become their length', () => {
    assert.equal(
      redactStanza(message, false).toString(),
      "<message to='a@b' type='chat'><subject>[3 characters]</subject><body>[8 characters]</body><x xmlns='u'><deep>[4 characters]</deep></x></message>",
    )
  })

  test('unless they are asked for; a password never is', () => {
    assert.equal(redactStanza(message, true).toString(), message.toString())
    const register = one(
      "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:register'><password>hunter2</password></query></iq>",
    )
    assert.match(redactStanza(register, true).toString(), /<password>\[secret\]<\/password>/)
  })

  test('an error is for operators', () => {
    const error = one(
      "<iq xmlns='jabber:client' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:x</gone></error></iq>",
    )
    assert.equal(redactStanza(error, false).toString(), error.toString())
  })
})
