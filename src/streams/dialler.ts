import type { LinkFailure } from '../core/links.ts'
import type { Clock } from '../net/clock.ts'
import { type Connection, type Dialling, dial } from '../net/dial.ts'
import { Driver, type Patience } from '../net/driver.ts'
import type { Endpoint, Endpoints } from '../net/endpoints.ts'
import type { Outbox } from '../net/outbox.ts'
import type { Events } from '../obs/events.ts'
import type { CertificateVerdict, KeyVerdict } from '../protocol/s2s.ts'
import { type Failure, S2S_OUT_START, type S2sOutContext, s2sOut } from '../protocol/s2s-out.ts'
import type { Budget } from '../xmpp/framer.ts'
import { demandingTls } from './demands.ts'
import { further, OWN_FAILURE, ofConnecting, ofLookup, ofStream, placesOf } from './link-failures.ts'
import { PeerOut } from './peer-out.ts'
import type { TlsProvider } from './tls.ts'
import type { Witnesses } from './witness.ts'

export interface DiallerSetup {
  readonly clock: Clock
  readonly outbox: Outbox
  readonly events: Events
  readonly witnesses: Witnesses
  readonly tls: TlsProvider
  randomId(): string
  resolve(domain: string, local: string): Promise<Endpoints>
  readonly connectTimeoutMs: () => number
  readonly patience: () => Patience
  readonly preAuthBudget: () => Budget
  mayDial(address: string, port: number): string | undefined
}

/** What comes of an attempt to reach a domain: every endpoint is tried before it `failed`. */
export interface DialEvents {
  ready(stream: PeerOut, via: 'external' | 'dialback', certificate: CertificateVerdict): void
  verified(verdict: KeyVerdict): void
  failed(failure: LinkFailure): void
  drained(): void
  /** After `ready` only. */
  lost(why: string): void
}

/**
 * Goes through the endpoints of a remote domain until one gives a stream that is ready, and takes the next after a
 * failure at any stage: TCP, TLS, certificate, stream, authentication.
 */
export class Dialler {
  readonly #setup: DiallerSetup
  /** Streams that are there or under way. */
  readonly #open = new Set<PeerOut>()
  readonly #stop = new AbortController()

  constructor(setup: DiallerSetup) {
    this.#setup = setup
  }

  get streams(): ReadonlySet<PeerOut> {
    return this.#open
  }

  /** Where DNS leads now: what a link compares to notice a change. */
  async places(remote: string, local: string): Promise<string> {
    return placesOf(await this.#setup.resolve(remote, local))
  }

  /** Never rejects: a bug on the way is a failure of the attempt. `signal` ends an attempt that is not `ready` yet. */
  async connect(context: S2sOutContext, events: DialEvents, signal?: AbortSignal): Promise<void> {
    try {
      await this.#connect(context, events, signal)
    } catch (error) {
      this.#setup.events.bug('dialling', error)
      events.failed(OWN_FAILURE)
    }
  }

  async #connect(context: S2sOutContext, events: DialEvents, signal: AbortSignal | undefined): Promise<void> {
    const { local, remote } = context
    const since = this.#stopwatch()
    const found = await this.#setup.resolve(remote, local)
    since('lookup')
    if (found.failure !== undefined) {
      const { kind, detail } = found.failure
      this.#setup.events.lookupFailed({ local, remote, kind, why: detail })
      this.#give(context, events, { ...ofLookup(found.failure), places: placesOf(found) }, detail)
      return
    }
    const dialling = dial(found.endpoints, {
      clock: this.#setup.clock,
      connectTimeoutMs: this.#setup.connectTimeoutMs(),
      mayDial: (address, port) => this.#setup.mayDial(address, port),
    })
    const ends = [this.#stop.signal, ...(signal === undefined ? [] : [signal])]
    const abort = (): void => dialling.abort()
    for (const end of ends) end.addEventListener('abort', abort)
    if (ends.some((end) => end.aborted)) abort()
    try {
      const failure = await this.#walk(context, events, dialling, signal)
      if (failure !== undefined) this.#give(context, events, { ...failure, places: placesOf(found) })
    } finally {
      for (const end of ends) end.removeEventListener('abort', abort)
    }
  }

  /** Resolves with what came of the last address that came furthest, or with undefined when one has served. */
  async #walk(
    context: S2sOutContext,
    events: DialEvents,
    dialling: Dialling,
    signal: AbortSignal | undefined,
  ): Promise<LinkFailure | undefined> {
    const { local, remote } = context
    const since = this.#stopwatch()
    let furthest: LinkFailure | undefined
    let told = 0
    const note = (): void => {
      for (; told < dialling.failures.length; told++) {
        const { endpoint, stage, why } = dialling.failures[told]!
        this.#setup.events.endpointFailed({ local, remote, endpoint: shown(endpoint), stage, why })
      }
    }
    for (let connection = await dialling.next(); connection !== undefined; connection = await dialling.next()) {
      since('connect')
      note()
      const failure = await this.#try(context, events, connection, signal)
      if (failure === undefined) return undefined
      dialling.report(connection.endpoint, failure.stage, failure.text)
      note()
      since(undefined)
      furthest = further(furthest, ofStream(failure))
    }
    note()
    return furthest ?? ofConnecting(dialling.failures.map((f) => f.why))
  }

