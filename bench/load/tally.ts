/**
 * Counts a word in a stream of byte chunks, also where a chunk ends inside it. It looks at no more than that: the
 * generator must stay several times cheaper than the servers it loads.
 */
export class Tally {
  count = 0
  /** Called after a chunk that held at least one. */
  onCounted: (() => void) | undefined
  #sample: Buffer | undefined
  readonly #word: Buffer
  /** The last bytes of the chunk before, one fewer than the word has. */
  #tail = Buffer.alloc(0)

  constructor(word: string) {
    this.#word = Buffer.from(word)
  }

  /** What comes next, as far as it comes in one chunk: `sample` gives it back, so that it can be looked at. */
  keepNext(): void {
    this.#sample = Buffer.alloc(0)
  }

  get sample(): string {
    return this.#sample?.toString('latin1') ?? ''
  }

  take(chunk: Buffer): void {
    if (this.#sample?.length === 0) this.#sample = Buffer.from(chunk)
    const reach = this.#word.length - 1
    const before = this.count
    if (this.#tail.length > 0) this.count += occurrences(Buffer.concat([this.#tail, chunk.subarray(0, reach)]), this.#word)
    this.count += occurrences(chunk, this.#word)
    this.#tail = Buffer.from(chunk.length >= reach ? chunk.subarray(-reach) : Buffer.concat([this.#tail, chunk]).subarray(-reach))
    if (this.count > before) this.onCounted?.()
  }
}

function occurrences(bytes: Buffer, word: Buffer): number {
  let found = 0
  for (let at = bytes.indexOf(word); at !== -1; at = bytes.indexOf(word, at + word.length)) found += 1
  return found
}
