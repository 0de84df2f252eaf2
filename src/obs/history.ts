import type { Fields } from './log.ts'
import { sanitize } from './sanitize.ts'

/** Something that happened with a remote domain. */
export interface PastEvent {
  readonly timeMs: number
  readonly event: string
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

/** Remote domains of which events are kept; the one that was quiet for longest goes first. */
export const MOST_REMOTES = 1000
/** So many of them at most that are known from nothing but what somebody claimed to be. */
export const MOST_STRANGERS = 200
export const MOST_EVENTS = 20

/** The last events of each remote domain, for whoever asks why it does not work. */
export class RemoteHistory {
  readonly #known = new Map<string, PastEvent[]>()
  readonly #strangers = new Map<string, PastEvent[]>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** @param proven false for what anybody can cause in the name of any domain: it pushes out others of its kind only */
  note(remote: string, event: string, fields: Fields, proven = true): void {
    if (remote === '') return
    const events = this.#take(remote)
    events.push({ timeMs: this.#now(), event, fields: cleaned(fields) })
    if (events.length > MOST_EVENTS) events.shift()
    const isKnown = proven || this.#known.has(remote)
    const [kept, most] = isKnown ? [this.#known, MOST_REMOTES - MOST_STRANGERS] : [this.#strangers, MOST_STRANGERS]
    this.#known.delete(remote)
    this.#strangers.delete(remote)
    kept.set(remote, events) // to the end: it was heard of last
    if (kept.size > most) kept.delete(kept.keys().next().value!)
  }

  #take(remote: string): PastEvent[] {
    return this.#known.get(remote) ?? this.#strangers.get(remote) ?? []
  }

  /** Oldest first. */
  of(remote: string): readonly PastEvent[] {
    return [...this.#take(remote)]
  }

  get size(): number {
    return this.#known.size + this.#strangers.size
  }
}

function cleaned(fields: Fields): Readonly<Record<string, string | number | boolean>> {
  const kept = Object.entries(fields).filter((entry) => entry[1] !== undefined && entry[1] !== '')
  // what is undefined was left out
  return Object.fromEntries(kept.map(([name, value]) => [name, typeof value === 'string' ? sanitize(value) : value!]))
}
