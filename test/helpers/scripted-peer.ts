import { randomUUID } from 'node:crypto'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Server } from '../../src/server.ts'
import type { IssueOptions } from '../../src/testing/certificate-authority.ts'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import type { Network } from './network.ts'
import { type Heard, TestStream } from './test-client.ts'

export const DIALBACK = `<dialback xmlns='${NS.dialbackFeature}'><errors/></dialback>`
export const EXTERNAL = `<mechanisms xmlns='${NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>`
export const STARTTLS = `<starttls xmlns='${NS.tls}'/>`

export interface PeerSetup {
  readonly address?: string
  /** Any free one when absent. */
  readonly port?: number
  /** What a certificate of this peer is; issued by the network's authority for its domain unless said otherwise. */
  readonly certificate?: 'ca' | 'self-signed' | 'none' | IssueOptions
  /** TLS from the first byte; the handshake is the listener's. */
  readonly direct?: boolean
  readonly alpn?: readonly string[]
  /** false: not in DNS. */
  readonly publish?: boolean | { readonly priority: number }
}

/** One stream of a scripted peer, from either side. */
export class PeerStream extends TestStream {
  #opened = ''
  /** The id of the stream that we opened, as the other side gave it. */
  streamId = ''
  /** The id that `answer` has given. */
  answeredId = ''

  /** Answers the header that came. */
  answer(features?: string, attrs = ''): void {
    const header = `<?xml version='1.0'?><stream:stream xmlns='${NS.server}' xmlns:stream='${NS.streams}' xmlns:db='${NS.dialback}'`
    this.answeredId = randomUUID()
    const version = features === undefined ? '' : ` version='1.0'`
    this.send(`${header} id='${this.answeredId}'${version} ${attrs}>`)
    if (features !== undefined) this.send(`<stream:features>${features}</stream:features>`)
  }

  /** What a domain does on a stream that a server of ours has opened: header, TLS where there is a certificate, header. */
  async greet(features: string, identity?: { cert: string; key: string }): Promise<void> {
    await this.header()
    if (identity !== undefined) {
      this.answer(STARTTLS)
      await this.element((e) => e.is('starttls', NS.tls))
      this.send(`<proceed xmlns='${NS.tls}'/>`)
      await this.secureAsServer(identity)
      await this.header()
    }
    this.answer(features)
  }

  /** Opens the stream as a server and remembers how. */
  async openAs(from: string, to: string): Promise<Element | undefined> {
    this.#opened = `from='${from}' to='${to}' version='1.0'`
    return this.reopen()
  }

  /** After STARTTLS or SASL. */
  async reopen(): Promise<Element | undefined> {
    const { header, features } = await this.open(this.#opened, NS.server)
    this.streamId = header.id ?? ''
    return features
  }

  /** Asks to be believed by dialback; the answer's type, and its error condition when there is one. */
  async dialback(from: string, to: string, key = 'key'): Promise<string> {
    this.send(`<db:result from='${from}' to='${to}'>${key}</db:result>`)
    const answer = await this.element((e) => e.is('result', NS.dialback) && e.attr('from') === to)
    const error = answer.child('error', NS.client)?.children[0]?.name
    return `${answer.attr('type')}${error === undefined ? '' : ` ${error}`}`
  }

  /** EXTERNAL with the given authorization identity; 'success', or the failure's condition. */
  async external(authzid: string): Promise<string> {
    this.send(`<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>${authzid === '' ? '=' : btoa(authzid)}</auth>`)
    const answer = await this.element((e) => e.ns === NS.sasl)
    if (answer.name !== 'success') return answer.children[0]?.name ?? answer.name
    this.restart()
    return 'success'
  }
}

/** A remote domain that a test plays: it listens where DNS says, dials, and says anything. */
export class ScriptedPeer implements AsyncDisposable {
  readonly domain: string
  readonly identity: { readonly cert: string; readonly key: string } | undefined
  readonly address: string
  /** Every stream that was accepted and not yet asked for. */
  readonly #accepted: PeerStream[] = []
  readonly #streams = new Set<TestStream>()
  #listener!: NetServer // set by `listen`, before anybody has the peer
  #wake: (() => void) | undefined
  /** How many connections came. */
  connections = 0

