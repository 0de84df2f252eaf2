import { attrOf, word } from './bytes.ts'
import { CLASS, SPACE, VALUE } from './chars.ts'
import { badDeclaration, isContentNs, Namespaces } from './namespaces.ts'
import { NS } from './ns.ts'
import { FAULT, GO, MORE, Reader, type Signal } from './reader.ts'

/** Where scanning stands inside a start tag. */
export const NAME_AT = 0
export const TAG_AT = 1
export const ATTRIBUTE_AT = 2
export const EQUALS_AT = 3
export const QUOTE_AT = 4
export const VALUE_AT = 5

/** One attribute is six numbers: four offsets from `origin`, the colon's (0 for none) and flags. */
const STRIDE = 6
const START = 0
const COLON = 1
const NAME_END = 2
const VALUE_START = 3
const VALUE_END = 4
const FLAGS = 5
/** The value holds a reference, or white space other than blanks. */
const ESCAPED = 1
const DECLARATION = 2

/** Up to so many attributes are compared each with each. */
const FEW = 10

/**
 * Start tags: scans them, and keeps the last one's name and attributes as offsets. When a tag is complete, its
 * namespaces are judged and in force.
 */
export class Tags extends Reader {
  at = NAME_AT
  /** Open elements, the root included: 1 between two first-level elements. */
  depth = 0
  readonly namespaces = new Namespaces()
  /** The depth of the outermost open element with another default namespace than the stanza around it; 0 for none. */
  foreign = 0
  /** Of the last start tag, from `origin`: where its name begins, its colon (0 for none), where the name ends. */
  protected nameStart = 0
  protected nameColon = 0
  protected nameEnd = 0
  /** The namespace of the last start tag, as written. */
  tagNs = ''
  #attributes: number[] = []
  #used = 0
  #declared = 0
  #prefixed = 0
  #spaced = false
  #valueStart = 0
  #valueFlags = 0
  #quote = 0

  protected beginTag(nameStart: number): void {
    this.nameStart = nameStart
    this.colon = 0
    this.#used = this.#declared = this.#prefixed = 0
    this.at = NAME_AT
  }

  protected stepTag(): Signal {
    switch (this.at) {
      case NAME_AT:
        return this.#tagName()
      case TAG_AT:
        return this.#inTag()
      case ATTRIBUTE_AT:
        return this.#attributeName()
      case EQUALS_AT:
        return this.#equals()
      case QUOTE_AT:
        return this.#openQuote()
      default:
        return this.#value()
    }
  }

  /** A start tag is complete and its namespaces are in force. */
  protected opened(_empty: boolean): Signal {
    return GO
  }

