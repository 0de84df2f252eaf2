import { Buffer } from 'node:buffer'
import { CLASS, SPACE, TEXT } from './chars.ts'
import { StreamError } from './errors.ts'
import type { Budget } from './framer.ts'
import { type Jid, parseJid } from './jid.ts'
import { isContentNs, treeNs } from './namespaces.ts'
import { NS } from './ns.ts'
import { readDeclaration } from './prolog.ts'
import { END, FAULT, GO, HEADER, ITEM, MORE, type Signal } from './reader.ts'
import type { ChildEntry, StanzaKind } from './stanza.ts'
import { Tags } from './tags.ts'

const START = 0
const PROLOG = 1
const BETWEEN = 2
const CONTENT = 3
const CDATA = 4
const TAG = 5
const CLOSE_NAME = 6
const CLOSE_END = 7
/** The header was an empty tag: the stream ends with it. */
const EMPTY_ROOT = 8

const CDATA_OPEN = Buffer.from('<![CDATA[')
const NO_ROOT = new Uint8Array(0)

/** A stanza's start tag, before it becomes one. */
export interface StanzaStart {
  to: Jid | undefined
  from: Jid | undefined
  type: string | undefined
  id: string | undefined
  lang: string | undefined
  extra: (readonly [string, string])[] | undefined
}

function stanzaKind(name: string): StanzaKind | undefined {
  return name === 'message' || name === 'presence' || name === 'iq' ? name : undefined
}

/**
 * Scans a stream (or, made with `document`, one element that is the whole document): {@link next} goes on to the next
 * thing to tell. Everything it runs over is proven; nothing is built but what a stanza needs.
 */
export class Scanner extends Tags {
  /** Of the current first-level element: its kind when it is a stanza, its start tag, its children. */
  kind: StanzaKind | undefined
  /** Of the current first-level element, as written. */
  itemNs = ''
  readonly start: StanzaStart = {
    to: undefined,
    from: undefined,
    type: undefined,
    id: undefined,
    lang: undefined,
    extra: undefined,
  }
  malformedAddress: 'to' | 'from' | undefined
  entries: ChildEntry[] = []
  /** Where its content lies, from `origin`. */
  insideStart = 0
  insideEnd = 0
  /** The content namespace that the header declares; '' when it declares none. */
  contentNs = ''
  #state = START
  #restarted = false
  #marked = false
  #elements = 0
  /** For each depth, where the name of the open element lies, from `origin`. */
  #openStart: number[] = []
  #openLength: number[] = []
  #root: Uint8Array = NO_ROOT
  #runStart = 0
  #closeStart = 0
  #matched = 0
  #tagStart = 0
  #childStart = 0
  #childName = ''
  #childNs = ''

  constructor(budget: Budget, document = false) {
    super(budget)
    if (document) this.depth = 1
  }

  /** Goes on to the next thing: HEADER, ITEM (a first-level element), END, FAULT, or MORE when there is nothing whole. */
  next(): Signal {
    this.bound(this.#state > BETWEEN)
    for (;;) {
      const signal = this.#step()
      if (signal === GO) continue
      if (signal === MORE && this.limit < this.end) return this.overrun()
      return signal
    }
  }

  /** Lets go of the item or header that was told. */
  take(): void {
    this.origin = this.pos
    this.plain = true
    this.kind = undefined
    this.#elements = 0
  }

  /** Forgets the stream: what was not taken begins another one. */
  restart(): void {
    this.pos = this.origin
    this.namespaces.leaveAll()
    this.depth = this.foreign = 0
    this.#root = NO_ROOT
    this.#state = START
    this.#restarted = true
    this.#marked = false
    this.take()
  }

  #step(): Signal {
    switch (this.#state) {
      case START:
        return this.#streamStart()
      case PROLOG:
      case BETWEEN:
        return this.#between()
      case CONTENT:
        return this.#content()
      case CDATA:
        return this.#cdata()
      case TAG:
        return this.stepTag()
      case CLOSE_NAME:
        return this.#closeName()
      case CLOSE_END:
        return this.#closeEnd()
      default:
        return this.#closed()
    }
  }

