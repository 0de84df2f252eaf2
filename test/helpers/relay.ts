import { connect, createServer, type Server, type Socket } from 'node:net'

/** A piece of network between two servers, that a test can cut or make swallow everything. */
export class Relay implements AsyncDisposable {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  /** How many connections came. */
  connections = 0
  /** Nothing passes any more on the connections that are there, though they stay open. */
  #isSilent = false

  private constructor(target: { readonly address: string; readonly port: number }) {
    this.#server = createServer((near) => {
      this.connections++
      const far = connect(target.port, target.address)
      const pair = [near, far] as const
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [far, near] as const]) {
        from.on('error', () => {})
        from.on('data', (chunk: Buffer) => void (this.#isSilent || to.write(chunk)))
        from.on('end', () => void (this.#isSilent || to.end()))
        from.on('close', () => {
          this.#pairs.delete(pair)
          if (!this.#isSilent) to.destroy()
        })
      }
    })
  }

  static async open(address: string, target: { readonly address: string; readonly port: number }): Promise<Relay> {
    const relay = new Relay(target)
    await new Promise<void>((resolve) => relay.#server.listen(0, address, resolve))
    return relay
  }

  get port(): number {
    const bound = this.#server.address()
    return typeof bound === 'object' && bound !== null ? bound.port : 0
  }

  /** Breaks every connection. What is under way is lost. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
    this.#pairs.clear()
  }

  set silent(isSilent: boolean) {
    this.#isSilent = isSilent
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
