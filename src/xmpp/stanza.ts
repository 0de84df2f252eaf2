import { Element, type Node } from './element.ts'
import type { StanzaError } from './errors.ts'
import { parseFragment } from './fragment.ts'
import type { Jid } from './jid.ts'
import { NS } from './ns.ts'
import { escapeAttr, escapeText, serialize, writeAttrs } from './serialize.ts'

export type StanzaKind = 'message' | 'presence' | 'iq'

/** A direct child of a stanza: its name, namespace, and where its bytes lie in `inside` (end is exclusive). */
export interface ChildEntry {
  readonly name: string
  readonly ns: string
  readonly start: number
  readonly end: number
}

/** The start tag's attributes. `extra` holds what is neither of the five: `[key, value]`, keys as in Element, in the order of the wire. */
export interface StanzaAttrs {
  readonly to?: Jid | undefined
  readonly from?: Jid | undefined
  readonly type?: string | undefined
  readonly id?: string | undefined
  readonly lang?: string | undefined
  readonly extra?: readonly (readonly [string, string])[] | undefined
}

/** Where a stanza is written: text and proven bytes, in order. */
export interface Sink {
  text(text: string): void
  bytes(bytes: Uint8Array): void
}

const NO_EXTRA: readonly (readonly [string, string])[] = []
const EMPTY = new Uint8Array(0)
/** `>` and `</presence>`. */
const ENDS_BYTES = 12

/**
 * A message, presence or iq: the parsed start tag, the proven bytes of its inside, and one entry for each direct child.
 * Immutable: every change gives another stanza, which shares the bytes. The bytes are UTF-8, canonical and neutral (no
 * descendant in inherited position names the content namespace), so they hold under jabber:client, jabber:server and
 * jabber:component:accept alike.
 */
export class Stanza {
  readonly kind: StanzaKind
  readonly to: Jid | undefined
  readonly from: Jid | undefined
  readonly type: string | undefined
  readonly id: string | undefined
  readonly lang: string | undefined
  readonly extra: readonly (readonly [string, string])[]
  /** Which address attribute was there but is no address; that address is then undefined above. */
  readonly malformed: 'to' | 'from' | undefined
  #inside: Uint8Array | undefined
  #entries: readonly ChildEntry[] | undefined
  #nodes: readonly Node[] | undefined

  private constructor(
    kind: StanzaKind,
    attrs: StanzaAttrs,
    inside: Uint8Array | undefined,
    entries: readonly ChildEntry[] | undefined,
    nodes: readonly Node[] | undefined,
    malformed: 'to' | 'from' | undefined,
  ) {
    this.kind = kind
    this.to = attrs.to
    this.from = attrs.from
    this.type = attrs.type
    this.id = attrs.id
    this.lang = attrs.lang
    this.extra = attrs.extra ?? NO_EXTRA
    this.malformed = malformed
    this.#inside = inside
    this.#entries = entries
    this.#nodes = nodes
  }

  /** A stanza that we build; absent attributes are left out. */
  static of(kind: StanzaKind, attrs: StanzaAttrs, ...nodes: readonly (Node | undefined)[]): Stanza {
    return new Stanza(kind, attrs, undefined, undefined, nodes.filter((n) => n !== undefined) as Node[], undefined)
  }

  /** For the framer: a stanza whose bytes it has proven. */
  static proven(
    kind: StanzaKind,
    attrs: StanzaAttrs,
    inside: Uint8Array,
    entries: readonly ChildEntry[],
    malformed?: 'to' | 'from',
  ): Stanza {
    // nothing inside must not keep the memory that it lies in
    return new Stanza(kind, attrs, inside.length === 0 ? EMPTY : inside, entries, undefined, malformed)
  }

  /** For the framer: a stanza that is legal, but whose bytes may not be passed on; they are written anew. */
  static rebuilt(kind: StanzaKind, attrs: StanzaAttrs, nodes: readonly Node[], malformed?: 'to' | 'from'): Stanza {
    return new Stanza(kind, attrs, undefined, undefined, nodes, malformed)
  }

