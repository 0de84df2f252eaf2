import { closeSync, openSync, writeSync } from 'node:fs'
import type { Line, LogSink } from './log.ts'
import { accepting, type LevelFilter, lineJson } from './sinks.ts'

/**
 * A file of JSON lines, 0600, made when missing; throws when it cannot be opened. Lines of one turn of the event loop
 * are one write. Where that fails (disk full) lines are lost, `failed` is told when it begins and when it is over, and
 * the server goes on.
 */
export function fileSink(path: string, levels: LevelFilter, failed: (why: string) => void): LogSink {
  return new FileSink(path, accepting(levels), failed)
}

class FileSink implements LogSink {
  readonly accepts: LogSink['accepts']
  readonly #path: string
  readonly #failed: (why: string) => void
  #file: number | undefined
  #waiting: string[] = []
  #lost = 0

  constructor(path: string, accepts: LogSink['accepts'], failed: (why: string) => void) {
    this.accepts = accepts
    this.#path = path
    this.#failed = failed
    this.#file = open(path)
  }

  write(line: Line): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#flush())
    this.#waiting.push(`${lineJson(line)}\n`)
  }

  #flush(): void {
    const lines = this.#waiting
    this.#waiting = []
    if (lines.length === 0 || this.#file === undefined) return
    try {
      // the last line before a failure may have been torn
      writeAll(this.#file, Buffer.from((this.#lost > 0 ? '\n' : '') + lines.join('')))
      if (this.#lost > 0) this.#failed(`${this.#path} can be written again; ${this.#lost} lines are lost`)
      this.#lost = 0
    } catch (error) {
      if (this.#lost === 0) this.#failed(`${this.#path} cannot be written: ${reason(error)}`)
      this.#lost += lines.length
    }
  }

  reopen(): void {
    this.#flush()
    try {
      const next = open(this.#path)
      this.#close()
      this.#file = next
    } catch (error) {
      this.#failed(`${this.#path} cannot be opened again, so that the log goes on where it was: ${reason(error)}`)
    }
  }

  close(): void {
    this.#flush()
    this.#close()
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

function open(path: string): number {
  return openSync(path, 'a', 0o600)
}

/** A disk that fills up takes a part first. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
