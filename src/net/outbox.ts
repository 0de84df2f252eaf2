/** Something with bytes to write that wants to be flushed once, when the current turn of the event loop has read all it can. */
export interface Flushable {
  flush(): void
}

/**
 * Gathers the writes of one turn of the event loop: every wire that was written to is flushed once, after all sockets
 * that were readable have been read (`setImmediate` runs right behind the poll phase). One record and one system call
 * for a burst instead of one a stanza; at low rates nothing waits, since an idle loop goes there at once.
 */
export class Outbox {
  #dirty: Flushable[] = []
  #scheduled = false
  readonly #run = (): void => this.#flush()

  add(wire: Flushable): void {
    this.#dirty.push(wire)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#run)
  }

  #flush(): void {
    const dirty = this.#dirty
    this.#dirty = []
    this.#scheduled = false
    for (const wire of dirty) wire.flush()
  }
}
