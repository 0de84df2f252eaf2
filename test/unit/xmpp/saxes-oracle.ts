import { SaxesParser } from 'saxes'
import { Element, type Node } from '../../../src/xmpp/element.ts'
import { NS } from '../../../src/xmpp/ns.ts'

const CONTENT: readonly string[] = [NS.client, NS.server, NS.component]
const LOCAL_START = /^[\p{L}_]/u
class Refused extends Error {}
class Abstained extends Error {}

interface Open {
  readonly name: string
  readonly ns: string
  readonly attrs: Map<string, string>
  readonly nodes: Node[]
}

/**
 * What saxes makes of a stream: its first-level elements and whether it accepted all of them. The restrictions of
 * XMPP are laid on top (comments, processing instructions, DTDs, character data at the first level). Undefined where
 * saxes is known to err: it trims namespaces, lets a local name begin with any name character, and looks at a reference
 * only when its semicolon comes, at an end tag only when its `>` does.
 */
export function oracle(stream: string): { readonly accepted: boolean; readonly items: readonly Element[] } | undefined {
  const parser = new SaxesParser({ xmlns: true })
  const stack: Open[] = []
  const items: Element[] = []
  const closed: Element[] = []
  const refuse = (): never => {
    throw new Refused()
  }
  const addText = (text: string): void => {
    if (stack.length === 1 && /[^ \t\r\n]/.test(text)) refuse()
    const nodes = stack.at(-1)?.nodes
    if (nodes === undefined || text === '') return
    const last = nodes.at(-1)
    if (typeof last === 'string') nodes[nodes.length - 1] = last + text
    else nodes.push(text)
  }
  parser.on('error', refuse)
  parser.on('doctype', refuse)
  parser.on('comment', refuse)
  parser.on('processinginstruction', refuse)
  parser.on('text', addText)
  parser.on('cdata', (text) => (stack.length === 1 ? refuse() : addText(text)))
  parser.on('attribute', ({ name, prefix, local, value }) => {
    if (prefix !== '' && !LOCAL_START.test(local)) throw new Abstained()
    if ((name === 'xmlns' || prefix === 'xmlns') && value.trim() !== value) throw new Abstained()
  })
  parser.on('opentag', (tag) => {
    if (!LOCAL_START.test(tag.local)) throw new Abstained()
    const attrs = new Map<string, string>()
    for (const { prefix, local, uri, value, name } of Object.values(tag.attributes)) {
      if (name === 'xmlns' || prefix === 'xmlns') continue
      attrs.set(prefix === '' || prefix === 'xml' ? name : `{${uri}}${local}`, value)
    }
    stack.push({ name: tag.local, ns: CONTENT.includes(tag.uri) ? NS.client : tag.uri, attrs, nodes: [] })
  })
  parser.on('closetag', () => {
    const { name, ns, attrs, nodes } = stack.pop()!
    const element = new Element(name, ns, attrs, nodes)
    if (stack.length === 1) closed.push(element)
    else stack.at(-1)?.nodes.push(element)
  })
  if (stream.lastIndexOf('&') > stream.lastIndexOf(';') || stream.lastIndexOf('</') > stream.lastIndexOf('>')) return undefined
  let begun = false
  try {
    // saxes tells the end of an element before it finds that its name is wrong, so what a write told counts after it
    for (const character of stream) {
      parser.write(character)
      items.push(...closed.splice(0))
      if (begun && stack.length === 0) return { accepted: true, items }
      begun = stack.length > 0
    }
    flush(parser)
  } catch (error) {
    if (error instanceof Abstained) return undefined
    if (!(error instanceof Refused)) throw error
    return { accepted: false, items }
  }
  return { accepted: true, items }
}

/** Makes saxes tell the text that it holds back. What comes of the markup that follows is of no interest. */
function flush(parser: SaxesParser): void {
  parser.on('error', () => {})
  parser.write('<')
}
