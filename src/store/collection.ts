import { type KeyRange, keyRange } from './keys.ts'
import type { Collection, Entry, Key, ListOptions, Operation } from './store.ts'
import { type Outcome, prepare, type Transaction } from './transaction.ts'

/** What a driver does; the rest of the contract is the same for all and is here. */
export interface Engine {
  apply(transaction: Transaction): Promise<Outcome>
  get(collection: string, key: Key): Promise<unknown>
  list(collection: string, range: KeyRange, limit: number | undefined): Promise<readonly Entry<unknown>[]>
  count(collection: string, range: KeyRange): Promise<number>
}

/** How operations name a collection. A host has no part in `name`, so the last slash parts the two. */
export function qualify(host: string, name: string): string {
  if (!/^[a-z0-9_]+$/.test(name)) throw new TypeError(`not a name of a collection: ${JSON.stringify(name)}`)
  return `${host.toWellFormed()}/${name}`
}

export function hostOf(qualified: string): string {
  return qualified.slice(0, qualified.lastIndexOf('/'))
}

export class EngineCollection<T> implements Collection<T> {
  readonly name: string
  readonly #engine: Engine
  readonly #qualified: string

  constructor(engine: Engine, host: string, name: string) {
    this.name = name
    this.#engine = engine
    this.#qualified = qualify(host, name)
  }

  async get(key: Key): Promise<T | undefined> {
    // what was put through this handle's type comes back as that type
    return (await this.#engine.get(this.#qualified, key)) as T | undefined
  }

  async put(key: Key, value: T): Promise<void> {
    await this.#engine.apply(prepare([this.putting(key, value)]))
  }

  async delete(key: Key): Promise<boolean> {
    return (await this.#engine.apply(prepare([this.deleting(key)]))).changed > 0
  }

  async list(prefix: Key, { limit, after }: ListOptions = {}): Promise<readonly Entry<T>[]> {
    // as in get
    return (await this.#engine.list(this.#qualified, keyRange(prefix, after), limit)) as readonly Entry<T>[]
  }

  async count(prefix: Key): Promise<number> {
    return this.#engine.count(this.#qualified, keyRange(prefix))
  }

  putting(key: Key, value: T): Operation {
    return { op: 'put', collection: this.#qualified, key, value }
  }

  deleting(key: Key): Operation {
    return { op: 'delete', collection: this.#qualified, key }
  }

  deletingAll(prefix: Key): Operation {
    return { op: 'delete-all', collection: this.#qualified, prefix }
  }

  expecting(key: Key, value: T | undefined): Operation {
    return { op: 'expect', collection: this.#qualified, key, value }
  }
}
