import { rmSync, writeFileSync } from 'node:fs'

/** `pidfile`: written when the server is ready, removed at its end; one that a killed process left is overwritten. */
export class PidFile {
  readonly #path: string | undefined

  private constructor(path: string | undefined) {
    this.#path = path
  }

  static write(path: string | undefined): PidFile {
    if (path !== undefined) writeFileSync(path, `${process.pid}\n`, { mode: 0o644 })
    return new PidFile(path)
  }

  remove(): void {
    if (this.#path !== undefined) rmSync(this.#path, { force: true })
  }
}
