import type { Element } from '../../../src/xmpp/element.ts'
import { authenticatedBudget, type Budget, Framer, type StreamHeader } from '../../../src/xmpp/framer.ts'
import type { Stanza } from '../../../src/xmpp/stanza.ts'

export const STREAMS = 'http://etherx.jabber.org/streams'
export const header = (contentNs: string): string =>
  `<stream:stream xmlns='${contentNs}' xmlns:stream='${STREAMS}' to='b.example' version='1.0'>`
export const CLIENT = header('jabber:client')
export const SERVER = header('jabber:server')
export const ROOMY = authenticatedBudget(1 << 20)

/** What a framer said, in order; `extra` of a fault by its text. */
export type Said =
  | { readonly on: 'header'; readonly header: StreamHeader }
  | { readonly on: 'stanza'; readonly stanza: Stanza }
  | { readonly on: 'element'; readonly element: Element }
  | { readonly on: 'end' }
  | { readonly on: 'fault'; readonly condition: string; readonly text: string; readonly extra: string | undefined }

/** A framer that writes down what it says. `react` runs inside each event, after it was written down. */
export function recorder(budget: Budget = ROOMY, react: (said: Said, framer: Framer) => void = () => {}) {
  const log: Said[] = []
  const say = (said: Said): void => {
    log.push(said)
    react(said, framer)
  }
  const framer: Framer = new Framer(
    {
      header: (h) => say({ on: 'header', header: h }),
      stanza: (stanza) => say({ on: 'stanza', stanza }),
      element: (element) => say({ on: 'element', element }),
      end: () => say({ on: 'end' }),
      fault: (condition, text, extra) => say({ on: 'fault', condition, text, extra: extra?.toString() }),
    },
    budget,
  )
  return { framer, log }
}

export const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? Buffer.from(text) : text)

/** Everything said about these bytes, pushed in pieces of `size`. */
export function frame(input: string | Uint8Array, size = Number.POSITIVE_INFINITY, budget: Budget = ROOMY): readonly Said[] {
  const { framer, log } = recorder(budget)
  const bytes = bytesOf(input)
  for (let p = 0; p < bytes.length; p += size) framer.push(bytes.slice(p, p + size))
  return log
}

/** The log as plain text, to be compared. */
export function transcript(log: readonly Said[]): readonly string[] {
  return log.map((said) => {
    switch (said.on) {
      case 'header':
        return `header ${JSON.stringify({ ...said.header, prefixes: [...said.header.prefixes] })}`
      case 'stanza': {
        const { stanza } = said
        const entries = stanza.entries.map((e) => `${e.name}{${e.ns}}${e.start}-${e.end}`).join(',')
        return `stanza ${stanza.malformed ?? ''} ${stanza.toString()} [${entries}]`
      }
      case 'element':
        return `element ${said.element.toString()}`
      case 'end':
        return 'end'
      default:
        return `fault ${said.condition} ${said.text} ${said.extra ?? ''}`
    }
  })
}

/** The only stanza behind a header. */
export function stanzaOf(xml: string | Uint8Array, contentNs = 'jabber:client', size = Number.POSITIVE_INFINITY): Stanza {
  const log = frame(Buffer.concat([bytesOf(header(contentNs)), bytesOf(xml)]), size)
  const said = log[1]
  if (log.length !== 2 || said?.on !== 'stanza') throw new Error(`not one stanza: ${transcript(log).join('\n')}`)
  return said.stanza
}

/** How a stream that begins with a client's header and goes on with `xml` ends. */
export function faultOf(xml: string | Uint8Array, budget: Budget = ROOMY): string | undefined {
  const last = frame(Buffer.concat([bytesOf(CLIENT), bytesOf(xml)]), undefined, budget).at(-1)
  return last?.on === 'fault' ? last.condition : undefined
}

/** Text with `\xNN`, `\n`, `\r`, `\t` and `\\` as bytes. */
export function rawBytes(text: string): Uint8Array {
  const simple: ReadonlyMap<string, number> = new Map([
    ['n', 10],
    ['r', 13],
    ['t', 9],
    ['\\', 92],
  ])
  const parts: Uint8Array[] = []
  for (const [piece] of text.matchAll(/\\x[0-9a-f]{2}|\\.|[^\\]+/gi)) {
    if (piece[0] !== '\\') parts.push(Buffer.from(piece))
    else parts.push(Uint8Array.of(piece[1] === 'x' ? Number.parseInt(piece.slice(2), 16) : simple.get(piece[1]!)!))
  }
  return Buffer.concat(parts)
}
