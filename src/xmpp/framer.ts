import type { Element } from './element.ts'
import type { StreamCondition } from './errors.ts'
import type { Stanza } from './stanza.ts'

/** An opened stream as its header says it. Texts are the peer's, unescaped, not yet judged. */
export interface StreamHeader {
  /** Local name and namespace of the root: `stream` in NS.streams on a right stream. */
  readonly name: string
  readonly ns: string
  readonly prefix: string
  /** The default namespace it declares: jabber:client, jabber:server, ...; '' when none. */
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
 */
export class Framer {
  constructor(_events: FramerEvents, _budget: Budget) {
    throw new Error('to be built by the framer task')
  }

  /** Takes bytes (keeps a reference: the caller must not reuse the memory) and emits what they complete. */
  push(_chunk: Uint8Array): void {}

  /** Replaces the bounds; the byte count starts anew. */
  setBudget(_budget: Budget): void {}

  /** Stops emitting after the current event; what is unread is kept. May be called inside an event. */
  pause(): void {}

  /** Goes on with what was kept. */
  resume(): void {}

  /** Forgets the stream and its namespaces: the next unread byte begins a new one (after SASL). May be called inside an event. */
  restart(): void {}

  /** How many bytes were pushed and not yet taken by an event. */
  get unread(): number {
    return 0
  }

  /** Drops everything; nothing is emitted any more. */
  stop(): void {}
}
