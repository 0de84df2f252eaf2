import type { Session } from './session.ts'

/** The sessions of one host: local part -> resource -> session. */
export class Sessions {
  readonly #accounts = new Map<string, Map<string, Session>>()
  #count = 0

  get size(): number {
    return this.#count
  }

  get(local: string, resource: string): Session | undefined {
    return this.#accounts.get(local)?.get(resource)
  }

  /** Every session of an account, the longest bound first; the shared empty iterator when there is none. */
  of(local: string): readonly Session[] {
    const resources = this.#accounts.get(local)
    return resources === undefined ? NONE : [...resources.values()]
  }

  has(local: string): boolean {
    return this.#accounts.has(local)
  }

  add(session: Session): void {
    let resources = this.#accounts.get(session.jid.local)
    if (resources === undefined) this.#accounts.set(session.jid.local, (resources = new Map()))
    resources.set(session.jid.resource, session)
    this.#count++
  }

  /** Removes exactly this session; another that took its resource stays. */
  remove(session: Session): boolean {
    const resources = this.#accounts.get(session.jid.local)
    if (resources?.get(session.jid.resource) !== session) return false
    resources.delete(session.jid.resource)
    if (resources.size === 0) this.#accounts.delete(session.jid.local)
    this.#count--
    return true
  }

  *all(): Generator<Session> {
    for (const resources of this.#accounts.values()) yield* resources.values()
  }
}

const NONE: readonly Session[] = []
