import fc from 'fast-check'
import { Element, type Node } from '../../../src/xmpp/element.ts'

const name = fc.constantFrom('a', 'b', 'body', 'message', 'x1', 'stream', 'é', 'a-b.c', '__proto__', 'ж')
const ns = fc.constantFrom('jabber:client', 'u', 'urn:v', '', 'q\'&<"> \t', 'http://www.w3.org/XML/1998/namespace')
const key = fc.oneof(
  name,
  fc.constantFrom('xml:lang', 'xml:space', 'to', 'type'),
  fc.tuple(fc.constantFrom('u', 'urn:}', 'jabber:server'), name).map(([uri, local]) => `{${uri}}${local}`),
)
/** Characters that XML can carry, the special ones often. */
export const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('&', '<', '>', "'", '"', ']', '\r', '\n', '\t', ' ', '\u0085', '\ufeff', '\ufffd', '€', '😀', '\x7f'),
    fc.constantFrom('a', 'b', ';', '#', '&amp;', ']]>'),
  ),
  maxLength: 12,
})

/** Trees as a parser gives them: no empty strings, no two strings beside each other. */
export const tree: fc.Arbitrary<Element> = fc.letrec<{ element: Element; nodes: readonly Node[] }>((tie) => ({
  nodes: fc.array(fc.oneof({ depthSize: 'small' }, text, tie('element')), { maxLength: 4 }).map(joined),
  element: fc
    .tuple(name, ns, fc.array(fc.tuple(key, text), { maxLength: 4 }), tie('nodes'))
    .map(([n, uri, attrs, nodes]) => new Element(n, uri, new Map(attrs), nodes)),
})).element

function joined(nodes: readonly Node[]): readonly Node[] {
  const out: Node[] = []
  for (const node of nodes) {
    if (node === '') continue
    const last = out.at(-1)
    if (typeof node === 'string' && typeof last === 'string') out[out.length - 1] = last + node
    else out.push(node)
  }
  return out
}

/** Writes a tree in one of the many ways that mean the same: `choose(n)` decides, 0 to n - 1. */
export function styled(element: Element, inherited: string, choose: (n: number) => number): string {
  const prefix = element.ns === 'http://www.w3.org/XML/1998/namespace' ? 'xml' : element.ns !== '' && choose(4) === 0 ? 'p' : ''
  const attrs: string[] = []
  if (prefix === 'p') attrs.push(`xmlns:p=${quoted(element.ns, choose)}`)
  else if (prefix === '' && (element.ns !== inherited || choose(8) === 0)) attrs.push(`xmlns=${quoted(element.ns, choose)}`)
  let n = 0
  for (const [k, value] of element.attrs) {
    const end = k.lastIndexOf('}')
    if (end === -1) attrs.push(`${k}=${quoted(value, choose)}`)
    else attrs.push(`q${n}:${k.slice(end + 1)} = ${quoted(value, choose)}`, `xmlns:q${n++}=${quoted(k.slice(1, end), choose)}`)
  }
  const scope = prefix === '' ? element.ns : inherited
  const tag = prefix === '' ? element.name : `${prefix}:${element.name}`
  const start = `<${[tag, ...attrs].join(choose(5) === 0 ? '\n\t' : ' ')}`
  if (element.nodes.length === 0 && choose(2) === 0) return `${start}/>`
  const inside = element.nodes.map((node) => (typeof node === 'string' ? written(node, choose) : styled(node, scope, choose)))
  return `${start}>${inside.join('')}</${tag}${choose(6) === 0 ? ' ' : ''}>`
}

const hex = (c: string): string => `&#x${c.codePointAt(0)!.toString(16)};`

function written(value: string, choose: (n: number) => number): string {
  if (choose(5) === 0 && !value.includes(']]>') && !value.includes('\r')) return `<![CDATA[${value}]]>`
  return Array.from(value, (c) =>
    '&<>\r'.includes(c) || choose(10) === 0 ? hex(c) : c === '\n' && choose(3) === 0 ? '\r\n' : c,
  ).join('')
}

function quoted(value: string, choose: (n: number) => number): string {
  const quote = choose(2) === 0 ? "'" : '"'
  const inside = Array.from(value, (c) =>
    `&<\r\n\t${quote}`.includes(c) || choose(10) === 0 ? hex(c) : c === ' ' && choose(3) === 0 ? '\n' : c,
  )
  return quote + inside.join('') + quote
}
