import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseDocument } from '../../../src/xmpp/document.ts'
import { Element } from '../../../src/xmpp/element.ts'
import { StreamError } from '../../../src/xmpp/errors.ts'
import { PRE_AUTH_BUDGET } from '../../../src/xmpp/framer.ts'

const parse = (document: string | Uint8Array) => parseDocument(document, PRE_AUTH_BUDGET)

describe('parseDocument', () => {
  test('gives the tree, with namespaces as written', () => {
    const element = parse(
      `\ufeff<?xml version='1.0' encoding='UTF-8'?>\n<a xmlns='jabber:server' xmlns:p='u' p:x='1'>t<![CDATA[<]]><p:b/></a>\n`,
    )
    assert.ok(element instanceof Element)
    assert.deepEqual(
      [element.name, element.ns, element.text, element.attr('{u}x'), element.child('b', 'u')?.name],
      ['a', 'jabber:server', 't<', '1', 'b'],
    )
    assert.equal(parse('<a/>') instanceof Element, true)
  })

  for (const [document, condition] of [
    ['', 'not-well-formed'],
    ['  ', 'not-well-formed'],
    ['<a>', 'not-well-formed'],
    ['<a/><b/>', 'not-well-formed'],
    ['<a/>x', 'not-well-formed'],
    ['<a></b>', 'not-well-formed'],
    ['</>', 'not-well-formed'],
    ['<p:a/>', 'not-well-formed'],
    ['<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 'restricted-xml'],
    ['<a>&x;</a>', 'restricted-xml'],
    ['<a><!-- --></a>', 'restricted-xml'],
    ["<?xml version='1.0' encoding='latin1'?><a/>", 'unsupported-encoding'],
    [`<a>${'x'.repeat(10_000)}</a>`, 'policy-violation'],
    [`<a>${'<b/>'.repeat(64)}</a>`, 'policy-violation'],
  ] as const) {
    test(`${document.slice(0, 40)} -> ${condition}`, () => {
      const error = parse(document)
      assert.ok(error instanceof StreamError)
      assert.equal(error.condition, condition)
    })
  }

  test('bytes that are no UTF-8 are refused', () => {
    const error = parse(Uint8Array.of(0x3c, 0x61, 0x3e, 0xc0, 0x80, 0x3c, 0x2f, 0x61, 0x3e))
    assert.ok(error instanceof StreamError)
    assert.equal(error.condition, 'not-well-formed')
  })
})
