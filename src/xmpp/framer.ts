import { Element } from './element.ts'
import type { StreamCondition } from './errors.ts'
import { isContentNs } from './namespaces.ts'
import { END, FAULT, HEADER, ITEM, type Signal } from './reader.ts'
import { Scanner } from './scan.ts'
import { Stanza } from './stanza.ts'
import { buildTree } from './tree.ts'

/** An opened stream as its header says it. Texts are the peer's, unescaped, not yet judged. */
export interface StreamHeader {
  /** Local name and namespace of the root: `stream` in NS.streams on a right stream. */
  readonly name: string
  readonly ns: string
  readonly prefix: string
  /**
   * The default namespace it declares: jabber:client, jabber:server, ...; '' when none, also when it is NS.streams
   * (RFC 6120 §4.8.3: then each stanza declares the content namespace itself).
   */
  readonly contentNs: string
  readonly to: string | undefined
  readonly from: string | undefined
  readonly id: string | undefined
  readonly version: string | undefined
  readonly lang: string | undefined
  /** Every prefix declared (without the default): prefix -> URI. */
  readonly prefixes: ReadonlyMap<string, string>
}

/** What the framer says, synchronously, in the order of the wire. After `fault` or `end` it says nothing more. */
export interface FramerEvents {
  header(header: StreamHeader): void
  /** A message, presence or iq of the content namespace, whole and proven. */
  stanza(stanza: Stanza): void
  /** Any other first-level element. */
  element(element: Element): void
  /** `</stream:stream>`; bytes behind it are never parsed. */
  end(): void
  fault(condition: StreamCondition, text: string, extra?: Element): void
}

/** Bounds of one stream, enforced inside the tokenizer. Reaching one ends the stream with `policy-violation`. */
export interface Budget {
  /** A first-level element, from `<` to the `>` of its end tag, in bytes; also a stream header. */
  readonly stanzaBytes: number
  readonly elements: number
  readonly depth: number
  /** Per element. */
  readonly attributes: number
  readonly declarations: number
  readonly nameBytes: number
  readonly valueBytes: number
  /** Everything since the budget was set, white space too; Infinity for none. */
  readonly totalBytes: number
}

/** security.md 5.4: what a stream may cost before anybody has authenticated. */
export const PRE_AUTH_BUDGET: Budget = {
  stanzaBytes: 10_000,
  elements: 64,
  depth: 8,
  attributes: 32,
  declarations: 16,
  nameBytes: 256,
  valueBytes: 4096,
  totalBytes: 65_536,
}

/** The budget of an authenticated stream; `stanzaBytes` comes from c2s_stanza_size_limit or s2s_stanza_size_limit. */
export function authenticatedBudget(stanzaBytes: number): Budget {
  return {
    stanzaBytes,
    elements: 20_000,
    depth: 64,
    attributes: 256,
    declarations: 64,
    nameBytes: 1024,
    valueBytes: 65_536,
    totalBytes: Number.POSITIVE_INFINITY,
  }
}

/**
 * Cuts a byte stream into stream header, stanzas and other first-level elements, and proves in the same pass that
 * each is well-formed restricted XML (RFC 6120 §11). Any chunking of the same bytes gives the same events.
 *
 * Faults: `not-well-formed` (XML 1.0, Namespaces in XML 1.0, UTF-8), `restricted-xml` (comment, processing instruction,
 * DTD, entity reference), `unsupported-encoding`, `bad-format` (character data between first-level elements, an XML
 * version other than 1.0), `policy-violation` (a bound).
 */
export class Framer {
  readonly #events: FramerEvents
  readonly #scanner: Scanner
  #paused = false
  #running = false
  #over = false

  constructor(events: FramerEvents, budget: Budget) {
    this.#events = events
    this.#scanner = new Scanner(budget)
  }

  /** Takes bytes (keeps a reference: the caller must not reuse the memory) and emits what they complete. */
  push(chunk: Uint8Array): void {
    if (this.#over || chunk.length === 0) return
    this.#scanner.feed(chunk)
    this.#run()
  }

  /** Replaces the bounds; the byte count starts anew, with the first byte that no event has taken. */
  setBudget(budget: Budget): void {
    this.#scanner.setBudget(budget)
  }

  /** Stops emitting after the current event; what is unread is kept. May be called inside an event. */
  pause(): void {
    this.#paused = true
  }

  /** Goes on with what was kept. */
  resume(): void {
    this.#paused = false
    this.#run()
  }

  /**
   * Forgets the stream and its namespaces: the next unread byte begins a new one (after SASL). May be called inside an
   * event. White space before the new XML declaration is let pass: it was sent behind the old stream.
   */
  restart(): void {
    if (this.#over) return
    this.#scanner.restart()
    this.#run()
  }

  /** How many bytes were pushed and not yet taken by an event. */
  get unread(): number {
    return this.#scanner.end - this.#scanner.origin
  }

  /** Drops everything; nothing is emitted any more. */
  stop(): void {
    this.#over = true
    this.#scanner.drop()
  }

  #run(): void {
    if (this.#running) return
    this.#running = true
    try {
      while (!this.#paused && !this.#over) {
        if (!this.#tell(this.#scanner.next())) break
      }
      if (this.unread === 0) this.#scanner.release()
    } finally {
      this.#running = false
    }
  }

  /** Emits what the scanner came to; was there anything? */
  #tell(signal: Signal): boolean {
    switch (signal) {
      case ITEM:
        this.#item()
        return true
      case HEADER:
        this.#header()
        return true
      case END:
        this.stop()
        this.#events.end()
        return true
      case FAULT: {
        const { condition, text, extra } = this.#scanner.error!
        this.stop()
        this.#events.fault(condition, text, extra)
        return true
      }
      default:
        return false
    }
  }

  #item(): void {
    const scanner = this.#scanner
    const { kind, start, malformedAddress, origin } = scanner
    if (kind === undefined) {
      const { name, ns, attrs, nodes } = this.#tree()
      // at the first level another stream's content namespace is just wrong, and whoever judges it must see that
      const foreign = isContentNs(scanner.itemNs) && scanner.itemNs !== scanner.contentNs
      const element = new Element(name, foreign ? scanner.itemNs : ns, attrs, nodes)
      scanner.take()
      this.#events.element(element)
      return
    }
    const stanza = scanner.plain
      ? Stanza.proven(
          kind,
          start,
          scanner.buf.subarray(origin + scanner.insideStart, origin + scanner.insideEnd),
          scanner.entries,
          malformedAddress,
        )
      : Stanza.rebuilt(kind, start, this.#tree().nodes, malformedAddress)
    scanner.take()
    this.#events.stanza(stanza)
  }

  #tree(): Element {
    const { buf, origin, pos, namespaces } = this.#scanner
    return buildTree(buf, origin, pos, namespaces, 1, true)[0] as Element // an item is one element
  }

  #header(): void {
    const scanner = this.#scanner
    const attrs = new Map<string, string>()
    scanner.eachAttribute((key, value) => attrs.set(key, value))
    const header: StreamHeader = {
      name: scanner.localName,
      ns: scanner.tagNs,
      prefix: scanner.tagPrefix,
      contentNs: scanner.contentNs,
      to: attrs.get('to'),
      from: attrs.get('from'),
      id: attrs.get('id'),
      version: attrs.get('version'),
      lang: attrs.get('xml:lang'),
      prefixes: scanner.namespaces.prefixes(),
    }
    scanner.take()
    this.#events.header(header)
  }
}
