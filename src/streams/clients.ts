import type { Host } from '../core/host.ts'
import type { Router } from '../core/router.ts'
import type { Clock } from '../net/clock.ts'
import { Driver, type Patience } from '../net/driver.ts'
import type { Outbox } from '../net/outbox.ts'
import type { Socket, TlsSetup } from '../net/wire.ts'
import type { Events } from '../obs/events.ts'
import { type ClientPolicy, clientOffer } from '../policy/client.ts'
import { type C2sContext, type ClientHost, c2s, c2sStart } from '../protocol/c2s.ts'
import { StreamError } from '../xmpp/errors.ts'
import type { Budget } from '../xmpp/framer.ts'
import type { Jid } from '../xmpp/jid.ts'
import { ClientStream } from './client-stream.ts'

/** What the client side needs of the rest of the server; everything that a reload may change is asked each time. */
export interface ClientsSetup {
  readonly router: Router
  readonly clock: Clock
  readonly outbox: Outbox
  readonly events: Events
  readonly randomBytes: (length: number) => Uint8Array
  host(domain: string): Host | undefined
  /** Policy of a host for its clients; undefined where `c2s` is off. */
  policy(host: Host): { readonly policy: ClientPolicy; readonly stanzaBytes: number } | undefined
  readonly anyDomain: () => string
  readonly negotiationMs: () => number
  readonly patience: () => Patience
  /** What a stream may cost before it has authenticated. */
  readonly preAuthBudget: () => Budget
  tls(domain: string | undefined): TlsSetup
}

/** Every client stream of the server. */
export class Clients {
  readonly #setup: ClientsSetup
  readonly #streams = new Map<ClientStream, { end(error: StreamError): void; destroy(): void }>()

  constructor(setup: ClientsSetup) {
    this.#setup = setup
  }

  get size(): number {
    return this.#streams.size
  }

  /** Takes an accepted connection. `direct`: TLS from the first byte. */
  accept(socket: Socket, direct: boolean): void {
    const { clock, outbox, events, randomBytes } = this.#setup
    const id = Buffer.from(randomBytes(8)).toString('hex')
    const stream = new ClientStream(id, {
      router: this.#setup.router,
      events,
      host: (domain) => this.#setup.host(domain),
      tls: (domain) => this.#setup.tls(domain),
      forget: (gone) => void this.#streams.delete(gone),
    })
    const driver = new Driver(socket, {
      step: c2s(this.#context()),
      state: c2sStart,
      port: stream,
      clock,
      outbox,
      budget: this.#setup.preAuthBudget(),
      patience: this.#setup.patience(),
    })
    stream.drive(driver)
    this.#streams.set(stream, { end: (error) => stream.close(error), destroy: () => driver.wire.destroy() })
    events.clientAccepted(id, driver.wire.remoteAddress, direct)
    driver.open(direct)
  }

  #context(): C2sContext {
    return {
      host: (domain) => this.#clientHost(domain),
      anyDomain: this.#setup.anyDomain(),
      negotiationMs: this.#setup.negotiationMs(),
      random: this.#setup.randomBytes,
    }
  }

  #clientHost(domain: string): ClientHost | undefined {
    const host = this.#setup.host(domain)
    const served = host === undefined ? undefined : this.#setup.policy(host)
    if (host === undefined || served === undefined) return undefined
    return {
      domain,
      stanzaBytes: served.stanzaBytes,
      offer: (facts) => clientOffer(served.policy, facts),
      features: () => host.streamFeatures.map((f) => f.feature),
    }
  }

  /** Ends every stream with `system-shutdown` (RFC 6120 §4.9.3.20). */
  stop(text: string): void {
    for (const stream of [...this.#streams.values()]) stream.end(new StreamError('system-shutdown', text))
  }

  /** Closes what has not ended by itself. */
  destroy(): void {
    for (const stream of [...this.#streams.values()]) stream.destroy()
  }

  /** After a reload: ends the streams of hosts that no longer serve clients. */
  recheck(): void {
    for (const stream of [...this.#streams.keys()]) {
      const domain = stream.account?.domain
      if (domain === undefined || this.#clientHost(domain) !== undefined) continue
      stream.close(new StreamError('host-gone', `${domain} no longer serves clients`))
    }
  }

  /** Ends the streams that have authenticated as an account (it was deleted, or its password changed). */
  endAccount(account: Jid, error: StreamError): void {
    for (const stream of [...this.#streams.keys()]) if (account.equals(stream.account)) stream.close(error)
  }
}