  #tagName(): Signal {
    const signal = this.name(this.origin + this.nameStart)
    if (signal !== GO) return signal
    this.nameEnd = this.pos - this.origin
    this.nameColon = this.colon
    this.#spaced = false
    this.at = TAG_AT
    return this.#inTag()
  }

  #inTag(): Signal {
    const { buf, limit } = this
    let p = this.pos
    while (p < limit && (CLASS[buf[p]!]! & SPACE) !== 0) {
      p++
      this.#spaced = true
    }
    this.pos = p
    if (p >= limit) return MORE
    const c = buf[p]!
    if (c === 0x3e) {
      this.pos = p + 1
      return this.#complete(false)
    }
    if (c === 0x2f) {
      if (p + 1 >= limit) return MORE
      if (buf[p + 1] !== 0x3e) return this.malformed('a tag is not closed')
      this.pos = p + 2
      return this.#complete(true)
    }
    if (!this.#spaced) return this.malformed('white space is missing before an attribute')
    const i = this.#used
    if (this.#attributes.length <= i) for (let k = 0; k < STRIDE; k++) this.#attributes.push(0)
    this.#attributes[i + START] = p - this.origin
    this.colon = 0
    this.at = ATTRIBUTE_AT
    return this.#attributeName()
  }

  #attributeName(): Signal {
    const attributes = this.#attributes
    const i = this.#used
    const start = attributes[i + START]!
    const signal = this.name(this.origin + start)
    if (signal !== GO) return signal
    const nameEnd = this.pos - this.origin
    attributes[i + COLON] = this.colon
    attributes[i + NAME_END] = nameEnd
    const declares = this.#isXmlns(this.origin + start, (this.colon === 0 ? nameEnd : this.colon) - start)
    attributes[i + FLAGS] = declares ? DECLARATION : 0
    if (declares) {
      if (++this.#declared > this.budget.declarations) return this.violation('too many namespace declarations')
    } else {
      if (this.colon !== 0) this.#prefixed++
      if (i / STRIDE - this.#declared >= this.budget.attributes) return this.violation('too many attributes')
    }
    this.at = EQUALS_AT
    return this.#equals()
  }

  #isXmlns(p: number, length: number): boolean {
    const b = this.buf
    if (length !== 5 || b[p] !== 0x78 || b[p + 1] !== 0x6d) return false
    return b[p + 2] === 0x6c && b[p + 3] === 0x6e && b[p + 4] === 0x73
  }

  #equals(): Signal {
    if (!this.#skipSpace()) return MORE
    if (this.buf[this.pos] !== 0x3d) return this.malformed('an attribute has no value')
    this.pos++
    this.at = QUOTE_AT
    return this.#openQuote()
  }

  #openQuote(): Signal {
    if (!this.#skipSpace()) return MORE
    const c = this.buf[this.pos]!
    if (c !== 0x27 && c !== 0x22) return this.malformed('an attribute value is not quoted')
    this.#quote = c
    this.pos++
    this.#valueStart = this.pos - this.origin
    this.#valueFlags = 0
    this.at = VALUE_AT
    return this.#value()
  }

  /** Is there a byte behind the white space? */
  #skipSpace(): boolean {
    const { buf, limit } = this
    let p = this.pos
    while (p < limit && (CLASS[buf[p]!]! & SPACE) !== 0) p++
    this.pos = p
    return p < limit
  }

  #value(): Signal {
    const signal = this.#valueBytes()
    const length = this.pos - this.origin - this.#valueStart
    if (length > this.budget.valueBytes) return this.violation('an attribute value is too long')
    if (signal !== GO) return signal
    const i = this.#used
    this.#attributes[i + VALUE_START] = this.#valueStart
    this.#attributes[i + VALUE_END] = this.#valueStart + length
    this.#attributes[i + FLAGS]! |= this.#valueFlags
    this.#used = i + STRIDE
    this.#spaced = false
    this.pos++
    this.at = TAG_AT
    return GO
  }

  /** Runs `pos` on to the closing quote. */
  #valueBytes(): typeof GO | typeof MORE | typeof FAULT {
    const { buf, limit } = this
    let p = this.pos
    for (;;) {
      while (p < limit && (CLASS[buf[p]!]! & VALUE) !== 0) p++
      this.pos = p
      if (p >= limit) return MORE
      const c = buf[p]!
      if (c === this.#quote) return GO
      if (c === 0x3c) return this.malformed('< in an attribute value')
      if (c < 0x80 && c !== 0x27 && c !== 0x22) this.#valueFlags |= ESCAPED
      const next = c === 0x26 ? this.reference(p) : this.character(p)
      if (next <= 0) return next === 0 ? MORE : FAULT
      p = next
    }
  }

  #complete(empty: boolean): Signal {
    if (this.depth > this.budget.depth) return this.violation('elements are nested too deep')
    if (this.#used > 0) {
      if (this.#declared > 0 && !this.#declare()) return FAULT
      if (this.#used > STRIDE && !this.#unique()) return this.malformed('an attribute is there twice')
      if (this.#prefixed > 0 && !this.#resolve()) return FAULT
    }
    if (this.nameColon === 0) this.tagNs = this.namespaces.default
    else {
      const uri = this.#lookup(this.nameStart, this.nameColon)
      if (uri === undefined) return FAULT
      this.tagNs = uri
    }
    return this.opened(empty)
  }

  #declare(): boolean {
    const o = this.origin
    for (let i = 0; i < this.#used; i += STRIDE) {
      const flags = this.#attributes[i + FLAGS]!
      if ((flags & DECLARATION) === 0) continue
      const colon = this.#attributes[i + COLON]!
      const prefix = colon === 0 ? '' : word(this.buf, o + colon + 1, o + this.#attributes[i + NAME_END]!)
      const uri = this.#valueAt(i)
      const objection = badDeclaration(prefix, uri)
      if (objection !== undefined) {
        this.malformed(objection)
        return false
      }
      if (this.depth > 1) this.#judgeInner(prefix, uri, flags)
      if (prefix !== 'xml') this.namespaces.declare(prefix, uri, this.depth)
    }
    return true
  }

  /** Is a declaration inside a stanza one that may be passed on as it is? */
  #judgeInner(prefix: string, uri: string, flags: number): void {
    if ((flags & ESCAPED) !== 0) this.plain = false
    const content = isContentNs(uri)
    if (prefix !== '') {
      if (content) this.plain = false
    } else if (content) {
      if (this.foreign === 0 || uri !== NS.client) this.plain = false
    } else if (this.foreign === 0) this.foreign = this.depth
  }

  #unique(): boolean {
    const used = this.#used
    const all = this.#attributes
    if (used > FEW * STRIDE) {
      const names = new Set<string>()
      for (let i = 0; i < used; i += STRIDE) names.add(this.#nameAt(i))
      return names.size === used / STRIDE
    }
    for (let i = STRIDE; i < used; i += STRIDE) {
      const start = all[i + START]!
      const length = all[i + NAME_END]! - start
      for (let k = 0; k < i; k += STRIDE) {
        if (all[k + NAME_END]! - all[k + START]! === length && this.#sameBytes(start, all[k + START]!, length)) return false
      }
    }
    return true
  }

  #sameBytes(a: number, b: number, length: number): boolean {
    const { buf, origin } = this
    for (let i = 0; i < length; i++) if (buf[origin + a + i] !== buf[origin + b + i]) return false
    return true
  }

  /** Are all prefixes of attributes declared, and no two of these attributes the same by expanded name? */
  #resolve(): boolean {
    const names = this.#prefixed > 1 ? new Set<string>() : undefined
    for (let i = 0; i < this.#used; i += STRIDE) {
      const colon = this.#attributes[i + COLON]!
      if (colon === 0 || (this.#attributes[i + FLAGS]! & DECLARATION) !== 0) continue
      const uri = this.#lookup(this.#attributes[i + START]!, colon)
      if (uri === undefined) return false
      names?.add(`{${uri}}${word(this.buf, this.origin + colon + 1, this.origin + this.#attributes[i + NAME_END]!)}`)
    }
    if (names === undefined || names.size === this.#prefixed) return true
    this.malformed('an attribute is there twice')
    return false
  }

  /** What a prefix that is used here means; undefined, with a fault, when it is not declared. */
  #lookup(start: number, colon: number): string | undefined {
    const prefix = word(this.buf, this.origin + start, this.origin + colon)
    const binding = this.namespaces.lookup(prefix)
    if (binding === undefined) this.malformed('a prefix is not declared')
    else if (this.depth > 1 && binding.depth <= 1 && prefix !== 'xml') this.plain = false
    return binding?.uri
  }

  #nameAt(i: number): string {
    return word(this.buf, this.origin + this.#attributes[i + START]!, this.origin + this.#attributes[i + NAME_END]!)
  }

  #valueAt(i: number): string {
    const raw = word(this.buf, this.origin + this.#attributes[i + VALUE_START]!, this.origin + this.#attributes[i + VALUE_END]!)
    return (this.#attributes[i + FLAGS]! & ESCAPED) === 0 ? raw : attrOf(raw)
  }

  /**
   * Tells each attribute of the last start tag but declarations, in order: its key as Element has it, and its value.
   */
  eachAttribute(tell: (key: string, value: string) => void): void {
    for (let i = 0; i < this.#used; i += STRIDE) {
      if ((this.#attributes[i + FLAGS]! & DECLARATION) === 0) tell(this.#keyAt(i), this.#valueAt(i))
    }
  }

  #keyAt(i: number): string {
    const colon = this.#attributes[i + COLON]!
    if (colon === 0) return this.#nameAt(i)
    const prefix = word(this.buf, this.origin + this.#attributes[i + START]!, this.origin + colon)
    if (prefix === 'xml') return this.#nameAt(i)
    const local = word(this.buf, this.origin + colon + 1, this.origin + this.#attributes[i + NAME_END]!)
    return `{${this.namespaces.lookup(prefix)!.uri}}${local}`
  }

  /** The local name of the last start tag. */
  get localName(): string {
    const from = this.nameColon === 0 ? this.nameStart : this.nameColon + 1
    return word(this.buf, this.origin + from, this.origin + this.nameEnd)
  }

  get tagPrefix(): string {
    return this.nameColon === 0 ? '' : word(this.buf, this.origin + this.nameStart, this.origin + this.nameColon)
  }
}