  /** @param why for the log, where names may stand */
  #give(context: S2sOutContext, events: DialEvents, failure: LinkFailure, why = failure.text): void {
    if (context.purpose.is === 'link') {
      const { local, remote } = context
      this.#setup.events.remoteUnreachable({ local, remote, stage: failure.stage, why })
    }
    events.failed(failure)
  }

  /** Tells how long each stage took since the one before. */
  #stopwatch(): (stage: 'lookup' | 'connect' | undefined) => void {
    const { clock, events } = this.#setup
    let mark = clock.mono()
    return (stage) => {
      const now = clock.mono()
      if (stage !== undefined) events.peerStage('out', stage, now - mark)
      mark = now
    }
  }

  /** One connection. Resolves with its failure, or with undefined when it has served: it is ready, or the key is judged. */
  #try(
    context: S2sOutContext,
    events: DialEvents,
    { socket, endpoint }: Connection,
    signal: AbortSignal | undefined,
  ): Promise<Failure | undefined> {
    const { promise, resolve } = Promise.withResolvers<Failure | undefined>()
    let isReady = false
    /** Once the end is said, by either side, nothing more may be written: the link must know at once. */
    const lose = (why: string): void => {
      if (isReady) events.lost(why)
      isReady = false
    }
    const id = this.#setup.randomId()
    const { local, remote } = context
    const stream = new PeerOut(
      id,
      local,
      remote,
      { tls: this.#setup.tls, endpoint },
      {
        ready: (ready, via, certificate) => {
          isReady = true
          this.#setup.events.peerAuthenticated({ id, direction: 'out', local, remote, via, tls: ready.tlsVersion, certificate })
          events.ready(ready, via, certificate)
          resolve(undefined)
        },
        verified: (verdict) => {
          events.verified(verdict)
          resolve(undefined)
        },
        failed: (failure) => {
          if (isReady) this.#setup.events.peerEnded(id, 'out', remote, failure.by, failure.condition ?? '', failure.text)
          if (failure.by === 'us' && (failure.stage === 'policy' || failure.stage === 'certificate')) {
            const because = failure.condition ?? 'policy'
            this.#setup.events.peerRefused({ id, direction: 'out', local, remote, because, text: failure.text })
          }
          lose(failure.text)
          resolve(failure)
        },
        ended: lose,
        unsolicited: (from, to) => this.#setup.events.peerUnsolicited(id, from, to),
        drained: () => events.drained(),
        bug: (error) => this.#setup.events.bug(`outgoing stream ${id}`, error),
        closed: (why) => {
          this.#open.delete(stream)
          this.#setup.events.peerClosed(id, 'out', remote, why)
          resolve({ stage: 'stream', by: 'peer', condition: undefined, text: why, bounce: 'remote-server-timeout' })
          lose(why)
        },
      },
    )
    this.#open.add(stream)
    const driver = new Driver(socket, {
      step: s2sOut(endpoint.tlsa === undefined ? context : { ...context, rules: demandingTls(context.rules) }),
      state: S2S_OUT_START,
      port: stream,
      clock: this.#setup.clock,
      outbox: this.#setup.outbox,
      budget: this.#setup.preAuthBudget(),
      patience: this.#setup.patience(),
    })
    const direct = endpoint.tls === 'direct'
    stream.drive(driver, this.#setup.witnesses.open({ id, direction: 'out', direct, local, remote }, driver))
    this.#setup.events.peerDialled({ id, local, remote, endpoint: shown(endpoint) })
    driver.open(direct)
    socket.resume()
    const abort = (): void => stream.destroy()
    signal?.addEventListener('abort', abort)
    return promise.finally(() => signal?.removeEventListener('abort', abort))
  }

  /** Ends every stream with `system-shutdown`. */
  stop(text: string): void {
    this.#stop.abort()
    for (const stream of [...this.#open]) stream.close('system-shutdown', text)
  }

  destroy(): void {
    for (const stream of [...this.#open]) stream.destroy()
  }
}

function shown({ host, address, port, tls }: Endpoint): string {
  return `${host} (${address.includes(':') ? `[${address}]` : address}:${port}, ${tls === 'direct' ? 'direct TLS' : 'STARTTLS'})`
}
