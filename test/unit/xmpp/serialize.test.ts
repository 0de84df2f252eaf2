import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Element, el } from '../../../src/xmpp/element.ts'
import { NS } from '../../../src/xmpp/ns.ts'
import { escapeAttr, escapeText, serialize } from '../../../src/xmpp/serialize.ts'

describe('escaping', () => {
  const table: readonly (readonly [string, string, string])[] = [
    // value, as text, as attribute
    ['plain é 😀', 'plain é 😀', 'plain é 😀'],
    ['a & b', 'a &amp; b', 'a &amp; b'],
    ['<a>', '&lt;a&gt;', '&lt;a&gt;'],
    [']]>', ']]&gt;', ']]&gt;'],
    [`'"`, `'"`, '&apos;&quot;'],
    ['\t\n\r', '\t\n&#13;', '&#9;&#10;&#13;'],
    ['&amp;', '&amp;amp;', '&amp;amp;'],
    ['\0\x1f\x0b', '\ufffd\ufffd\ufffd', '\ufffd\ufffd\ufffd'],
    ['\ud83d', '\ufffd', '\ufffd'],
    ['\udc00x', '\ufffdx', '\ufffdx'],
    ['\ufffe\uffff', '\ufffd\ufffd', '\ufffd\ufffd'],
    ['\x7f\x85\ufffd', '\x7f\x85\ufffd', '\x7f\x85\ufffd'],
  ]
  for (const [value, text, attr] of table) {
    test(JSON.stringify(value), () => {
      assert.equal(escapeText(value), text)
      assert.equal(escapeAttr(value), attr)
    })
  }
})

describe('serialize', () => {
  test('declares a namespace only where it changes', () => {
    const element = el('a', 'u', {}, el('b', 'u', {}, el('c', 'v')), el('d', ''))
    assert.equal(serialize(element, 'u'), "<a><b><c xmlns='v'/></b><d xmlns=''/></a>")
    assert.equal(serialize(element, NS.client), "<a xmlns='u'><b><c xmlns='v'/></b><d xmlns=''/></a>")
  })

  test('gives attributes of a namespace a prefix, those of xml their own', () => {
    assert.equal(
      serialize(
        new Element(
          'a',
          'u',
          new Map([
            ['{v}b', '1'],
            ['xml:lang', 'de'],
            ['{w}}c', '2'],
          ]),
          [],
        ),
        'u',
      ),
      "<a xmlns:ns0='v' ns0:b='1' xml:lang='de' xmlns:ns1='w}' ns1:c='2'/>",
    )
  })

  test('writes an element of the xml namespace with its prefix; what is in it inherits as before', () => {
    assert.equal(serialize(el('a', NS.xml, {}, el('b', 'u')), 'u'), '<xml:a><b/></xml:a>')
  })

  test('Element.toString is for a place under the content namespace', () => {
    assert.equal(el('body', NS.client, {}, 'x').toString(), '<body>x</body>')
    assert.equal(el('body', NS.client).toString(''), "<body xmlns='jabber:client'/>")
  })
})
