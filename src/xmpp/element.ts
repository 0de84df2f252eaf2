import { NS } from './ns.ts'
import { serialize } from './serialize.ts'

/** What may stand inside an element: another element, or character data (already unescaped). */
export type Node = Element | string

/**
 * An XML element as a small immutable tree. Used where content must be looked into or built; what is only passed on
 * stays bytes (see Stanza).
 *
 * `ns` is the namespace URI. Elements of the stream's content namespace always carry `NS.client`, whatever stream they
 * came from or go to (client, server, component): the serializer of the stream puts them into its own.
 * Attribute keys: `name` without a namespace, `xml:lang` for the xml namespace, `{uri}name` for any other.
 */
export class Element {
  readonly name: string
  readonly ns: string
  readonly attrs: ReadonlyMap<string, string>
  readonly nodes: readonly Node[]

  constructor(name: string, ns: string, attrs: ReadonlyMap<string, string>, nodes: readonly Node[]) {
    this.name = name
    this.ns = ns
    this.attrs = attrs
    this.nodes = nodes
  }

  attr(key: string): string | undefined {
    return this.attrs.get(key)
  }

  is(name: string, ns: string): boolean {
    return this.name === name && this.ns === ns
  }

  /** Child elements, without character data. */
  get children(): readonly Element[] {
    return this.nodes.filter((n) => typeof n !== 'string')
  }

  /** The first child of that name; of the given namespace, or of this element's own. */
  child(name: string, ns: string = this.ns): Element | undefined {
    for (const node of this.nodes) if (typeof node !== 'string' && node.name === name && node.ns === ns) return node
    return undefined
  }

  childrenNamed(name: string, ns: string = this.ns): readonly Element[] {
    return this.children.filter((c) => c.name === name && c.ns === ns)
  }

  /** The character data directly inside, joined. */
  get text(): string {
    let text = ''
    for (const node of this.nodes) if (typeof node === 'string') text += node
    return text
  }

  /** A copy with some attributes replaced; `undefined` removes one. */
  withAttrs(changes: Readonly<Record<string, string | undefined>>): Element {
    const attrs = new Map(this.attrs)
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) attrs.delete(key)
      else attrs.set(key, value)
    }
    return new Element(this.name, this.ns, attrs, this.nodes)
  }

  withNodes(nodes: readonly Node[]): Element {
    return new Element(this.name, this.ns, this.attrs, nodes)
  }

  /** XML text of the element, for a place where `inherited` is the default namespace. */
  toString(inherited: string = NS.client): string {
    return serialize(this, inherited)
  }
}

const NO_ATTRS: ReadonlyMap<string, string> = new Map()

/**
 * Builds an element. Attributes whose value is undefined are left out.
 * The attribute object comes from our own code, never from a peer (peer strings are not keys of plain objects).
 */
export function el(
  name: string,
  ns: string,
  attrs: Readonly<Record<string, string | undefined>> = {},
  ...nodes: readonly (Node | undefined)[]
): Element {
  let map: Map<string, string> | undefined
  for (const key in attrs) {
    const value = attrs[key]
    if (value !== undefined) (map ??= new Map()).set(key, value)
  }
  return new Element(name, ns, map ?? NO_ATTRS, nodes.filter((n) => n !== undefined && n !== '') as Node[])
}
