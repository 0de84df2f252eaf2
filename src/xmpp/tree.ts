import { asBytes, attrOf, type Bytes, normalizeLines, textOf, word } from './bytes.ts'
import { CLASS, NAME, SPACE, TEXT, VALUE } from './chars.ts'
import { Element, type Node } from './element.ts'
import { type Namespaces, treeNs } from './namespaces.ts'

const NO_ATTRS: ReadonlyMap<string, string> = new Map()
const NO_NODES: readonly Node[] = []
const CDATA_OPEN = '<![CDATA['.length

interface Open {
  readonly name: string
  readonly ns: string
  readonly attrs: ReadonlyMap<string, string>
  readonly nodes: Node[]
}

/** Builds trees from bytes that a Scanner has proven; it checks nothing again. */
class TreeBuilder {
  readonly #buf: Bytes
  readonly #namespaces: Namespaces
  /** Are the content namespaces one here (see treeNs)? */
  readonly #stream: boolean
  /** Declarations made here lie deeper than those that were there. */
  readonly #base: number
  #pos: number
  #stack: Open[] = []
  #nodes: Node[] = []

  constructor(buf: Bytes, start: number, namespaces: Namespaces, base: number, stream: boolean) {
    this.#buf = buf
    this.#pos = start
    this.#namespaces = namespaces
    this.#base = base
    this.#stream = stream
  }

  build(end: number): readonly Node[] {
    const buf = this.#buf
    while (this.#pos < end) {
      if (buf[this.#pos] !== 0x3c) this.#text(end)
      else if (buf[this.#pos + 1] === 0x2f) this.#close()
      else if (buf[this.#pos + 1] === 0x21) this.#cdata()
      else this.#open()
    }
    return this.#nodes
  }

  #text(end: number): void {
    const buf = this.#buf
    const start = this.#pos
    let p = start
    let escaped = false
    for (;;) {
      while (p < end && (CLASS[buf[p]!]! & TEXT) !== 0) p++
      if (p >= end || buf[p] === 0x3c) break
      if (buf[p]! < 0x80) escaped = true
      p++
    }
    this.#pos = p
    const raw = buf.utf8Slice(start, p)
    this.#add(escaped ? textOf(raw) : raw)
  }

  #cdata(): void {
    const start = this.#pos + CDATA_OPEN
    const end = this.#buf.indexOf(']]>', start)
    this.#pos = end + 3
    if (end > start) this.#add(normalizeLines(this.#buf.utf8Slice(start, end)))
  }

  /** Character data; what stood in two pieces is one string. */
  #add(text: string): void {
    const nodes = this.#nodes
    const last = nodes.length - 1
    if (last >= 0 && typeof nodes[last] === 'string') nodes[last] += text
    else nodes.push(text)
  }

  #close(): void {
    const { name, ns, attrs, nodes } = this.#stack.pop()!
    const element = new Element(name, ns, attrs, this.#nodes)
    this.#nodes = nodes
    nodes.push(element)
    this.#namespaces.leave(this.#base + this.#stack.length)
    this.#pos = this.#buf.indexOf(0x3e, this.#pos) + 1
  }

  #open(): void {
    const depth = this.#base + this.#stack.length
    const start = this.#pos + 1
    this.#pos = start
    const name = this.#name()
    const attrs = this.#attributes(depth)
    const colon = name.indexOf(':')
    const uri = colon === -1 ? this.#namespaces.default : this.#namespaces.lookup(name.slice(0, colon))!.uri
    const ns = this.#stream ? treeNs(uri) : uri
    const local = colon === -1 ? name : name.slice(colon + 1)
    if (this.#buf[this.#pos] === 0x2f) {
      this.#pos += 2
      this.#nodes.push(new Element(local, ns, attrs, NO_NODES))
      this.#namespaces.leave(depth)
      return
    }
    this.#pos++
    this.#stack.push({ name: local, ns, attrs, nodes: this.#nodes })
    this.#nodes = []
  }

  #name(): string {
    const buf = this.#buf
    const start = this.#pos
    let p = start
    for (;;) {
      const c = buf[p]!
      if (c < 0x80 && c !== 0x3a && (CLASS[c]! & NAME) === 0) break
      p++
    }
    this.#pos = p
    return word(buf, start, p)
  }

  /** Runs on to the `>` or `/` of the tag. Declarations come into force; keys are as in Element. */
  #attributes(depth: number): ReadonlyMap<string, string> {
    let attrs: Map<string, string> | undefined
    let prefixed = false
    for (;;) {
      this.#space()
      const c = this.#buf[this.#pos]
      if (c === 0x3e || c === 0x2f) break
      const name = this.#name()
      this.#space()
      this.#pos++
      this.#space()
      const value = this.#value()
      if (name === 'xmlns') this.#namespaces.declare('', value, depth)
      else if (name.startsWith('xmlns:')) {
        if (name !== 'xmlns:xml') this.#namespaces.declare(name.slice(6), value, depth)
      } else {
        if (name.includes(':') && !name.startsWith('xml:')) prefixed = true
        attrs ??= new Map()
        attrs.set(name, value)
      }
    }
    if (attrs === undefined) return NO_ATTRS
    return prefixed ? this.#expanded(attrs) : attrs
  }

  #expanded(attrs: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
    const expanded = new Map<string, string>()
    for (const [name, value] of attrs) {
      const colon = name.indexOf(':')
      const plain = colon === -1 || name.startsWith('xml:')
      const key = plain ? name : `{${this.#namespaces.lookup(name.slice(0, colon))!.uri}}${name.slice(colon + 1)}`
      expanded.set(key, value)
    }
    return expanded
  }

  #value(): string {
    const buf = this.#buf
    const quote = buf[this.#pos]
    const start = this.#pos + 1
    let p = start
    let escaped = false
    for (;;) {
      while ((CLASS[buf[p]!]! & VALUE) !== 0) p++
      const c = buf[p]!
      if (c === quote) break
      if (c < 0x80 && c !== 0x22 && c !== 0x27) escaped = true
      p++
    }
    this.#pos = p + 1
    const raw = word(buf, start, p)
    return escaped ? attrOf(raw) : raw
  }

  #space(): void {
    while ((CLASS[this.#buf[this.#pos]!]! & SPACE) !== 0) this.#pos++
  }
}

/**
 * The tree of proven bytes from `start` to `end`, for a place where `namespaces` are in force. Declarations inside are
 * made at `depth` and deeper, and are gone afterwards.
 *
 * @param stream whether each content namespace is NS.client in the tree
 */
export function buildTree(
  bytes: Uint8Array,
  start: number,
  end: number,
  namespaces: Namespaces,
  depth: number,
  stream: boolean,
): readonly Node[] {
  return new TreeBuilder(asBytes(bytes), start, namespaces, depth, stream).build(end)
}
