/**
 * The parts of a key, in order of significance. Any string is allowed in any part; what is not Unicode (a lone half of
 * a surrogate pair) becomes U+FFFD, so keys that differ in nothing else are the same key.
 */
export type Key = readonly string[]

export interface Entry<T> {
  readonly key: Key
  readonly value: T
}

/**
 * One change of a transaction, or a precondition of it. Made by the methods of a {@link Collection}; opaque elsewhere.
 * `value` is what JSON can carry.
 */
export type Operation =
  | { readonly op: 'put'; readonly collection: string; readonly key: Key; readonly value: unknown }
  | { readonly op: 'delete'; readonly collection: string; readonly key: Key }
  | { readonly op: 'delete-all'; readonly collection: string; readonly prefix: Key }
  | { readonly op: 'delete-owned'; readonly host: string; readonly account: string }
  | { readonly op: 'expect'; readonly collection: string; readonly key: Key; readonly value: unknown } // undefined: absent

export interface ListOptions {
  /** At most so many entries. */
  readonly limit?: number
  /** Only keys after this one, in key order. */
  readonly after?: Key
}

/**
 * A set of values under keys, in key order (parts compared one by one, by UTF-8 bytes; a shorter key before its
 * extensions). Values are what JSON can carry, any string in them included; what comes back is a copy of what was put.
 * A value that JSON cannot carry is a TypeError.
 */
export interface Collection<T> {
  readonly name: string
  get(key: Key): Promise<T | undefined>
  /** Resolves when the value is committed. */
  put(key: Key, value: T): Promise<void>
  /** Resolves, when it is committed, with whether there was one. */
  delete(key: Key): Promise<boolean>
  /** Everything under a prefix (itself included), in key order; [] for all. */
  list(prefix: Key, options?: ListOptions): Promise<readonly Entry<T>[]>
  count(prefix: Key): Promise<number>
  putting(key: Key, value: T): Operation
  deleting(key: Key): Operation
  deletingAll(prefix: Key): Operation
  /** The transaction goes through only if the value is this; undefined: only if there is none. */
  expecting(key: Key, value: T | undefined): Operation
}

export interface CollectionOptions {
  /**
   * 'account': the first part of every key is the local part of the account that owns the entry; it goes when the
   * account goes ({@link Store.deletingOwned}), also while the module that wrote it does not run.
   */
  readonly owner?: 'account'
}

/** Thrown by every method when the medium fails (disk full, I/O error, connection lost). What was stored stays as it was. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}

/**
 * Where everything that must survive lives. Every driver passes the same contract suite.
 * Writes that are asked for in one tick are committed together, in the order asked; a promise resolves after the commit.
 * A read sees every write that was asked for before it.
 */
export interface Store {
  /** A collection of one host ('' for the server's own), made when missing. Names are `[a-z0-9_]+`. */
  collection<T>(host: string, name: string, options?: CollectionOptions): Collection<T>
  /** Everything that an account has in the host's collections that are owned by accounts. */
  deletingOwned(host: string, account: string): Operation
  /**
   * All or nothing, in order. false, and nothing changed, when an expectation does not hold; expectations are about
   * what is there before the transaction, wherever they stand in the list.
   */
  transact(operations: readonly Operation[]): Promise<boolean>
  /** Waits for what is pending, then closes. */
  close(): Promise<void>
}
