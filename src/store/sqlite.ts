import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Engine, EngineCollection, hostOf, qualify } from './collection.ts'
import { makeDataFolder, makePrivateFile } from './folder.ts'
import { GroupCommit, storeError } from './group-commit.ts'
import { decodeKey, encodeKey, type KeyRange } from './keys.ts'
import { migrate } from './schema/migrations.ts'
import { type Collection, type CollectionOptions, type Entry, type Key, type Operation, type Store, StoreError } from './store.ts'
import { type Change, holds, type Outcome, prepare, REFUSED, type Transaction } from './transaction.ts'

export interface SqliteOptions {
  /** 'full', the default: what is committed outlives a power cut. 'normal': only a crash of the process. */
  readonly synchronous?: 'full' | 'normal'
  /** Runs its argument at the end of this turn of the event loop; `setImmediate` by default. */
  readonly schedule?: (run: () => void) => void
}

/**
 * Opens the store of a data folder, both made when missing (modes 0600 and 0700). One process at a time: take
 * `lockDataFolder` first.
 *
 * @throws StoreError when it cannot be opened, or was written by a newer program
 */
export function openSqliteStore(folder: string, options: SqliteOptions = {}): Store {
  makeDataFolder(folder)
  const file = join(folder, 'entente.sqlite')
  makePrivateFile(file) // SQLite gives its other files the mode of this one
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: 200 })
    migrate(database)
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous === 'normal' ? 'NORMAL' : 'FULL'}`)
    return new SqliteStore(database, options.schedule ?? ((run) => setImmediate(run)))
  } catch (cause) {
    database?.close()
    throw storeError(cause)
  }
}

/** One row of the table of collections. */
interface Stored {
  readonly id: number
  readonly owned: boolean
}

class SqliteStore implements Store, Engine {
  readonly #database: DatabaseSync
  readonly #commits: GroupCommit
  readonly #sql: Statements
  /** Whose entries belong to accounts, as asked for in this run; what is stored may not say so yet. */
  readonly #owned = new Set<string>()
  readonly #stored: Map<string, Stored>
  /** What `#stored` said before the transaction that runs. */
  readonly #before = new Map<string, Stored | undefined>()

  constructor(database: DatabaseSync, schedule: (run: () => void) => void) {
    this.#database = database
    this.#sql = prepareStatements(database)
    this.#stored = new Map(
      this.#sql.collections
        .all()
        .map((row) => [`${row['host']}/${row['name']}`, { id: Number(row['id']), owned: row['owned'] === 1 }]),
    )
    this.#commits = new GroupCommit(database, schedule, {
      committed: () => this.#before.clear(),
      undone: () => this.#restore(),
    })
  }

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
    if (!this.#database.isOpen) return
    this.#commits.flush()
    this.#database.close()
  }

  async apply({ expectations, changes }: Transaction): Promise<Outcome> {
    this.#mustBeOpen()
    return this.#commits.write(() => {
      const held = expectations.every(({ collection, key, text }) => holds(this.#value(collection, key), text))
      if (!held) return REFUSED
      let changed = 0
      for (const change of changes) changed += this.#change(change)
      return { applied: true, changed }
    })
  }

  async get(collection: string, key: Key): Promise<unknown> {
    this.#mustBeOpen()
    const encoded = encodeKey(key)
    return this.#commits.read(() => {
      const text = this.#value(collection, encoded)
      return text === undefined ? undefined : JSON.parse(text)
    })
  }

  async list(collection: string, { from, below }: KeyRange, limit = -1): Promise<readonly Entry<unknown>[]> {
    this.#mustBeOpen()
    return this.#commits.read(() => {
      const stored = this.#stored.get(collection)
      if (stored === undefined) return []
      // the schema is strict: a key is a blob, a value a text
      const rows = this.#sql.list.all(stored.id, from, below, limit) as { key: Uint8Array; value: string }[]
      return rows.map((row) => ({ key: decodeKey(row.key), value: JSON.parse(row.value) as unknown }))
    })
  }

  async count(collection: string, { from, below }: KeyRange): Promise<number> {
    this.#mustBeOpen()
    return this.#commits.read(() => {
      const stored = this.#stored.get(collection)
      return stored === undefined ? 0 : Number(this.#sql.count.get(stored.id, from, below)?.['n'])
    })
  }

  #value(collection: string, key: Uint8Array): string | undefined {
    const stored = this.#stored.get(collection)
    if (stored === undefined) return undefined
    return this.#sql.get.get(stored.id, key)?.['value'] as string | undefined // the schema is strict
  }

  #change(change: Change): number {
    switch (change.op) {
      case 'put':
        this.#sql.put.run(this.#idToWrite(change.collection), change.key, change.text)
        return 1
      case 'delete':
        return Number(this.#sql.delete.run(this.#stored.get(change.collection)?.id ?? null, change.key).changes)
      case 'delete-all':
        return this.#deleteRange(this.#stored.get(change.collection), change.range)
      case 'delete-owned': {
        let changed = 0
        for (const [name, stored] of this.#stored) {
          const owned = stored.owned || this.#owned.has(name)
          if (owned && hostOf(name) === change.host) changed += this.#deleteRange(stored, change.range)
        }
        return changed
      }
    }
  }

  #deleteRange(stored: Stored | undefined, { from, below }: KeyRange): number {
    return stored === undefined ? 0 : Number(this.#sql.deleteRange.run(stored.id, from, below).changes)
  }

  /** The id of a collection whose row is there and says who owns it. */
  #idToWrite(collection: string): number {
    const stored = this.#stored.get(collection)
    const owned = this.#owned.has(collection)
    if (stored !== undefined && (stored.owned || !owned)) return stored.id
    const host = hostOf(collection)
    const row = this.#sql.register.get(host, collection.slice(host.length + 1), owned ? 1 : 0)
    const id = Number(row?.['id'])
    this.#before.set(collection, stored)
    this.#stored.set(collection, { id, owned })
    return id
  }

  #restore(): void {
    for (const [name, stored] of this.#before) {
      if (stored === undefined) this.#stored.delete(name)
      else this.#stored.set(name, stored)
    }
    this.#before.clear()
  }

  #mustBeOpen(): void {
    if (!this.#database.isOpen) throw new StoreError('the store is closed')
  }
}

interface Statements {
  readonly get: StatementSync
  readonly list: StatementSync
  readonly count: StatementSync
  readonly put: StatementSync
  readonly delete: StatementSync
  readonly deleteRange: StatementSync
  readonly collections: StatementSync
  readonly register: StatementSync
}

function prepareStatements(database: DatabaseSync): Statements {
  const range = 'collection = ? AND key >= ? AND key < ?'
  return {
    get: database.prepare('SELECT value FROM entry WHERE collection = ? AND key = ?'),
    list: database.prepare(`SELECT key, value FROM entry WHERE ${range} ORDER BY key LIMIT ?`),
    count: database.prepare(`SELECT count(*) AS n FROM entry WHERE ${range}`),
    put: database.prepare(
      'INSERT INTO entry (collection, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    ),
    delete: database.prepare('DELETE FROM entry WHERE collection = ? AND key = ?'),
    deleteRange: database.prepare(`DELETE FROM entry WHERE ${range}`),
    collections: database.prepare('SELECT id, host, name, owned FROM collection'),
    register: database.prepare(
      `INSERT INTO collection (host, name, owned) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET owned = max(owned, excluded.owned) RETURNING id`,
    ),
  }
}
