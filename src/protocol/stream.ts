import { type Element, el, type Node } from '../xmpp/element.ts'
import { StreamError } from '../xmpp/errors.ts'
import type { StreamHeader } from '../xmpp/framer.ts'
import { NS } from '../xmpp/ns.ts'
import { escapeAttr, serialize } from '../xmpp/serialize.ts'

export const STREAM_END = '</stream:stream>'

/** What we say when we open a stream. `version` is left out only towards a peer that has none itself (RFC 6120 §4.7.5). */
export interface Opening {
  readonly contentNs: typeof NS.client | typeof NS.server | typeof NS.component
  readonly to?: string | undefined
  readonly from?: string | undefined
  readonly id?: string | undefined
  readonly lang?: string | undefined
  readonly version?: string | undefined
  /** Declare the `db` prefix (XEP-0220 §2.4.1). */
  readonly dialback?: boolean
}

export function openStream(o: Opening): string {
  let header = `<?xml version='1.0'?><stream:stream xmlns='${o.contentNs}' xmlns:stream='${NS.streams}'`
  if (o.dialback) header += ` xmlns:db='${NS.dialback}'`
  if (o.to !== undefined) header += ` to='${escapeAttr(o.to)}'`
  if (o.from !== undefined) header += ` from='${escapeAttr(o.from)}'`
  if (o.id !== undefined) header += ` id='${escapeAttr(o.id)}'`
  if (o.version !== undefined) header += ` version='${o.version}'`
  if (o.lang !== undefined) header += ` xml:lang='${escapeAttr(o.lang)}'`
  return `${header}>`
}

/** `<stream:features/>` as text, with the prefix that every header of ours declares. */
export function features(...offers: readonly (Node | undefined)[]): string {
  let inside = ''
  for (const offer of offers) if (offer !== undefined && typeof offer !== 'string') inside += serialize(offer, NS.client)
  return inside === '' ? '<stream:features/>' : `<stream:features>${inside}</stream:features>`
}

/** `<stream:error/>` as text, without the end of the stream. */
export function streamError(error: StreamError): string {
  let inside = ''
  for (const child of error.toElement().children) inside += serialize(child, NS.client)
  return `<stream:error>${inside}</stream:error>`
}

/**
 * Is this the header of a stream of ours? RFC 6120 §4.8: the root is `stream` in the streams namespace, the default
 * namespace is the content namespace.
 */
export function judgeHeader(header: StreamHeader, contentNs: string): StreamError | undefined {
  if (header.ns !== NS.streams) return new StreamError('invalid-namespace', `the stream namespace is ${NS.streams}`)
  if (header.name !== 'stream') return new StreamError('bad-format', 'the root element is <stream/>')
  if (header.contentNs !== contentNs) return new StreamError('invalid-namespace', `the default namespace here is ${contentNs}`)
  return undefined
}

/**
 * The peer's version as [major, minor]; [0, 9] when it has none, undefined when it is no version (RFC 6120 §4.7.5:
 * compared as numbers, leading zeros ignored).
 */
export function parseVersion(version: string | undefined): readonly [number, number] | undefined {
  if (version === undefined) return [0, 9]
  const match = /^([0-9]{1,6})\.([0-9]{1,6})$/.exec(version)
  return match === null ? undefined : [Number(match[1]), Number(match[2])]
}

export const starttlsOffer = (required: boolean) => el('starttls', NS.tls, {}, required ? el('required', NS.tls) : undefined)

/** XEP-0478 §3: the largest first-level element, in bytes, that whoever sent this takes; undefined when it does not say. */
export function readMaxBytes(parent: Element): number | undefined {
  const text = parent.child('limits', NS.streamLimits)?.child('max-bytes')?.text ?? ''
  return /^[0-9]{1,15}$/.test(text) ? Math.max(Number(text), LEAST_MAX_BYTES) : undefined
}

/** RFC 6120 §13.12: everybody takes a stanza of this size. A peer that claims less would only silence itself. */
const LEAST_MAX_BYTES = 10_000
