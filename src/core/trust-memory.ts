import { isBelow, type Trust } from '../policy/trust.ts'
import type { Collection, Store } from '../store/store.ts'

/** What a domain has shown. Times are ms since 1970. */
export interface Shown {
  readonly best: Trust
  /** When the best was seen first, and last. */
  readonly sinceMs: number
  readonly lastMs: number
}

/** Room for every domain that a busy server meets; an entry is some 100 bytes. */
const MOST_DOMAINS = 10_000
/** How exact `lastMs` is in the store: it decides only who is forgotten first. */
const REFRESH_MS = 86_400_000

/**
 * The best proof that each remote domain has shown, over restarts. Who has shown nothing but plain text is not worth an
 * entry. At the bound those without a certificate are forgotten first, the longest unseen before others.
 */
export class TrustMemory {
  readonly #now: () => number
  readonly #failed: (error: unknown) => void
  /** The longest unseen first. */
  readonly #shown = new Map<string, Shown>()
  #stored: Collection<Shown> | undefined

  /** @param failed hears of what could not be stored; memory goes on without */
  constructor(now: () => number, failed: (error: unknown) => void) {
    this.#now = now
    this.#failed = failed
  }

  /** Reads what is stored; from now on changes are stored too. Rejects with StoreError. */
  async open(store: Store): Promise<void> {
    const stored = store.collection<Shown>('', 'peer_trust')
    const entries = await stored.list([], { limit: MOST_DOMAINS })
    for (const { key, value } of entries.toSorted((a, b) => a.value.lastMs - b.value.lastMs)) this.#shown.set(key[0]!, value)
    this.#stored = stored
  }

  of(remote: string): Shown | undefined {
    return this.#shown.get(remote)
  }

  /** Remembers what a domain has shown just now. Returns what it has shown before, when that was better. */
  note(remote: string, trust: Trust): Shown | undefined {
    const before = this.#shown.get(remote)
    if (before === undefined && trust === 'plain') return undefined
    if (before !== undefined && isBelow(trust, before.best)) return before
    const nowMs = this.#now()
    const better = before === undefined || isBelow(before.best, trust)
    const stale = before !== undefined && nowMs - before.lastMs > REFRESH_MS
    const shown = { best: trust, sinceMs: better ? nowMs : before.sinceMs, lastMs: better || stale ? nowMs : before.lastMs }
    this.#shown.delete(remote)
    this.#shown.set(remote, shown)
    if (better || stale) this.#store((stored) => stored.put([remote], shown))
    if (this.#shown.size > MOST_DOMAINS) this.forget(this.#least())
    return undefined
  }

  #least(): string {
    for (const [remote, { best }] of this.#shown) if (best !== 'certificate') return remote
    return this.#shown.keys().next().value!
  }

  /** From now on the domain may begin anew. Returns whether it was known. */
  forget(remote: string): boolean {
    this.#store((stored) => stored.delete([remote]))
    return this.#shown.delete(remote)
  }

  #store(write: (stored: Collection<Shown>) => Promise<unknown>): void {
    if (this.#stored !== undefined) write(this.#stored).catch((error: unknown) => this.#failed(error))
  }
}
