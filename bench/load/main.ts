/** The process that makes the load: remote servers and local clients in one, told what to do by the bench. */
import { createServer, type Socket } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import { flow } from './flow.ts'
import type * as o from './orders.ts'
import { acceptServer, dialAsServer, login } from './streams.ts'
import { Tally } from './tally.ts'

interface Held {
  readonly socket: Socket
  readonly tally: Tally
}

const RETRY_AFTER_MS = 2

class Generator implements o.Orders {
  readonly #identities = new Map<string, o.Identity>()
  readonly #contexts = new Map<string, SecureContext>()
  readonly #streams = new Map<o.StreamId, Held>()
  readonly #accepted = new Tally('</message>')
  readonly #incoming = new Set<Socket>()
  #last = 0

  async know({ identities }: { identities: readonly o.Identity[] }): Promise<void> {
    for (const identity of identities) this.#identities.set(identity.domain, identity)
  }

  async listen({ address, port }: o.Place): Promise<o.Place> {
    const server = createServer((socket) => {
      this.#incoming.add(socket)
      socket.on('close', () => this.#incoming.delete(socket))
      acceptServer(socket, (domain) => this.#identity(domain)).then(
        (secure) => secure.on('data', (chunk: Buffer) => this.#accepted.take(chunk)).resume(),
        (error: Error) => {
          console.error(`the generator could not accept a stream: ${error.message}`)
          socket.destroy()
        },
      )
    })
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve))
    const bound = server.address()
    return { address, port: typeof bound === 'object' && bound !== null ? bound.port : port }
  }

  async login(order: o.LoginOrder): Promise<o.StreamId> {
    return this.#hold(await login(order))
  }

  async dial(order: o.DialOrder): Promise<{ stream: o.StreamId; readyAtMs: number }> {
    const socket = await this.#dialUntil(order, performance.now() + (order.retryForMs ?? 0))
    return { stream: this.#hold(socket), readyAtMs: performance.timeOrigin + performance.now() }
  }

  async flow(order: o.FlowOrder): Promise<o.Flow> {
    const through = this.#streams.get(order.through)
    const counted = order.counted === 'accepted' ? this.#accepted : this.#streams.get(order.counted)?.tally
    if (through === undefined || counted === undefined) throw new Error('no such stream')
    return flow(order, through.socket, counted)
  }

  async churn(order: o.ChurnOrder): Promise<o.Churned> {
    const [cpu, startMs] = [process.cpuUsage(), performance.now()]
    let begun = 0
    let made = 0
    const oneAfterTheOther = async (): Promise<void> => {
      while (begun < order.count) {
        const from = order.domains[begun++ % order.domains.length] ?? ''
        const socket = await dialAsServer({ ...order, from }, this.#identity(from))
        const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
        socket.end('</stream:stream>').resume()
        await closed
        made += 1
      }
    }
    await Promise.all(Array.from({ length: order.concurrent }, oneAfterTheOther))
    const { user, system } = process.cpuUsage(cpu)
    return { made, elapsedMs: performance.now() - startMs, generatorCpuUs: user + system }
  }

  async hangUp(): Promise<void> {
    for (const { socket } of this.#streams.values()) socket.destroy()
    for (const socket of this.#incoming) socket.destroy()
    this.#streams.clear()
  }

  async #dialUntil(order: o.DialOrder, deadlineMs: number): Promise<Socket> {
    for (;;) {
      try {
        return await dialAsServer(order, this.#identity(order.from))
      } catch (error) {
        if (performance.now() >= deadlineMs) throw error
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS))
      }
    }
  }

  #identity(domain: string): SecureContext {
    const made = this.#contexts.get(domain)
    if (made !== undefined) return made
    const identity = this.#identities.get(domain)
    if (identity === undefined) throw new Error(`the generator has no certificate for ${domain}`)
    const context = createSecureContext({ cert: identity.certificate, key: identity.key })
    this.#contexts.set(domain, context)
    return context
  }

  #hold(socket: Socket): o.StreamId {
    const tally = new Tally('</message>')
    const id = ++this.#last
    socket.on('data', (chunk: Buffer) => tally.take(chunk)).resume()
    socket.on('close', () => this.#streams.delete(id))
    this.#streams.set(id, { socket, tally })
    return id
  }
}

const generator = new Generator()
process.on('message', ({ number, name, order }: o.OrderMessage) => {
  // the bench and this file share the type of every order; IPC cannot carry it
  const carryOut = generator[name].bind(generator) as (order: unknown) => Promise<unknown>
  carryOut(order).then(
    (result) => process.send?.({ number, result } satisfies o.AnswerMessage),
    (error: Error) => process.send?.({ number, error: error.message } satisfies o.AnswerMessage),
  )
})
process.on('disconnect', () => process.exit(0))
