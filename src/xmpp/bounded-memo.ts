/**
 * Remembers results of a pure function of a string, in two generations: at most twice `entries` of them.
 * When the young generation is full it becomes the old one, and what was not asked for meanwhile is forgotten.
 * Keys over `keyLength` UTF-16 units are computed each time and never kept; nor is undefined.
 */
export class BoundedMemo<V> {
  readonly #compute: (key: string) => V | undefined
  readonly #entries: number
  readonly #keyLength: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(compute: (key: string) => V | undefined, entries: number, keyLength: number) {
    this.#compute = compute
    this.#entries = entries
    this.#keyLength = keyLength
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): V | undefined {
    return this.#young.get(key) ?? this.#miss(key)
  }

  #miss(key: string): V | undefined {
    if (key.length > this.#keyLength) return this.#compute(key)
    const own = detach(key)
    const value = this.#old.get(key) ?? this.#compute(own)
    if (value === undefined) return undefined
    if (this.#young.size >= this.#entries) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(own, value)
    return value
  }
}

/** A copy that shares no memory with the text: V8 makes a substring a view that keeps its whole parent alive. */
function detach(text: string): string {
  return `\0${text}`.slice(1)
}
