import { setDefaultCACertificates } from 'node:tls'
import { client, type XmlElement, type XmppClient, xml } from '@xmpp/client'

/** How long the client library may wait for an answer of a busy machine, in milliseconds. */
const PATIENCE_MS = 15_000

/** A stanza with the time of its arrival, on the clock of `performance.now()`. */
export interface Arrival {
  readonly stanza: XmlElement
  readonly atMono: number
}

/** What a client saw of the encryption of its own connection, after its TLS library accepted the certificate. */
export interface ClientTls {
  readonly version: string
  readonly issuer: string
}

/** From now on, TLS connections of this process trust this authority and no other. Node >= 24.5. */
export function trustOnly(authorityPem: string): void {
  setDefaultCACertificates([authorityPem])
}

/** A user with a stock client, which knows nothing of the server's insides. */
export class Actor {
  readonly account: string
  readonly #xmpp: XmppClient
  readonly #arrived = new Map<string, Arrival>()
  readonly #waiting = new Map<string, (arrival: Arrival) => void>()
  #sent = 0

  private constructor(account: string, xmpp: XmppClient) {
    this.account = account
    this.#xmpp = xmpp
  }

  /** Logs in over STARTTLS. Rejects when the certificate is not one that {@link trustOnly} trusts for the domain. */
  static async login(account: string, password: string, port: number): Promise<Actor> {
    const [username, domain] = account.split('@') as [string, string] // addresses of the demo have both parts
    const xmpp = client({ service: `xmpp://127.0.0.1:${port}`, domain, username, password, resource: 'demo' })
    xmpp.timeout = PATIENCE_MS
    xmpp.reconnect.stop()
    xmpp.on('error', () => {}) // start() rejects with the same
    const actor = new Actor(account, xmpp)
    xmpp.on('stanza', (stanza: XmlElement) => actor.#receive(stanza))
    await xmpp.start()
    await xmpp.send(xml('presence'))
    // a stream keeps its order: when the ping is answered, the presence has been seen, and messages find the way
    await xmpp.iqCaller.request(xml('iq', { type: 'get', to: domain }, xml('ping', { xmlns: 'urn:xmpp:ping' })), PATIENCE_MS)
    return actor
  }

  get name(): string {
    return this.account.split('@')[0]!
  }

  get tls(): ClientTls {
    const socket = this.#xmpp.socket.socket
    if (!socket.authorized) throw new Error(`the client of ${this.account} did not verify the certificate of its server`)
    return { version: socket.getProtocol() ?? 'none', issuer: String(socket.getPeerCertificate().issuer.CN) }
  }

  #receive(stanza: XmlElement): void {
    if (stanza.name !== 'message') return
    const key = stanza.attrs['id'] ?? ''
    const arrival = { stanza, atMono: performance.now() }
    this.#arrived.set(key, arrival)
    this.#waiting.get(key)?.(arrival)
  }

  #arrival(key: string): Promise<Arrival> {
    const arrived = this.#arrived.get(key)
    return arrived ? Promise.resolve(arrived) : new Promise((resolve) => this.#waiting.set(key, resolve))
  }

  /** Sends a message. Resolves with its id, and the time before it was sent. */
  async say(to: string, body: string): Promise<{ readonly id: string; readonly atMono: number }> {
    const id = `${this.name}-${++this.#sent}`
    const atMono = performance.now()
    await this.#xmpp.send(xml('message', { to, type: 'chat', id }, xml('body', {}, body)))
    return { id, atMono }
  }

  /** The message of this id: what somebody wrote, or an own one that came back. */
  hears(id: string): Promise<Arrival> {
    return this.#arrival(id)
  }

  async leave(): Promise<void> {
    await this.#xmpp.stop().catch(() => {}) // the server may have ended first
  }
}
