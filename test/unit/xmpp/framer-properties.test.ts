import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Element } from '../../../src/xmpp/element.ts'
import { parseFragment } from '../../../src/xmpp/fragment.ts'
import { parseJid } from '../../../src/xmpp/jid.ts'
import { treeNs } from '../../../src/xmpp/namespaces.ts'
import { NS } from '../../../src/xmpp/ns.ts'
import { serialize } from '../../../src/xmpp/serialize.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'
import { bytesOf, CLIENT, frame, header, recorder, type Said, STREAMS, stanzaOf, transcript } from './record.ts'
import { oracle } from './saxes-oracle.ts'
import { styled, text, tree } from './trees.ts'

const RUNS = { numRuns: 400 }
const kind = fc.constantFrom('message' as const, 'presence' as const, 'iq' as const)
const content = fc.constantFrom('jabber:client', 'jabber:server', 'jabber:component:accept')
/** A source of choices that shrinks with the case. */
const choices = fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }).map((numbers) => {
  let i = 0
  return (n: number): number => numbers[i++ % numbers.length]! % n
})
const stanza = fc
  .tuple(kind, fc.array(fc.oneof(tree, text), { maxLength: 4 }), text)
  .map(([k, nodes, id]) => Stanza.of(k, { id, to: parseJid('a.example') }, ...nodes.filter((n) => n !== '')))

/** Pieces to break documents with. */
const shard = fc.constantFrom(
  ...[
    '<',
    '>',
    '/',
    '&',
    ';',
    "'",
    '"',
    '=',
    ' ',
    ':',
    ']',
    ']]>',
    '<![CDATA[',
    '<!--',
    '<?x ?>',
    '&#0;',
    '&#x41;',
    '&lt;',
    '&foo;',
  ],
  ...[
    "xmlns=''",
    "xmlns='jabber:client'",
    " xmlns:p='u'",
    ' p:a=""',
    'p:',
    'xml:',
    '<a>',
    '</a>',
    '<b/>',
    '\r',
    '\n',
    '\t',
    '\x01',
  ],
  ...['\ufffe', '\u00d7', '\u0300', '-', '1', 'a', '</stream:stream>', '</message>', "<message to='a'>", 'stream:', 'xmlns:'],
)
const broken = fc
  .tuple(
    fc.array(fc.oneof(tree, stanza), { minLength: 1, maxLength: 3 }),
    choices,
    fc.array(fc.tuple(fc.nat(), fc.nat(3), shard), { maxLength: 3 }),
  )
  .map(([items, choose, edits]) => {
    let out = items.map((i) => styled(i instanceof Element ? i : i.toElement(), 'jabber:client', choose)).join(' ')
    for (const [at, cut, piece] of edits) {
      const p = at % (out.length + 1)
      out = out.slice(0, p) + piece + out.slice(p + cut)
    }
    return out.toWellFormed()
  })

test('any chunking of the same bytes gives the same events', () => {
  fc.assert(
    fc.property(broken, fc.array(fc.nat(30), { minLength: 1, maxLength: 10 }), (xml, sizes) => {
      const bytes = bytesOf(CLIENT + xml)
      const { framer, log } = recorder()
      for (let p = 0, i = 0; p < bytes.length; i++) {
        const size = sizes[i % sizes.length]! + 1
        framer.push(bytes.slice(p, p + size))
        p += size
      }
      assert.deepEqual(transcript(log), transcript(frame(bytes)))
      assert.deepEqual(transcript(frame(bytes, 1)), transcript(log))
    }),
    RUNS,
  )
})

test('what is told of a beginning stays true whatever follows', () => {
  fc.assert(
    fc.property(broken, fc.nat(), (xml, at) => {
      const bytes = bytesOf(CLIENT + xml)
      const told = transcript(frame(bytes.slice(0, at % (bytes.length + 1))))
      assert.deepEqual(transcript(frame(bytes)).slice(0, told.length), told)
    }),
    RUNS,
  )
})

