import { Buffer } from 'node:buffer'
import { isXmlChar } from './chars.ts'
import { NS } from './ns.ts'

/** A Buffer with the two direct slicers that Node has and its type package leaves out. */
export interface Bytes extends Buffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** The same memory as a Buffer. */
export function asBytes(chunk: Uint8Array): Bytes {
  const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
  return buffer as Bytes // every Buffer of Node has both methods
}

/** An empty Buffer with room for that many bytes. */
export function roomFor(length: number): Bytes {
  return Buffer.allocUnsafe(length) as Bytes // see asBytes
}

const WORDS: readonly string[] = [
  ...['message', 'presence', 'iq', 'body', 'subject', 'thread', 'show', 'status', 'priority', 'error', 'text'],
  ...['to', 'from', 'type', 'id', 'lang', 'xml', 'xml:lang', 'xmlns', 'node', 'ver', 'hash', 'by', 'jid', 'name', 'stamp'],
  ...['chat', 'groupchat', 'headline', 'normal', 'get', 'set', 'result', 'unavailable', 'subscribe', 'subscribed', 'probe'],
  ...['unsubscribe', 'unsubscribed', 'cancel', 'auth', 'modify', 'wait', 'away', 'xa', 'dnd', 'en', '0', '1', '-1', '5'],
  ...['c', 'x', 'r', 'a', 'h', 'query', 'item', 'items', 'feature', 'identity', 'delay', 'request', 'received', 'active'],
  ...['composing', 'paused', 'inactive', 'gone', 'origin-id', 'stanza-id', 'ping', 'features', 'forwarded', 'private', 'sent'],
  ...['stream', 'version', 'db', 'verify', 'markable', 'displayed', 'store', 'encrypted', 'header', 'payload', 'event'],
  ...['urn:xmpp:receipts', 'http://jabber.org/protocol/caps', 'urn:xmpp:chat-markers:0', 'urn:xmpp:mam:2', 'urn:xmpp:sid:0'],
  ...['vcard-temp:x:update', 'http://jabber.org/protocol/muc', 'http://jabber.org/protocol/muc#user', 'photo', 'sha-1'],
  ...['http://jabber.org/protocol/pubsub', 'http://jabber.org/protocol/pubsub#event', 'urn:xmpp:occupant-id:0', 'occupant-id'],
  ...['eu.siacs.conversations.axolotl', 'urn:xmpp:eme:0', 'urn:xmpp:idle:1', 'idle', 'since', 'key', 'rid', 'iv', 'publish'],
  ...Object.values(NS),
]
const SLOTS = 1024

/** Of a word, from its length and four of its bytes. */
function slotOf(length: number, first: number, middle: number, late: number, last: number): number {
  return (length * 67 + first * 7 + middle * 31 + late * 13 + last * 3) & (SLOTS - 1)
}

function tableOf(words: readonly string[]): readonly (readonly string[] | undefined)[] {
  const table: (string[] | undefined)[] = new Array(SLOTS).fill(undefined)
  for (const word of new Set(words)) {
    const n = word.length
    const at = (i: number): number => word.charCodeAt(i)
    const slot = slotOf(n, at(0), at(n >> 1), at(Math.max(n - 3, 0)), at(n - 1))
    ;(table[slot] ??= []).push(word)
  }
  return table
}
const TABLE = tableOf(WORDS)

function same(word: string, b: Uint8Array, start: number): boolean {
  for (let i = word.length - 1; i >= 0; i--) if (word.charCodeAt(i) !== b[start + i]) return false
  return true
}

/** The text of valid UTF-8 bytes; words that are frequent in XMPP cost no new string. */
export function word(b: Bytes, start: number, end: number): string {
  const n = end - start
  if (n === 0) return ''
  const bucket = TABLE[slotOf(n, b[start]!, b[start + (n >> 1)]!, b[n > 3 ? end - 3 : start]!, b[end - 1]!)]
  if (bucket !== undefined) for (const w of bucket) if (w.length === n && same(w, b, start)) return w
  return b.utf8Slice(start, end)
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['apos', "'"],
  ['quot', '"'],
])

/** The character that a reference (what stands between `&` and `;`) means; undefined when it means none. */
export function dereference(name: string): string | undefined {
  if (name.charCodeAt(0) !== 0x23) return ENTITIES.get(name)
  const code = name.charCodeAt(1) === 0x78 ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10)
  return isXmlChar(code) ? String.fromCodePoint(code) : undefined
}

function expand(text: string): string {
  let at = text.indexOf('&')
  if (at === -1) return text
  let out = ''
  let from = 0
  while (at !== -1) {
    const end = text.indexOf(';', at)
    out += text.slice(from, at) + dereference(text.slice(at + 1, end))!
    from = end + 1
    at = text.indexOf('&', from)
  }
  return out + text.slice(from)
}

/** XML 1.0 §2.11: a carriage return, alone or with the line feed behind it, is a line feed. */
export function normalizeLines(text: string): string {
  return text.includes('\r') ? text.replaceAll('\r\n', '\n').replaceAll('\r', '\n') : text
}

/** Proven character data as the string it means. */
export function textOf(raw: string): string {
  return expand(normalizeLines(raw))
}

/** A proven attribute value as the string it means: white space in it is blanks (XML 1.0 §3.3.3). */
export function attrOf(raw: string): string {
  return expand(normalizeLines(raw).replaceAll('\n', ' ').replaceAll('\t', ' '))
}
