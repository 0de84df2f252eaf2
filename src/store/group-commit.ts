import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { reason } from './folder.ts'
import { StoreError } from './store.ts'

interface Job {
  readonly run: () => unknown
  readonly resolve: (result: unknown) => void
  readonly reject: (error: StoreError) => void
}

type Attempt =
  | { readonly done: true; readonly results: readonly unknown[] }
  /** `begun`: the database let us begin, so some of the work may succeed without the rest. */
  | { readonly done: false; readonly begun: boolean; readonly error: StoreError }

/** Told how each transaction ended, before anything else runs. */
export interface Ends {
  committed(): void
  undone(): void
}

/**
 * Carries out what is asked for in one turn of the event loop in one transaction of the database, in the order asked:
 * one wait for the disk for all. When that fails, each piece of work gets a transaction, and so a fate, of its own.
 */
export class GroupCommit {
  readonly #database: DatabaseSync
  readonly #schedule: (run: () => void) => void
  readonly #ends: Ends
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  readonly #rollback: StatementSync
  #pending: Job[] = []

  /** @param schedule runs its argument at the end of the turn */
  constructor(database: DatabaseSync, schedule: (run: () => void) => void, ends: Ends) {
    this.#database = database
    this.#schedule = schedule
    this.#ends = ends
    this.#begin = database.prepare('BEGIN IMMEDIATE')
    this.#commit = database.prepare('COMMIT')
    this.#rollback = database.prepare('ROLLBACK')
  }

  /** Resolves after the commit. `run` may run twice, the first time for nothing. */
  write<T>(run: () => T): Promise<T> {
    if (this.#pending.length === 0) this.#schedule(() => this.flush())
    return new Promise<T>((resolve, reject) => {
      // the queue has jobs of every type; this one's result is a T
      this.#pending.push({ run, resolve: resolve as (result: unknown) => void, reject })
    })
  }

  /** At once when nothing waits, else in its turn behind the writes asked for before it, and after their commit. */
  async read<T>(run: () => T): Promise<T> {
    if (this.#pending.length > 0) return this.write(run)
    try {
      return run()
    } catch (cause) {
      throw storeError(cause)
    }
  }

  flush(): void {
    const jobs = this.#pending
    this.#pending = []
    if (jobs.length === 0) return
    const attempt = this.#attempt(jobs)
    if (attempt.done || !attempt.begun || jobs.length === 1) settle(jobs, attempt)
    else for (const job of jobs) settle([job], this.#attempt([job]))
  }

  #attempt(jobs: readonly Job[]): Attempt {
    try {
      this.#begin.run()
    } catch (cause) {
      return { done: false, begun: false, error: storeError(cause) }
    }
    try {
      const results = jobs.map((job) => job.run())
      this.#commit.run()
      this.#ends.committed()
      return { done: true, results }
    } catch (cause) {
      this.#undo()
      return { done: false, begun: true, error: storeError(cause) }
    }
  }

  #undo(): void {
    if (this.#database.isTransaction) this.#rollback.run() // some errors of the medium have rolled back already
    this.#ends.undone()
  }
}

function settle(jobs: readonly Job[], attempt: Attempt): void {
  jobs.forEach((job, i) => {
    if (attempt.done) job.resolve(attempt.results[i])
    else job.reject(attempt.error)
  })
}

export function storeError(cause: unknown): StoreError {
  return cause instanceof StoreError ? cause : new StoreError(`the store failed: ${reason(cause)}`, { cause })
}