test('a tree written by the serializer comes back from the framer', () => {
  fc.assert(
    fc.property(kind, fc.array(tree, { maxLength: 3 }), content, (k, children, ns) => {
      const wire = Stanza.of(k, {}, ...children).toString()
      assert.deepEqual(stanzaOf(wire, ns).nodes, children)
      assert.deepEqual(parseFragment(bytesOf(children.map((c) => serialize(c, NS.client)).join(''))), children)
    }),
    RUNS,
  )
})

test('whatever way a stanza is written, it means the same, and so does what we write for it, on every kind of stream', () => {
  fc.assert(
    fc.property(stanza, choices, content, (s, choose, ns) => {
      const element = s.toElement()
      const first = stanzaOf(styled(new Element(element.name, ns, element.attrs, element.nodes), ns, choose), ns)
      const expected = stanzaOf(s.toString()).toElement()
      assert.deepEqual(first.toElement(), expected)
      const again = stanzaOf(first.toString(), 'jabber:server')
      assert.deepEqual(again.toElement(), expected)
      assert.deepEqual(again.entries, first.entries)
      assert.equal(again.toString(), first.toString())
    }),
    RUNS,
  )
})

test('with, without and append agree with the tree', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(tree, text), { maxLength: 5 }), tree, fc.nat(7), text, (nodes, added, bits, id) => {
      const s = stanzaOf(Stanza.of('message', { id: 'x', extra: [['{u}a', 'b']] }, ...nodes).toString())
      const { children } = s.toElement()
      const doomed = (i: number): boolean => ((bits >> (i % 3)) & 1) === 1
      const doomedEntries = new Set(s.entries.filter((_, i) => doomed(i)))
      const shorter = s.without((entry) => doomedEntries.has(entry))
      const left = s.nodes.filter((n) => typeof n === 'string' || !doomed(children.indexOf(n)))
      assert.equal(shorter.toElement().toString(), s.toElement().withNodes(left).toString())
      assert.deepEqual(
        shorter.entries.map((e) => parseFragment(shorter.inside.subarray(e.start, e.end))[0]),
        children.filter((_, i) => !doomed(i)),
      )
      const longer = s.append(added)
      assert.deepEqual(longer.nodes, [...s.nodes, added])
      assert.deepEqual(longer.without((e) => e === longer.entries.at(-1)).nodes, s.nodes)
      assert.deepEqual(s.with({ id }).toElement(), s.toElement().withAttrs({ id }))
      assert.deepEqual(s.settled().nodes, s.nodes)
    }),
    RUNS,
  )
})

/** A stanza or element as the oracle shows it. Addresses are left out: ours are in enforced form. The content namespaces are one. */
function shown(said: Said): unknown {
  const element = said.on === 'stanza' ? said.stanza.toElement() : said.on === 'element' ? said.element : undefined
  return element === undefined ? said.on : plain(element, 0)
}
function plain(element: Element, depth: number): unknown {
  const { name, ns, attrs, nodes } = depth === 0 ? element.withAttrs({ to: undefined, from: undefined }) : element
  return [name, treeNs(ns), [...attrs].sort(), nodes.map((n) => (typeof n === 'string' ? n : plain(n, 1)))]
}

function agree(stream: string): void {
  const log = frame(stream)
  const expected = oracle(stream)
  if (expected === undefined) return
  const last = log.at(-1)
  const refused = last?.on === 'fault'
  // saxes waits for the end of a comment
  if (refused && last.condition === 'restricted-xml' && /<[!?]/.test(stream)) return
  // it waits for the end of a CDATA section too, and white space by reference between two elements is white space to it
  if (refused && last.condition === 'bad-format' && /&#x(?:20|9|a|d);|<!\[/.test(stream)) return
  assert.equal(refused, !expected.accepted, transcript(log).at(-1) ?? 'nothing was said')
  const ours = log.filter((said) => said.on === 'stanza' || said.on === 'element').map(shown)
  assert.deepEqual(
    ours,
    expected.items.map((element) => plain(element, 0)),
  )
}

test('saxes accepts the same documents and sees the same trees', () => {
  fc.assert(
    fc.property(broken, fc.constantFrom(CLIENT, header('jabber:server'), `<stream xmlns='${STREAMS}'>`), (xml, start) =>
      agree(start + xml),
    ),
    { numRuns: 1500 },
  )
})
