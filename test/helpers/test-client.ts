import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, TLSSocket, connect as tlsConnect } from 'node:tls'
import type { Element } from '../../src/xmpp/element.ts'
import { authenticatedBudget, Framer, type StreamHeader } from '../../src/xmpp/framer.ts'
import { NS } from '../../src/xmpp/ns.ts'

/** What a stream said, in order. */
export type Heard =
  | { readonly kind: 'header'; readonly header: StreamHeader }
  | { readonly kind: 'element'; readonly element: Element }
  | { readonly kind: 'end' }
  | { readonly kind: 'closed' }

const WAIT_MS = 10_000

/** What an error stanza says, as `type/condition: text`. */
export function bounceOf(e: Element): string {
  const error = e.child('error')!
  const condition = error.children.find((c) => c.name !== 'text')?.name
  return `${error.attr('type')}/${condition}: ${error.child('text', NS.stanzaErrors)?.text ?? ''}`
}

/** A raw stream for tests: says exactly what it is told, and lets the test await what comes back. */
export class TestStream {
  #socket: Socket
  #framer: Framer
  readonly #heard: Heard[] = []
  #wake: (() => void) | undefined
  closed = false
  /** Answer the end of the stream with ours, as RFC 6120 §4.4 wants it; a peer that does not is waited for. */
  answersEnd = true
  #ended = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.#framer = this.#newFramer()
    this.#attach(socket)
  }

  static async connect<T>(this: new (socket: Socket) => T, address: string, port: number, localAddress?: string): Promise<T> {
    const socket = connect({ port, host: address, ...(localAddress === undefined ? {} : { localAddress }) })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new this(socket)
  }

  /** With TLS from the first byte (XEP-0368). */
  static async connectTls<T>(
    this: new (
      socket: Socket,
    ) => T,
    address: string,
    port: number,
    options: ConnectionOptions,
  ): Promise<T> {
    const socket = tlsConnect({ host: address, port, rejectUnauthorized: false, ...options })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    return new this(socket)
  }

  get socket(): Socket {
    return this.#socket
  }

  #newFramer(): Framer {
    const hear = (heard: Heard): void => {
      this.#heard.push(heard)
      this.#wake?.()
    }
    return new Framer(
      {
        header: (header) => hear({ kind: 'header', header }),
        stanza: (stanza) => hear({ kind: 'element', element: stanza.toElement() }),
        element: (element) => hear({ kind: 'element', element }),
        end: () => {
          hear({ kind: 'end' })
          if (this.answersEnd && !this.#ended) this.end()
        },
        fault: (condition, text) => {
          throw new Error(`the server sent what is no XMPP: ${condition} ${text}`)
        },
      },
      authenticatedBudget(10_000_000),
    )
  }

  #attach(socket: Socket): void {
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#framer.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      this.#heard.push({ kind: 'closed' })
      this.#wake?.()
    })
  }

  send(xml: string | Uint8Array): void {
    this.#socket.write(xml)
  }

  /** The next thing that was heard, whatever it is. Rejects when nothing comes. */
  async next(waitMs = WAIT_MS): Promise<Heard> {
    for (;;) {
      const heard = this.#heard.shift()
      if (heard !== undefined) return heard
      await this.#more(waitMs)
    }
  }

  #more(waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('nothing more came')), waitMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  /** The next element that fits; what does not fit is dropped. */
  async element(fits: (e: Element) => boolean = () => true, waitMs = WAIT_MS): Promise<Element> {
    for (;;) {
      const heard = await this.next(waitMs)
      if (heard.kind === 'element' && fits(heard.element)) return heard.element
      if (heard.kind === 'closed') throw new Error('the stream was closed')
    }
  }

  /** Everything until the connection is closed; the end of the stream is answered. */
  async untilClosed(): Promise<readonly Heard[]> {
    const all: Heard[] = []
    for (;;) {
      const heard = await this.next()
      all.push(heard)
      if (heard.kind === 'end') this.end()
      if (heard.kind === 'closed') return all
    }
  }

  /** Everything that has been heard and not taken yet. */
  take(): readonly Heard[] {
    return this.#heard.splice(0)
  }

  /** Makes what was taken the first to be heard again. */
  putBack(heard: readonly Heard[]): void {
    this.#heard.unshift(...heard)
  }

  /** Opens a stream and waits for header and features. */
  async open(attrs: string, contentNs: string = NS.client): Promise<{ header: StreamHeader; features: Element | undefined }> {
    this.send(
      `<?xml version='1.0'?><stream:stream xmlns='${contentNs}' xmlns:stream='${NS.streams}' xmlns:db='${NS.dialback}' ${attrs}>`,
    )
    const heard = await this.next()
    if (heard.kind !== 'header') throw new Error(`expected a header, got ${heard.kind}`)
    if (!attrs.includes('version')) return { header: heard.header, features: undefined }
    const features = await this.next()
    return { header: heard.header, features: features.kind === 'element' ? features.element : undefined }
  }

  /** STARTTLS from the client's side. The next thing to do is to open the stream anew. */
  async startTls(options: { servername: string; cert?: string; key?: string }): Promise<void> {
    this.send(`<starttls xmlns='${NS.tls}'/>`)
    await this.element((e) => e.is('proceed', NS.tls))
    await this.secure(options)
  }

  /** The TLS handshake on the plain socket. */
  async secure(options: { servername: string; cert?: string; key?: string }): Promise<void> {
    await this.#secure((socket) => tlsConnect({ socket, rejectUnauthorized: false, ...options }), 'secureConnect')
  }

  /** The TLS handshake as the one that was dialled. */
  async secureAsServer(options: { cert: string; key: string }): Promise<void> {
    const made = (socket: Socket) =>
      new TLSSocket(socket, { isServer: true, requestCert: true, rejectUnauthorized: false, ...options })
    await this.#secure(made, 'secure')
  }

  async #secure(wrap: (plain: Socket) => TLSSocket, done: 'secure' | 'secureConnect'): Promise<void> {
    const plain = this.#socket
    plain.removeAllListeners()
    const secure = wrap(plain)
    this.restart()
    this.#socket = secure
    await new Promise((resolve, reject) => secure.once(done, resolve).once('error', reject).once('close', reject))
    this.#attach(secure)
  }

  /** Forgets the stream: a new one follows on the same connection. */
  restart(): void {
    this.#framer.stop()
    this.#framer = this.#newFramer()
  }

  /** The other side's header. */
  async header(): Promise<StreamHeader> {
    const heard = await this.next()
    if (heard.kind !== 'header') throw new Error(`expected a header, got ${JSON.stringify(heard)}`)
    return heard.header
  }

  /** The stream error that comes, after whatever comes before it; undefined when the stream ends without one. */
  async error(): Promise<{ readonly condition: string; readonly text: string; readonly element: Element } | undefined> {
    for (const heard of await this.untilClosed()) {
      if (heard.kind !== 'element' || !heard.element.is('error', NS.streams)) continue
      const { element } = heard
      const condition = element.children.find((c) => c.ns === NS.streamErrors && c.name !== 'text')?.name ?? ''
      return { condition, text: element.child('text', NS.streamErrors)?.text ?? '', element }
    }
    return undefined
  }

  end(): void {
    this.#ended = true
    this.send('</stream:stream>')
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

export interface LoginOptions {
  readonly address: string
  readonly port: number
  readonly domain: string
  /** undefined: a guest, by ANONYMOUS. */
  readonly user: string | undefined
  readonly password: string
  readonly resource: string
  /** xml:lang of its streams. */
  readonly lang?: string
}

/** A client for tests: logged in by PLAIN, over STARTTLS where it is offered, and from then on a raw stream. */
export class TestClient extends TestStream {
  jid = ''
  #ids = 0

  static async login(o: LoginOptions): Promise<TestClient> {
    const socket = connect(o.port, o.address)
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const client = new TestClient(socket)
    const to = `to='${o.domain}' version='1.0'${o.lang === undefined ? '' : ` xml:lang='${o.lang}'`}`
    const { features } = await client.open(to)
    if (features?.child('starttls', NS.tls) !== undefined) {
      await client.startTls({ servername: o.domain })
      await client.open(to)
    }
    const [mechanism, token] =
      o.user === undefined ? ['ANONYMOUS', ''] : ['PLAIN', Buffer.from(`\0${o.user}\0${o.password}`).toString('base64')]
    client.send(`<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>${token}</auth>`)
    const answer = await client.element()
    if (!answer.is('success', NS.sasl)) {
      client.destroy()
      throw new Error(`login failed: ${answer}`)
    }
    client.restart()
    await client.open(to)
    const bound = await client.request('set', '', `<bind xmlns='${NS.bind}'><resource>${o.resource}</resource></bind>`)
    client.jid = bound.child('bind', NS.bind)!.child('jid')!.text
    return client
  }

  /** Sends an iq and waits for its answer; what comes before is dropped. `to` '' leaves it out. */
  async request(type: 'get' | 'set', to: string, payload: string): Promise<Element> {
    const id = `t${++this.#ids}`
    this.send(`<iq type='${type}' id='${id}'${to === '' ? '' : ` to='${to}'`}>${payload}</iq>`)
    return this.element(
      (e) => e.name === 'iq' && e.attr('id') === id && (e.attr('type') === 'result' || e.attr('type') === 'error'),
    )
  }

  /** Sends an iq without waiting. Returns its id. */
  ask(type: 'get' | 'set', to: string, payload: string): string {
    const id = `t${++this.#ids}`
    this.send(`<iq type='${type}' id='${id}'${to === '' ? '' : ` to='${to}'`}>${payload}</iq>`)
    return id
  }

  /**
   * A round trip to the own server: everything that was sent before has been handled, and what was heard before the
   * answer can be read with `take`.
   */
  async ping(): Promise<void> {
    const kept: Heard[] = []
    const id = this.ask('get', '', `<ping xmlns='${NS.ping}'/>`)
    for (;;) {
      const heard = await this.next()
      if (heard.kind === 'element' && heard.element.name === 'iq' && heard.element.attr('id') === id) break
      if (heard.kind === 'closed') throw new Error('the stream was closed')
      kept.push(heard)
    }
    this.putBack(kept)
  }

  /**
   * Everything that comes before the answer to a ping: what has been sent to this client until now. Taken; give it to
   * `putBack` to hear it again.
   */
  async heard(fits: (e: Element) => boolean = () => true): Promise<readonly Heard[]> {
    await this.ping()
    return this.take().filter((h) => h.kind !== 'element' || fits(h.element))
  }

  /** The elements of {@link heard}. */
  async elements(fits: (e: Element) => boolean = () => true): Promise<readonly Element[]> {
    return (await this.heard(fits)).flatMap((h) => (h.kind === 'element' ? [h.element] : []))
  }

  /** The next message. */
  message(fits: (e: Element) => boolean = () => true, waitMs = WAIT_MS): Promise<Element> {
    return this.element((e) => e.name === 'message' && fits(e), waitMs)
  }

  presence(fits: (e: Element) => boolean = () => true): Promise<Element> {
    return this.element((e) => e.name === 'presence' && fits(e))
  }
}