  private constructor(network: Network, domain: string, setup: PeerSetup) {
    this.domain = domain
    this.address = setup.address ?? '127.2.0.1'
    const { certificate = 'ca' } = setup
    if (certificate === 'none') return
    const names = typeof certificate === 'string' ? { dns: [domain], selfSigned: certificate === 'self-signed' } : certificate
    const issued = network.ca.issue(names)
    this.identity = { cert: issued.chainPem, key: issued.keyPem }
  }

  static async listen(network: Network, domain: string, setup: PeerSetup = {}): Promise<ScriptedPeer> {
    const peer = new ScriptedPeer(network, domain, setup)
    const accept = (socket: Socket): void => peer.#accept(socket)
    const tls = {
      ...peer.identity,
      ALPNProtocols: [...(setup.alpn ?? ['xmpp-server'])],
      requestCert: true,
      rejectUnauthorized: false,
    }
    peer.#listener = setup.direct === true ? createTlsServer(tls, accept) : createServer(accept)
    await new Promise<void>((resolve) => peer.#listener.listen(setup.port ?? 0, peer.address, resolve))
    if (setup.publish !== false) {
      const service = setup.direct === true ? '_xmpps-server' : '_xmpp-server'
      const priority = typeof setup.publish === 'object' ? setup.publish.priority : 0
      network.dns.set(`${service}._tcp.${domain}`, { SRV: [{ target: `xmpp.${domain}`, port: peer.port, priority }] })
      network.dns.set(`xmpp.${domain}`, peer.address.includes(':') ? { AAAA: [peer.address] } : { A: [peer.address] })
    }
    return peer
  }

  get port(): number {
    const bound = this.#listener.address()
    return typeof bound === 'object' && bound !== null ? bound.port : 0
  }

  #accept(socket: Socket): void {
    this.connections++
    const stream = new PeerStream(socket)
    this.#streams.add(stream)
    this.#accepted.push(stream)
    this.#wake?.()
  }

  /** The next connection that comes. */
  async accepted(): Promise<PeerStream> {
    for (;;) {
      const stream = this.#accepted.shift()
      if (stream !== undefined) return stream
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /**
   * From now on this is a plain remote server: STARTTLS where it has a certificate, believes our keys, answers questions
   * about its own by `judge`, and keeps the stanzas that come. Returns what it keeps.
   */
  serve(judge: (key: string) => 'valid' | 'invalid' = () => 'valid', features = DIALBACK): Element[] {
    const kept: Element[] = []
    const next = async (): Promise<void> => {
      const stream = await this.accepted()
      void next()
      await this.#pilot(stream, judge, features, kept).catch(() => stream.destroy())
    }
    void next()
    return kept
  }

  async #pilot(stream: PeerStream, judge: (key: string) => string, features: string, kept: Element[]): Promise<void> {
    await stream.greet(features, this.identity)
    for (let heard: Heard = await stream.next(); heard.kind !== 'closed'; heard = await stream.next()) {
      if (heard.kind === 'end') stream.end()
      if (heard.kind !== 'element') continue
      const e = heard.element
      if (e.ns === NS.streams) continue
      if (e.ns !== NS.dialback) {
        kept.push(e)
        continue
      }
      const addresses = `from='${e.attr('to')}' to='${e.attr('from')}'`
      if (e.name === 'result') stream.send(`<db:result ${addresses} type='valid'/>`)
      else stream.send(`<db:verify ${addresses} id='${e.attr('id')}' type='${judge(e.text)}'/>`)
    }
  }

  /** A connection to a server of ours, nothing said on it. */
  async connect(server: Server, localAddress?: string): Promise<PeerStream> {
    const [address] = server.config.get(undefined, 'interfaces')
    const stream = await PeerStream.connect(address!, server.ports('s2s')[0]!, localAddress)
    this.#streams.add(stream)
    return stream
  }

  /** A stream to a server of ours with a header answered, over TLS unless told otherwise. Returns the last features too. */
  async dial(server: Server, to: string, options: { tls?: boolean; from?: string; localAddress?: string } = {}) {
    const stream = await this.connect(server, options.localAddress)
    let features = await stream.openAs(options.from ?? this.domain, to)
    if (options.tls !== false) {
      await stream.startTls({ servername: to, ...this.identity })
      features = await stream.reopen()
    }
    return { stream, features }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.destroy()
    await new Promise((resolve) => this.#listener.close(resolve))
  }
}
