import { rmSync, writeFileSync } from 'node:fs'

/** `pidfile`: written when the server is ready, removed at its end; one that a killed process left is overwritten. */
export class PidFile {
  readonly #path: string | undefined

  private constructor(path: string | undefined) {
    this.#path = path
  }

  /** @throws an error whose message is one sentence */
  static write(path: string | undefined): PidFile {
    try {
      if (path !== undefined) writeFileSync(path, `${process.pid}\n`, { mode: 0o644 })
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`the pidfile ${path} cannot be written: ${why}`, { cause })
    }
    return new PidFile(path)
  }

  remove(): void {
    if (this.#path !== undefined) rmSync(this.#path, { force: true })
  }
}
