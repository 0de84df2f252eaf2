import type { Element } from '../xmpp/element.ts'
import { type StreamCondition, StreamError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/ns.ts'
import type { C2sContext, C2sEffect, C2sNext, C2sState } from './c2s-state.ts'
import { encodeBase64 } from './sasl/base64.ts'
import { openStream, STREAM_END, streamError } from './stream.ts'

export const go = (state: C2sState, ...effects: readonly C2sEffect[]): C2sNext => ({ state, effects })
export const send = (xml: string): C2sEffect => ({ do: 'send', xml })

export const closed: C2sState = { at: 'closed' }

/** Our header of a client stream, with a new id (RFC 6120 §4.7.3). */
export function ourHeader(context: C2sContext, from: string, to?: string): string {
  const id = encodeBase64(context.random(18))
  return openStream({ contentNs: NS.client, from, to, id, version: '1.0', lang: 'en' })
}

/** Ends the stream with an error, before which our header must have been sent (RFC 6120 §4.9.1.2). */
export function fail(condition: StreamCondition, text = '', extra?: Element): C2sNext {
  return go(closed, send(streamError(new StreamError(condition, text, extra)) + STREAM_END), { do: 'finish' })
}

/** Ends a stream that we have not opened ourselves yet: header first. */
export function failUnopened(context: C2sContext, from: string, error: StreamError): C2sNext {
  return go(closed, send(ourHeader(context, from) + streamError(error) + STREAM_END), { do: 'finish' })
}

export const end = (): C2sNext => go(closed, send(STREAM_END), { do: 'finish' })
export const destroy = (): C2sNext => go(closed, { do: 'destroy' })
