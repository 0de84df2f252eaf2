import { Buffer } from 'node:buffer'
import type { Key, ListOptions } from './store.ts'

/** A half-open range of encoded keys. */
export interface KeyRange {
  readonly from: Buffer
  readonly below: Buffer
}

const SPECIAL = /[\0\x01]/g
const escaped = (char: string): string => (char === '\0' ? '\x01\x01' : '\x01\x02')

/**
 * One byte string a key, in the order of keys: each part in UTF-8, ended by 0x00. Inside a part 0x00 is 01 01 and 0x01
 * is 01 02: this keeps their order, and a part's end below everything a longer part can go on with.
 */
export function encodeKey(key: Key): Buffer {
  let text = ''
  for (const part of key) text += `${part.replace(SPECIAL, escaped)}\0`
  return Buffer.from(text, 'utf8')
}

export function decodeKey(bytes: Uint8Array): Key {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const parts = text.split('\0').slice(0, -1) // each part is ended, so the last piece is empty
  return parts.map((part) => part.replaceAll('\x01\x01', '\0').replaceAll('\x01\x02', '\x01'))
}

const LAST = Buffer.of(0xff) // no byte of UTF-8
const FIRST = Buffer.of(0)

/** The keys under a prefix, itself included; only those after `after`, when given. */
export function keyRange(prefix: Key, after?: ListOptions['after']): KeyRange {
  const start = encodeKey(prefix)
  const below = Buffer.concat([start, LAST])
  if (after === undefined) return { from: start, below }
  const next = Buffer.concat([encodeKey(after), FIRST]) // the byte string right behind it
  return { from: Buffer.compare(next, start) > 0 ? next : start, below }
}
