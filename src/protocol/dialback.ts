import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Element } from '../xmpp/element.ts'
import { STANZA_CONDITIONS, type StanzaCondition, type StanzaError } from '../xmpp/errors.ts'
import { prepareDomain } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { escapeAttr, escapeText, serialize } from '../xmpp/serialize.ts'

/**
 * The key of one dialback question (XEP-0185 §2): HMAC-SHA256 under the hex of the secret's SHA-256, over
 * "receiving originating id", as hex. Domains hold no space, so no two questions share a text.
 */
export function dialbackKey(secret: string, receiving: string, originating: string, streamId: string): string {
  const hashed = createHash('sha256').update(secret).digest('hex')
  return createHmac('sha256', hashed).update(`${receiving} ${originating} ${streamId}`).digest('hex')
}

/** Compares two keys in constant time; both are hashed first, so the length shows neither. */
export function sameKey(one: string, other: string): boolean {
  const digest = (key: string) => createHash('sha256').update(key).digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** A `db:result` or `db:verify` with enforced domains; one that is absent or no domain is undefined. */
export interface Dialback {
  readonly name: 'result' | 'verify'
  readonly from: string | undefined
  readonly to: string | undefined
  /** Of `verify`: the id of the stream that is checked. */
  readonly id: string | undefined
  /** Absent on a question. Anything but `valid`, `invalid` and `error` is kept as it is, and is neither. */
  readonly type: string | undefined
  readonly key: string
  /** Of an answer with `type='error'`. */
  readonly error: StanzaCondition | undefined
}

/** Reads a first-level element (XEP-0220 §2); undefined when it is no dialback element. */
export function parseDialback(e: Element): Dialback | undefined {
  if (e.ns !== NS.dialback || (e.name !== 'result' && e.name !== 'verify')) return undefined
  const domain = (key: string) => {
    const value = e.attr(key)
    return value === undefined ? undefined : prepareDomain(value)
  }
  const type = e.attr('type')
  const error = type === 'error' ? readCondition(e) : undefined
  return { name: e.name, from: domain('from'), to: domain('to'), id: e.attr('id'), type, key: e.text, error }
}

const CONDITIONS = Object.keys(STANZA_CONDITIONS) as StanzaCondition[] // keys of an object are typed as string

function readCondition(e: Element): StanzaCondition {
  const named = e.child('error', NS.client)?.children.find((c) => c.ns === NS.stanzaErrors && c.name !== 'text')
  return CONDITIONS.find((c) => c === named?.name) ?? 'undefined-condition'
}

export interface DialbackParts {
  readonly name: 'result' | 'verify'
  readonly from: string
  readonly to: string
  readonly id?: string | undefined
  readonly type?: 'valid' | 'invalid' | 'error' | undefined
  readonly key?: string | undefined
  readonly error?: StanzaError | undefined
}

/** Writes a dialback element. The prefix is `db`, which every header of ours declares: old peers look for it by name. */
export function dialbackXml(o: DialbackParts): string {
  let tag = `<db:${o.name} from='${escapeAttr(o.from)}' to='${escapeAttr(o.to)}'`
  if (o.id !== undefined) tag += ` id='${escapeAttr(o.id)}'`
  if (o.type !== undefined) tag += ` type='${o.type}'`
  const inside = o.error !== undefined ? serialize(o.error.toElement(), NS.client) : escapeText(o.key ?? '')
  return inside === '' ? `${tag}/>` : `${tag}>${inside}</db:${o.name}>`
}

/** The answer to a question: addresses swapped, the id (of `verify`) copied (XEP-0220 §2.2). */
export function dialbackAnswer(
  asked: { readonly name: 'result' | 'verify'; readonly from: string; readonly to: string; readonly id?: string | undefined },
  answer: 'valid' | 'invalid' | StanzaError,
): string {
  const about = { name: asked.name, from: asked.to, to: asked.from, id: asked.name === 'verify' ? asked.id : undefined }
  return typeof answer === 'string'
    ? dialbackXml({ ...about, type: answer })
    : dialbackXml({ ...about, type: 'error', error: answer })
}
