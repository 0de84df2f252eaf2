import { Buffer } from 'node:buffer'
import { type Engine, EngineCollection, hostOf, qualify } from './collection.ts'
import { decodeKey, encodeKey, type KeyRange } from './keys.ts'
import { type Collection, type CollectionOptions, type Entry, type Key, type Operation, type Store, StoreError } from './store.ts'
import { type Change, holds, type Outcome, prepare, REFUSED, type Transaction } from './transaction.ts'

/** A store that forgets everything when it is closed: for tests and for `storage = "memory"`. */
export function openMemoryStore(): Store {
  return new MemoryStore()
}

const order = (bytes: Buffer): string => bytes.toString('latin1') // one code unit a byte, so `<` compares bytes

/** Entries by encoded key, in key order. */
class Table {
  readonly #values = new Map<string, string>()
  readonly #keys: string[] = []

  get(key: string): string | undefined {
    return this.#values.get(key)
  }

  put(key: string, text: string): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#firstFrom(key), 0, key)
    this.#values.set(key, text)
  }

  delete(key: string): number {
    if (!this.#values.delete(key)) return 0
    this.#keys.splice(this.#firstFrom(key), 1)
    return 1
  }

  deleteAll(range: KeyRange): number {
    const [start, end] = this.#span(range)
    for (const key of this.#keys.splice(start, end - start)) this.#values.delete(key)
    return end - start
  }

  keys(range: KeyRange, limit: number): readonly string[] {
    const [start, end] = this.#span(range)
    return this.#keys.slice(start, Math.min(end, start + limit))
  }

  count(range: KeyRange): number {
    const [start, end] = this.#span(range)
    return end - start
  }

  #span({ from, below }: KeyRange): readonly [number, number] {
    const start = this.#firstFrom(order(from))
    return [start, Math.max(start, this.#firstFrom(order(below)))]
  }

  /** The index of the first key that is not below this one. */
  #firstFrom(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

class MemoryStore implements Store, Engine {
  readonly #tables = new Map<string, Table>()
  readonly #owned = new Set<string>()
  #closed = false

  collection<T>(host: string, name: string, options: CollectionOptions = {}): Collection<T> {
    if (options.owner === 'account') this.#owned.add(qualify(host, name))
    return new EngineCollection<T>(this, host, name)
  }

  deletingOwned(host: string, account: string): Operation {
    return { op: 'delete-owned', host, account }
  }

  async transact(operations: readonly Operation[]): Promise<boolean> {
    return (await this.apply(prepare(operations))).applied
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#tables.clear()
  }

  async apply({ expectations, changes }: Transaction): Promise<Outcome> {
    this.#mustBeOpen()
    const held = expectations.every(({ collection, key, text }) => holds(this.#table(collection).get(order(key)), text))
    if (!held) return REFUSED
    let changed = 0
    for (const change of changes) changed += this.#change(change)
    return { applied: true, changed }
  }

  async get(collection: string, key: Key): Promise<unknown> {
    this.#mustBeOpen()
    const text = this.#table(collection).get(order(encodeKey(key)))
    return text === undefined ? undefined : JSON.parse(text)
  }

  async list(collection: string, range: KeyRange, limit = Number.POSITIVE_INFINITY): Promise<readonly Entry<unknown>[]> {
    this.#mustBeOpen()
    const table = this.#table(collection)
    return table
      .keys(range, limit)
      .map((key) => ({ key: decodeKey(Buffer.from(key, 'latin1')), value: JSON.parse(table.get(key)!) as unknown }))
  }

  async count(collection: string, range: KeyRange): Promise<number> {
    this.#mustBeOpen()
    return this.#table(collection).count(range)
  }

  #change(change: Change): number {
    switch (change.op) {
      case 'put':
        this.#table(change.collection).put(order(change.key), change.text)
        return 1
      case 'delete':
        return this.#table(change.collection).delete(order(change.key))
      case 'delete-all':
        return this.#table(change.collection).deleteAll(change.range)
      case 'delete-owned':
        return [...this.#owned]
          .filter((name) => hostOf(name) === change.host)
          .reduce((sum, name) => sum + this.#table(name).deleteAll(change.range), 0)
    }
  }

  #table(collection: string): Table {
    let table = this.#tables.get(collection)
    if (table === undefined) this.#tables.set(collection, (table = new Table()))
    return table
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StoreError('the store is closed')
  }
}