  /** A stanza that was kept as text: `inside` is what `inside` of a proven stanza was. */
  static stored(kind: StanzaKind, attrs: StanzaAttrs, inside: string): Stanza {
    return Stanza.of(kind, attrs, ...parseFragment(Buffer.from(inside)))
  }

  /** The canonical bytes between start and end tag; empty when there is nothing. */
  get inside(): Uint8Array {
    if (this.#inside === undefined) this.#render()
    return this.#inside!
  }

  get entries(): readonly ChildEntry[] {
    if (this.#entries === undefined) this.#render()
    return this.#entries!
  }

  #render(): void {
    const nodes = this.#nodes!
    if (nodes.length === 0) {
      this.#inside = EMPTY
      this.#entries = []
      return
    }
    const entries: ChildEntry[] = []
    const parts: Uint8Array[] = []
    let at = 0
    for (const node of nodes) {
      const bytes = Buffer.from(typeof node === 'string' ? escapeText(node) : serialize(node, NS.client))
      if (typeof node !== 'string') entries.push({ name: node.name, ns: node.ns, start: at, end: at + bytes.length })
      parts.push(bytes)
      at += bytes.length
    }
    this.#inside = parts.length === 1 ? parts[0]! : Buffer.concat(parts, at)
    this.#entries = entries
  }

  /** Everything inside as a tree, built at most once. */
  get nodes(): readonly Node[] {
    this.#nodes ??= parseFragment(this.#inside!)
    return this.#nodes
  }

  /** The whole stanza as an element in the content namespace. */
  toElement(): Element {
    const attrs = new Map<string, string>()
    if (this.to) attrs.set('to', this.to.toString())
    if (this.from) attrs.set('from', this.from.toString())
    if (this.type !== undefined) attrs.set('type', this.type)
    if (this.id !== undefined) attrs.set('id', this.id)
    if (this.lang !== undefined) attrs.set('xml:lang', this.lang)
    for (const [name, value] of this.extra) attrs.set(name, value)
    return new Element(this.kind, NS.client, attrs, this.nodes)
  }

  has(name: string, ns: string = NS.client): boolean {
    if (this.#entries === undefined) return this.child(name, ns) !== undefined
    for (const entry of this.#entries) if (entry.name === name && entry.ns === ns) return true
    return false
  }

  /** The first direct child of that name; only its own bytes are parsed. */
  child(name: string, ns: string = NS.client): Element | undefined {
    if (this.#nodes !== undefined) {
      for (const n of this.#nodes) if (typeof n !== 'string' && n.name === name && n.ns === ns) return n
      return undefined
    }
    for (const entry of this.#entries!) {
      if (entry.name === name && entry.ns === ns)
        return parseFragment(this.#inside!.subarray(entry.start, entry.end))[0] as Element
    }
    return undefined
  }

  /** The only child of an iq request, whatever its name. */
  get payload(): Element | undefined {
    const first = this.entries[0]
    return first === undefined ? undefined : this.child(first.name, first.ns)
  }

  /** A stanza with another start tag and the same inside. A key that is present replaces, also with undefined. */
  with(changes: StanzaAttrs): Stanza {
    const malformed = this.malformed !== undefined && this.malformed in changes ? undefined : this.malformed
    const attrs = { to: this.to, from: this.from, type: this.type, id: this.id, lang: this.lang, extra: this.extra, ...changes }
    return new Stanza(this.kind, attrs, this.#inside, this.#entries, this.#nodes, malformed)
  }

  /** A stanza with these children appended; the bytes that were there are reused. */
  append(...children: readonly Element[]): Stanza {
    return this.#splice([...this.entries], [this.inside], children)
  }

  /** A stanza without the direct children that `drop` names; itself when it names none. */
  without(drop: (entry: ChildEntry) => boolean): Stanza {
    const parts: Uint8Array[] = []
    const kept: ChildEntry[] = []
    const inside = this.inside
    let from = 0
    let removed = 0
    for (const entry of this.entries) {
      if (!drop(entry)) {
        kept.push(removed === 0 ? entry : { ...entry, start: entry.start - removed, end: entry.end - removed })
        continue
      }
      parts.push(inside.subarray(from, entry.start))
      from = entry.end
      removed += entry.end - entry.start
    }
    if (removed === 0) return this
    parts.push(inside.subarray(from))
    return this.#splice(kept, parts, [])
  }

  #splice(entries: ChildEntry[], parts: Uint8Array[], added: readonly Element[]): Stanza {
    let at = 0
    for (const part of parts) at += part.length
    for (const child of added) {
      const bytes = Buffer.from(serialize(child, NS.client))
      entries.push({ name: child.name, ns: child.ns, start: at, end: at + bytes.length })
      parts.push(bytes)
      at += bytes.length
    }
    return new Stanza(this.kind, this, Buffer.concat(parts, at), entries, undefined, this.malformed)
  }

  /** A copy that owns its bytes, for what waits: a small stanza must not keep a whole network buffer alive. */
  settled(): Stanza {
    const inside = this.inside
    if (inside.buffer.byteLength <= inside.byteLength + 64) return this
    return new Stanza(this.kind, this, Uint8Array.prototype.slice.call(inside), this.entries, undefined, this.malformed)
  }

  /** The start tag up to, not including, its end. `xmlns` only where each stanza stands alone (WebSocket). */
  startTag(xmlns?: string): string {
    let tag = `<${this.kind}`
    if (xmlns !== undefined) tag += ` xmlns='${xmlns}'`
    if (this.to !== undefined) tag += ` to='${escapeAttr(this.to.toString())}'`
    if (this.from !== undefined) tag += ` from='${escapeAttr(this.from.toString())}'`
    if (this.type !== undefined) tag += ` type='${escapeAttr(this.type)}'`
    if (this.id !== undefined) tag += ` id='${escapeAttr(this.id)}'`
    if (this.lang !== undefined) tag += ` xml:lang='${escapeAttr(this.lang)}'`
    return this.extra.length === 0 ? tag : tag + writeAttrs(this.extra)
  }

  writeTo(sink: Sink, xmlns?: string): void {
    this.#write(sink, this.startTag(xmlns))
  }

  /** Writes the stanza unless it takes more than `maxBytes`; says whether it did. */
  writeWithin(sink: Sink, maxBytes: number): boolean {
    const tag = this.startTag()
    const { length } = this.inside
    // UTF-8 takes at most three bytes a UTF-16 unit: nearly always that settles it
    const fits =
      length + tag.length * 3 + ENDS_BYTES <= maxBytes ||
      length + Buffer.byteLength(tag) + (length === 0 ? 2 : this.kind.length + 4) <= maxBytes
    if (fits) this.#write(sink, tag)
    return fits
  }

  #write(sink: Sink, tag: string): void {
    const inside = this.inside
    if (inside.length === 0) {
      sink.text(`${tag}/>`)
      return
    }
    sink.text(`${tag}>`)
    sink.bytes(inside)
    sink.text(`</${this.kind}>`)
  }

  toString(xmlns?: string): string {
    let out = ''
    this.writeTo(
      { text: (t) => (out += t), bytes: (b) => (out += Buffer.from(b.buffer, b.byteOffset, b.length).toString()) },
      xmlns,
    )
    return out
  }

  /** The answer to an iq request, to whoever sent it. */
  result(...nodes: readonly (Node | undefined)[]): Stanza {
    return Stanza.of('iq', { to: this.from, from: this.to, type: 'result', id: this.id }, ...nodes)
  }

  /** The error answer to this stanza. The payload is not echoed (RFC 6120 §8.3.1 leaves it open). */
  error(error: StanzaError): Stanza {
    return Stanza.of(this.kind, { to: this.from, from: this.to, type: 'error', id: this.id }, error.toElement())
  }

  /** May an error be sent back? Never to an error, a result or (RFC 6120 §8.3.1, §10.5.3.1) most presence. */
  get isAnswer(): boolean {
    return this.type === 'error' || (this.kind === 'iq' && this.type === 'result')
  }
}
