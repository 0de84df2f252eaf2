import type { Decision } from '../admin/federation.ts'
import type { Collection, Store } from '../store/store.ts'

/**
 * What the operator has decided about remote domains by command: kept in the store, in force at once, and stronger than
 * the configuration. Keys are enforced domains, or `*.domain` for everything below one.
 */
export class Decisions {
  readonly #all = new Map<string, Decision>()
  #kept: Collection<Decision> | undefined

  /** Reads what was decided before. */
  async load(store: Store): Promise<void> {
    this.#kept = store.collection<Decision>('', 'remote_decisions')
    this.#all.clear()
    for (const { key, value } of await this.#kept.list([])) this.#all.set(key[0]!, value)
  }

  get all(): ReadonlyMap<string, Decision> {
    return this.#all
  }

  /** The most specific decision about a domain; undefined where the configuration decides. */
  on(remote: string): Decision | undefined {
    if (this.#all.size === 0) return undefined
    const own = this.#all.get(remote)
    if (own !== undefined) return own
    for (let dot = remote.indexOf('.'); dot !== -1; dot = remote.indexOf('.', dot + 1)) {
      const above = this.#all.get(`*${remote.slice(dot)}`)
      if (above !== undefined) return above
    }
    return undefined
  }

  /** In force when it is stored; undefined takes a decision back. Rejects with what the store says, and nothing changes. */
  async decide(remote: string, decision: Decision | undefined): Promise<void> {
    if (decision === undefined) {
      await this.#kept?.delete([remote])
      this.#all.delete(remote)
    } else {
      await this.#kept?.put([remote], decision)
      this.#all.set(remote, decision)
    }
  }

  /** One sentence for the log, when there is anything to say. */
  get sentence(): string | undefined {
    const named = (wanted: Decision): readonly string[] =>
      [...this.#all].filter(([, is]) => is === wanted).map(([remote]) => remote)
    const parts = (['block', 'allow'] as const).flatMap((decision) => {
      const remotes = named(decision)
      if (remotes.length === 0) return []
      const more = remotes.length > MOST_NAMED ? ` and ${remotes.length - MOST_NAMED} more` : ''
      return [`${remotes.slice(0, MOST_NAMED).join(', ')}${more} ${decision}ed`]
    })
    return parts.length === 0 ? undefined : `by command, whatever the configuration says: ${parts.join('; ')}`
  }
}

/** In one line of the log. */
const MOST_NAMED = 10
