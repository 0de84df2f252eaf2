import type { Collection, Operation, Store } from '../store/store.ts'
import { type Jid, parseJid } from '../xmpp/jid.ts'

export type Subscription = 'none' | 'to' | 'from' | 'both'

/** One entry of a roster (RFC 6121 §2.1). */
export interface RosterItem {
  readonly jid: Jid
  readonly name: string
  readonly groups: readonly string[]
  readonly subscription: Subscription
  /** A subscription request of ours is unanswered. */
  readonly ask: boolean
  /** Approved before it was asked for (RFC 6121 §3.4). */
  readonly approved: boolean
}

/** As it is stored, under [account, contact]. */
interface StoredItem {
  readonly name?: string
  readonly groups?: readonly string[]
  readonly subscription: Subscription
  readonly ask?: true
  readonly approved?: true
}

const MOST_ITEMS = 5000

/** An account's contacts and the subscription requests that wait for its answer. */
export class Roster {
  readonly items = new Map<string, RosterItem>()
  /** Bare address of who asks -> the whole presence stanza as XML (RFC 6121 §3.1.3: kept until answered). */
  readonly requests = new Map<string, string>()

  /** No more contacts (RFC 6121 §2.1.5 leaves the bound to the server). */
  get isFull(): boolean {
    return this.items.size >= MOST_ITEMS
  }

  item(contact: Jid): RosterItem | undefined {
    return this.items.get(contact.toString())
  }

  /** May this contact see the account's presence? */
  sharesWith(contact: Jid): boolean {
    const subscription = this.items.get(contact.bare.toString())?.subscription
    return subscription === 'from' || subscription === 'both'
  }
}

/** One change of a roster; applied to memory at once and stored together with the others of its list. */
export type RosterChange =
  | { readonly put: RosterItem }
  | { readonly remove: Jid }
  | { readonly request: Jid; readonly stanza: string }
  | { readonly answered: Jid }

const CACHE_LIMIT = 5000

/** The rosters of one host, read through a bounded cache. */
export class Rosters {
  readonly #store: Store
  readonly #items: Collection<StoredItem>
  readonly #requests: Collection<string>
  /** In order of first use; what is over the limit goes, the oldest first. */
  readonly #cache = new Map<string, Roster | Promise<Roster>>()

  constructor(store: Store, domain: string) {
    this.#store = store
    this.#items = store.collection<StoredItem>(domain, 'roster', { owner: 'account' })
    this.#requests = store.collection<string>(domain, 'roster_requests', { owner: 'account' })
  }

  /** A roster; a promise only when it must be read. Rejects with StoreError. */
  of(local: string): Roster | Promise<Roster> {
    const cached = this.#cache.get(local)
    if (cached !== undefined) return cached
    const reading = this.#read(local).then(
      (roster) => {
        if (this.#cache.get(local) === reading) this.#cache.set(local, roster)
        return roster
      },
      (error: unknown) => {
        this.forget(local)
        throw error
      },
    )
    this.#cache.set(local, reading)
    if (this.#cache.size > CACHE_LIMIT) this.#cache.delete(this.#cache.keys().next().value!)
    return reading
  }

  async #read(local: string): Promise<Roster> {
    const [items, requests] = await Promise.all([this.#items.list([local]), this.#requests.list([local])])
    const roster = new Roster()
    for (const { key, value } of items) {
      const contact = parseJid(key[1]!)
      if (contact !== undefined) roster.items.set(contact.toString(), restored(contact, value))
    }
    for (const { key, value } of requests) roster.requests.set(key[1]!, value)
    return roster
  }

  /** Applies changes and resolves when they are stored. When storing fails nothing has changed, and it rejects. */
  async change(local: string, roster: Roster, changes: readonly RosterChange[]): Promise<void> {
    const operations: Operation[] = []
    for (const change of changes) operations.push(this.#apply(local, roster, change))
    try {
      await this.#store.transact(operations)
    } catch (error) {
      this.forget(local) // memory is ahead of the store: read it again
      throw error
    }
  }

  #apply(local: string, roster: Roster, change: RosterChange): Operation {
    if ('put' in change) {
      roster.items.set(change.put.jid.toString(), change.put)
      return this.#items.putting([local, change.put.jid.toString()], stored(change.put))
    }
    if ('remove' in change) {
      roster.items.delete(change.remove.toString())
      return this.#items.deleting([local, change.remove.toString()])
    }
    if ('request' in change) {
      roster.requests.set(change.request.toString(), change.stanza)
      return this.#requests.putting([local, change.request.toString()], change.stanza)
    }
    roster.requests.delete(change.answered.toString())
    return this.#requests.deleting([local, change.answered.toString()])
  }

  /** Reads it anew next time; for an account that is deleted, too. */
  forget(local: string): void {
    this.#cache.delete(local)
  }
}

function restored(jid: Jid, value: StoredItem): RosterItem {
  return {
    jid,
    name: value.name ?? '',
    groups: value.groups ?? [],
    subscription: value.subscription,
    ask: value.ask === true,
    approved: value.approved === true,
  }
}

function stored(item: RosterItem): StoredItem {
  return {
    ...(item.name === '' ? {} : { name: item.name }),
    ...(item.groups.length === 0 ? {} : { groups: item.groups }),
    subscription: item.subscription,
    ...(item.ask ? { ask: true } : {}),
    ...(item.approved ? { approved: true } : {}),
  }
}
