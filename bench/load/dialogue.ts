import type { Socket } from 'node:net'

const ANSWER_WITHIN_MS = 30_000
const REFUSALS = /<stream:error|<failure|<proceed[^>]*>.*<\/stream:stream|<\/stream:stream/

/** The negotiation on one socket: sends text, waits for text. Rejects when the other side refuses, leaves, or is silent. */
export class Dialogue {
  readonly #socket: Socket
  #heard = ''
  #closed: Error | undefined
  #wake: (() => void) | undefined
  readonly #onData = (chunk: Buffer): void => {
    this.#heard += chunk.toString('latin1')
    this.#wake?.()
  }
  readonly #onClose = (): void => {
    this.#closed ??= new Error(`the connection was closed after: ${this.#heard.slice(-300)}`)
    this.#wake?.()
  }
  readonly #onError = (error: Error): void => {
    this.#closed ??= error
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#onData)
    socket.on('close', this.#onClose)
    socket.on('error', this.#onError)
  }

  send(text: string): this {
    this.#socket.write(text)
    return this
  }

  /** What matched; everything up to its end is consumed. */
  async hear(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = setTimeout(() => {
      this.#closed ??= new Error(`no ${pattern} within ${ANSWER_WITHIN_MS} ms after: ${this.#heard.slice(-300)}`)
      this.#wake?.()
    }, ANSWER_WITHIN_MS)
    try {
      for (;;) {
        const match = pattern.exec(this.#heard)
        if (match !== null) {
          this.#heard = this.#heard.slice(match.index + match[0].length)
          return match
        }
        if (REFUSALS.test(this.#heard)) throw new Error(`refused: ${this.#heard.slice(-500)}`)
        if (this.#closed !== undefined) throw this.#closed
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(deadline)
      this.#wake = undefined
    }
  }

  /**
   * Stops listening; what was heard and not asked for is put back. The socket is paused: whoever reads it next resumes
   * it. Errors from here on only close it.
   */
  leave(): Socket {
    this.#socket.off('data', this.#onData).off('close', this.#onClose).off('error', this.#onError).pause()
    if (this.#heard !== '') this.#socket.unshift(Buffer.from(this.#heard, 'latin1'))
    this.#socket.on('error', () => this.#socket.destroy())
    return this.#socket
  }
}