  /** The byte order mark and the XML declaration: nothing of them is needed but that they say UTF-8. */
  #streamStart(): Signal {
    const { buf, pos, limit } = this
    if (pos >= limit) return MORE
    const c = buf[pos]!
    if (this.#restarted && (CLASS[c]! & SPACE) !== 0) {
      this.origin = ++this.pos // white space that was sent after the end of the negotiation
      return GO
    }
    const read = readDeclaration(buf, pos, limit, this.#marked)
    if (read instanceof StreamError) {
      this.error = read
      return FAULT
    }
    if (read === 'more') return MORE
    if (read === 'none') this.#state = PROLOG
    else {
      this.origin = this.pos = read
      if (c === 0xef) this.#marked = true
      else this.#state = PROLOG
    }
    return GO
  }

  /** White space before the root and between first-level elements. */
  #between(): Signal {
    const { buf, limit } = this
    let p = this.pos
    while (p < limit && (CLASS[buf[p]!]! & SPACE) !== 0) p++
    this.origin = this.pos = p
    if (p >= limit) return MORE
    const c = buf[p]!
    if (c === 0x3c) {
      this.bound(true)
      return this.#markup(p)
    }
    const next = c === 0x26 ? this.reference(p) : this.character(p)
    if (next <= 0) return next === 0 ? MORE : FAULT
    return this.#stray()
  }

  #stray(): typeof FAULT {
    if (this.#state === PROLOG) return this.malformed('there is no element at the start')
    this.error = new StreamError('bad-format', 'character data between first-level elements')
    return FAULT
  }

  #content(): Signal {
    const { buf, limit } = this
    let p = this.pos
    for (;;) {
      while (p < limit && (CLASS[buf[p]!]! & TEXT) !== 0) p++
      this.pos = p
      if (p >= limit) return MORE
      const c = buf[p]!
      if (c === 0x3c) return this.#markup(p)
      if (c === 0x3e && this.#endsCdata(p)) return this.malformed(']]> in character data')
      const next = c === 0x26 ? this.reference(p) : this.character(p)
      if (next <= 0) return next === 0 ? MORE : FAULT
      p = next
    }
  }

  /** Do two brackets of the same run of characters stand before `p`? */
  #endsCdata(p: number): boolean {
    return p - this.origin - 2 >= this.#runStart && this.buf[p - 1] === 0x5d && this.buf[p - 2] === 0x5d
  }

  #cdata(): Signal {
    const { buf, limit } = this
    let p = this.pos
    for (;;) {
      while (p < limit && (CLASS[buf[p]!]! & TEXT) !== 0) p++
      this.pos = p
      if (p >= limit) return MORE
      if (buf[p] === 0x3e && this.#endsCdata(p)) {
        this.pos = p + 1
        return this.#contentFollows()
      }
      const next = this.character(p)
      if (next <= 0) return next === 0 ? MORE : FAULT
      p = next
    }
  }

  #contentFollows(): Signal {
    this.#runStart = this.pos - this.origin
    this.#state = CONTENT
    return GO
  }

  /** `p` is at `<`. */
  #markup(p: number): Signal {
    if (p + 1 >= this.limit) return MORE
    const c = this.buf[p + 1]!
    if (c === 0x2f) {
      if (this.#state === PROLOG) return this.malformed('there is no element at the start')
      this.#closeStart = p - this.origin
      this.#matched = 0
      this.pos = p + 2
      this.#state = CLOSE_NAME
      return this.#closeName()
    }
    if (c === 0x21) return this.#openCdata(p)
    if (c === 0x3f) return this.restricted('processing instructions are not allowed')
    this.#tagStart = p - this.origin
    this.pos = p + 1
    this.beginTag(this.#tagStart + 1)
    this.#state = TAG
    return this.stepTag()
  }

  #openCdata(p: number): Signal {
    const { buf, limit } = this
    for (let i = 2; i < CDATA_OPEN.length; i++) {
      if (p + i >= limit) return MORE
      if (buf[p + i] !== CDATA_OPEN[i]) return this.restricted('comments and declarations are not allowed')
    }
    if (this.#state !== CONTENT) return this.#stray()
    this.plain = false
    this.pos = p + CDATA_OPEN.length
    this.#runStart = this.pos - this.origin
    this.#state = CDATA
    return GO
  }

  protected override opened(empty: boolean): Signal {
    const depth = this.depth
    const start = this.nameStart
    const length = this.nameEnd - start
    if (depth > 0 && ++this.#elements > this.budget.elements) return this.violation('too many elements')
    this.#openStart[depth] = start
    this.#openLength[depth] = length
    this.depth = depth + 1
    if (depth === 0) return this.#header(empty)
    if (depth === 1) this.#firstLevel()
    else if (depth === 2 && this.kind !== undefined && this.plain) {
      this.#childStart = this.#tagStart
      this.#childName = this.localName
      this.#childNs = treeNs(this.tagNs)
    }
    if (empty) {
      this.#closeStart = this.pos - this.origin
      return this.#closed()
    }
    return this.#contentFollows()
  }

  #header(empty: boolean): Signal {
    const from = this.origin + this.nameStart
    this.#root = Uint8Array.prototype.slice.call(this.buf, from, this.origin + this.nameEnd)
    const declared = this.namespaces.default
    this.contentNs = declared === NS.streams ? '' : declared
    this.#state = empty ? EMPTY_ROOT : BETWEEN
    return HEADER
  }

  /** Reads the start tag of a stanza while its offsets are there. */
  #firstLevel(): void {
    this.insideStart = this.pos - this.origin
    const ns = this.tagNs
    this.itemNs = ns
    if (this.contentNs === '' ? ns !== NS.client && ns !== NS.server : ns !== this.contentNs) return
    if (!isContentNs(ns)) return
    this.kind = stanzaKind(this.localName)
    if (this.kind === undefined) return
    // what it holds inherits its own namespace, or else it must be written anew
    if (this.nameColon !== 0 || this.namespaces.default !== ns) this.plain = false
    const { start } = this
    start.to = start.from = start.type = start.id = start.lang = start.extra = undefined
    this.malformedAddress = undefined
    this.entries = []
    this.eachAttribute(this.#tell)
  }

  readonly #tell = (key: string, value: string): void => {
    const { start } = this
    if (key === 'to' || key === 'from') {
      start[key] = parseJid(value)
      if (start[key] === undefined && this.malformedAddress !== 'from') this.malformedAddress = key
    } else if (key === 'type') start.type = value
    else if (key === 'id') start.id = value
    else if (key === 'xml:lang') start.lang = value
    else (start.extra ??= []).push([key, value])
  }

  #closeName(): Signal {
    const { buf, limit, depth } = this
    const name = depth === 1 ? this.#root : buf
    const from = depth === 1 ? 0 : this.origin + this.#openStart[depth - 1]!
    const length = depth === 1 ? this.#root.length : this.#openLength[depth - 1]!
    let i = this.#matched
    let p = this.pos
    while (i < length && p < limit && buf[p] === name[from + i]) {
      i++
      p++
    }
    this.#matched = i
    this.pos = p
    if (i < length || length === 0) return p >= limit ? MORE : this.malformed('an end tag does not match')
    this.#state = CLOSE_END
    return this.#closeEnd()
  }

  #closeEnd(): Signal {
    const { buf, limit } = this
    let p = this.pos
    while (p < limit && (CLASS[buf[p]!]! & SPACE) !== 0) p++
    this.pos = p
    if (p >= limit) return MORE
    if (buf[p] !== 0x3e) return this.malformed('an end tag does not match')
    this.pos = p + 1
    return this.#closed()
  }

  /** The innermost open element ends at `pos`. */
  #closed(): Signal {
    const depth = --this.depth
    this.namespaces.leave(depth)
    if (this.foreign === depth) this.foreign = 0
    if (depth > 2) return this.#contentFollows()
    if (depth === 2) {
      if (this.kind !== undefined && this.plain) this.#addEntry()
      return this.#contentFollows()
    }
    if (depth === 0) return END
    this.insideEnd = this.#closeStart
    this.#state = BETWEEN
    return ITEM
  }

  #addEntry(): void {
    const base = this.insideStart
    const end = this.pos - this.origin - base
    this.entries.push({ name: this.#childName, ns: this.#childNs, start: this.#childStart - base, end })
  }
}
