import type { Buffer } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import { encodeKey, type KeyRange, keyRange } from './keys.ts'
import type { Operation } from './store.ts'

export interface Expectation {
  readonly collection: string
  readonly key: Buffer
  /** JSON; undefined: absent. */
  readonly text: string | undefined
}

export type Change =
  | { readonly op: 'put'; readonly collection: string; readonly key: Buffer; readonly text: string }
  | { readonly op: 'delete'; readonly collection: string; readonly key: Buffer }
  | { readonly op: 'delete-all'; readonly collection: string; readonly range: KeyRange }
  | { readonly op: 'delete-owned'; readonly host: string; readonly range: KeyRange }

/** Operations as drivers carry them out: encoded, so a copy of what was asked, and checked. */
export interface Transaction {
  readonly expectations: readonly Expectation[]
  readonly changes: readonly Change[]
}

export interface Outcome {
  /** Whether every expectation held. */
  readonly applied: boolean
  /** Entries put and deleted. */
  readonly changed: number
}

export const REFUSED: Outcome = { applied: false, changed: 0 }

/** Throws TypeError when a value cannot be carried by JSON. */
export function prepare(operations: readonly Operation[]): Transaction {
  const expectations: Expectation[] = []
  const changes: Change[] = []
  for (const operation of operations) {
    if (operation.op === 'expect') expectations.push(expectation(operation))
    else changes.push(change(operation))
  }
  return { expectations, changes }
}

function expectation({ collection, key, value }: Operation & { op: 'expect' }): Expectation {
  return { collection, key: encodeKey(key), text: value === undefined ? undefined : encodeValue(value) }
}

function change(operation: Exclude<Operation, { op: 'expect' }>): Change {
  switch (operation.op) {
    case 'put': {
      const { op, collection, key, value } = operation
      return { op, collection, key: encodeKey(key), text: encodeValue(value) }
    }
    case 'delete':
      return { op: 'delete', collection: operation.collection, key: encodeKey(operation.key) }
    case 'delete-all':
      return { op: 'delete-all', collection: operation.collection, range: keyRange(operation.prefix) }
    case 'delete-owned':
      return { op: 'delete-owned', host: operation.host, range: keyRange([operation.account]) }
  }
}

function encodeValue(value: unknown): string {
  // its type says string, but it is undefined for undefined, functions and symbols
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`JSON cannot carry a value of type ${typeof value}`)
  return text
}

/** Whether what is stored is what a transaction expects; the order of an object's members does not count. */
export function holds(stored: string | undefined, expected: string | undefined): boolean {
  if (stored === undefined || expected === undefined) return stored === expected
  return stored === expected || isDeepStrictEqual(JSON.parse(stored), JSON.parse(expected))
}
