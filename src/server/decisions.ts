import type { Decision } from '../admin/federation.ts'
import type { PeerRule } from '../policy/rules.ts'
import type { Collection, Store } from '../store/store.ts'

/**
 * What the operator has decided about remote domains by command: kept in the store, and stronger than the configuration.
 * Keys are enforced domains, or `*.domain` for everything below one.
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

  /** undefined takes a decision back. Rejects with what the store says, and nothing changes. */
  async decide(remote: string, decision: Decision | undefined): Promise<void> {
    if (decision === undefined) {
      await this.#kept?.delete([remote])
      this.#all.delete(remote)
    } else {
      await this.#kept?.put([remote], decision)
      this.#all.set(remote, decision)
    }
  }

  /** The decisions as rules for the head of a list: single domains first, then the wider patterns, narrow ones before. */
  get rules(): readonly PeerRule[] {
    const patterns = [...this.#all.keys()].filter((remote) => remote.startsWith('*.')).sort((a, b) => b.length - a.length)
    const single = [...this.#all.keys()].filter((remote) => !remote.startsWith('*.'))
    return [
      ...DECISIONS.map((decision) => ruleFor(decision, new Set(single.filter((remote) => this.#all.get(remote) === decision)))),
      ...patterns.map((pattern) => ruleFor(this.#all.get(pattern)!, new Set([pattern]))),
    ].filter(({ remotes }) => remotes.size > 0)
  }

  /** One sentence for the log, when there is anything to say. */
  get sentence(): string | undefined {
    const parts = DECISIONS.flatMap((decision) => {
      const remotes = [...this.#all].filter(([, is]) => is === decision).map(([remote]) => remote)
      const more = remotes.length > MOST_NAMED ? ` and ${remotes.length - MOST_NAMED} more` : ''
      return remotes.length === 0 ? [] : [`${remotes.slice(0, MOST_NAMED).join(', ')}${more} ${decision}ed`]
    })
    return parts.length === 0 ? undefined : `by command, whatever the configuration says: ${parts.join('; ')}`
  }
}

const DECISIONS: readonly Decision[] = ['block', 'allow']

/** In one line of the log. */
const MOST_NAMED = 10

const ruleFor = (decision: Decision, remotes: ReadonlySet<string>): PeerRule => ({
  remotes,
  action: decision,
  origin: { option: `entente s2s ${decision}`, at: undefined },
})
