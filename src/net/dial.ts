import { connect as connectSocket, type Socket } from 'node:net'
import { neverDial } from './address.ts'
import type { Clock, Disposable } from './clock.ts'
import type { Endpoint } from './endpoints.ts'

/** Where an endpoint failed. `policy`: we did not even try. */
export type DialStage = 'policy' | 'tcp' | 'tls' | 'stream' | 'auth'

export interface DialFailure {
  readonly endpoint: Endpoint
  readonly stage: DialStage
  /** Plain words. */
  readonly why: string
}

export interface Connection {
  /** Connected, paused, without Nagle's delay. Belongs to the caller; an error on it never throws, `close` follows. */
  readonly socket: Socket
  readonly endpoint: Endpoint
}

export interface DialOptions {
  readonly clock: Clock
  /** How long one TCP connection may take (`network_settings.connect_timeout`). */
  readonly connectTimeoutMs: number
  /**
   * Why this address and port must not be dialled, undefined when it may. Asked at each attempt, for the address
   * that is dialled. Comes on top of what is never dialled.
   */
  readonly mayDial?: (address: string, port: number) => string | undefined
  /** Begins one connection; for tests. */
  readonly connect?: (endpoint: Endpoint) => Socket
}

/** RFC 8305 §5: the next attempt starts while the one before may still succeed. */
const ATTEMPT_DELAY_MS = 250

/** Begins nothing yet: the first connection is made by `next`. */
export function dial(endpoints: readonly Endpoint[], options: DialOptions): Dialling {
  return new Dialling(endpoints, options)
}

/**
 * The way through a domain's endpoints, one connection at a time. When a connection turns out to be no good at any
 * later stage, the caller reports that and takes the next. An endpoint that was only slower than the winner stays in
 * the list; one that failed or was handed out does not come again, so the way always ends.
 */
export class Dialling {
  readonly #options: DialOptions
  readonly #failures: DialFailure[] = []
  #untried: readonly Endpoint[]
  #race: Race | undefined
  #aborted = false

  constructor(endpoints: readonly Endpoint[], options: DialOptions) {
    this.#untried = endpoints
    this.#options = options
  }

  /** What has failed so far, in the order in which it failed. */
  get failures(): readonly DialFailure[] {
    return this.#failures
  }

  /**
   * The next connection; undefined when the endpoints are exhausted or the dialling is aborted. Never rejects.
   * One call at a time.
   */
  async next(): Promise<Connection | undefined> {
    if (this.#aborted) return undefined
    const race = new Race(this.#untried, this.#options, (failure) => this.#failures.push(failure))
    this.#race = race
    const connection = await race.won
    this.#untried = race.left
    return connection
  }

  /** Says that a connection that was handed out has failed; the caller closes its socket. */
  report(endpoint: Endpoint, stage: DialStage, why: string): void {
    this.#failures.push({ endpoint, stage, why })
  }

  /** Ends what is under way; `next` gives undefined from now on. Connections that were handed out are not touched. */
  abort(): void {
    this.#aborted = true
    this.#race?.abort()
  }
}

interface Attempt {
  readonly socket: Socket
  readonly timeout: Disposable
}

/** Happy eyeballs over a list (RFC 8305 §5): the first connection wins, the others are dropped. */
class Race {
  readonly won: Promise<Connection | undefined>
  readonly #options: DialOptions
  readonly #failed: (failure: DialFailure) => void
  readonly #settle: (connection: Connection | undefined) => void
  readonly #attempts = new Map<Endpoint, Attempt>()
  /** What may be dialled later, in its order: not begun yet, or still under way. */
  readonly #left: Set<Endpoint>
  #stagger: Disposable | undefined
  #over = false

  constructor(endpoints: readonly Endpoint[], options: DialOptions, failed: (failure: DialFailure) => void) {
    this.#left = new Set(endpoints)
    this.#options = options
    this.#failed = failed
    const { promise, resolve } = Promise.withResolvers<Connection | undefined>()
    this.won = promise
    this.#settle = resolve
    this.#startNext()
  }

  get left(): readonly Endpoint[] {
    return [...this.#left]
  }

  abort(): void {
    this.#finish(undefined)
  }

  #startNext(): void {
    this.#stagger?.dispose()
    if (this.#over) return
    const endpoint = this.#pickAllowed()
    if (endpoint === undefined) {
      if (this.#attempts.size === 0) this.#finish(undefined)
      return
    }
    this.#start(endpoint)
    this.#stagger = this.#options.clock.after(ATTEMPT_DELAY_MS, () => this.#startNext())
  }

  /** The first endpoint that is not under way and may be dialled; those that may not are failures. */
  #pickAllowed(): Endpoint | undefined {
    for (const endpoint of this.#left) {
      if (this.#attempts.has(endpoint)) continue
      const why = neverDial(endpoint.address) ?? this.#options.mayDial?.(endpoint.address, endpoint.port)
      if (why === undefined) return endpoint
      this.#drop(endpoint, 'policy', why)
    }
    return undefined
  }

  #start(endpoint: Endpoint): void {
    const { clock, connect, connectTimeoutMs } = this.#options
    const socket = (connect ?? connectTcp)(endpoint)
    socket.pause() // nothing is read before the owner of the connection wants it
    const fail = (why: string): void => {
      if (this.#attempts.get(endpoint)?.socket !== socket) return
      this.#end(endpoint)
      this.#drop(endpoint, 'tcp', why)
      this.#startNext()
    }
    const timeout = clock.after(connectTimeoutMs, () => fail(`no connection within ${connectTimeoutMs / 1000} s`))
    this.#attempts.set(endpoint, { socket, timeout })
    socket.on('error', (error: NodeJS.ErrnoException) => fail(wordsFor(error))) // stays: see Connection
    socket.once('connect', () => this.#win(endpoint, socket))
  }

  #win(endpoint: Endpoint, socket: Socket): void {
    const attempt = this.#attempts.get(endpoint)
    if (attempt?.socket !== socket) return
    attempt.timeout.dispose()
    this.#attempts.delete(endpoint)
    this.#left.delete(endpoint)
    this.#finish({ socket, endpoint })
  }

  #finish(connection: Connection | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#stagger?.dispose()
    for (const endpoint of [...this.#attempts.keys()]) this.#end(endpoint)
    this.#settle(connection)
  }

  #end(endpoint: Endpoint): void {
    const attempt = this.#attempts.get(endpoint)
    this.#attempts.delete(endpoint)
    attempt?.timeout.dispose()
    attempt?.socket.destroy()
  }

  #drop(endpoint: Endpoint, stage: DialStage, why: string): void {
    this.#left.delete(endpoint)
    this.#failed({ endpoint, stage, why })
  }
}

/** By address, never by name: what was checked is what is dialled (DNS rebinding). */
function connectTcp({ address, port, family }: Endpoint): Socket {
  return connectSocket({ host: address, port, family, noDelay: true })
}

/** Never Node's own message: it holds the address, and this text may reach a sender. */
const wordsFor = ({ code }: NodeJS.ErrnoException): string => WORDS.get(code ?? '') ?? `cannot connect (${code ?? 'unknown'})`

const WORDS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['ETIMEDOUT', 'connection timed out'],
  ['ENETUNREACH', 'network unreachable'],
  ['EHOSTUNREACH', 'host unreachable'],
])
