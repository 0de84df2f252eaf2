import assert from 'node:assert/strict'
import { client, type XmlElement, type XmppClient, xml } from '@xmpp/client'

export type { XmlElement } from '@xmpp/client'
export { xml } from '@xmpp/client'

const WAIT_MS = 8_000

export interface Login {
  readonly user: string
  readonly password: string
  readonly domain: string
  readonly address: string
}

/** A stock client, logged in over STARTTLS where the server has it, that keeps what it receives until it is asked for. */
export class TestClient {
  readonly jid: string
  readonly bare: string
  readonly #xmpp: XmppClient
  readonly #received: XmlElement[] = []
  readonly #waiting = new Set<() => void>()

  private constructor(xmpp: XmppClient, jid: string) {
    this.#xmpp = xmpp
    this.jid = jid
    this.bare = jid.split('/')[0]!
  }

  static async login({ user, password, domain, address }: Login): Promise<TestClient> {
    const xmpp = client({ service: `xmpp://${address}:5222`, domain, username: user, password, resource: 'test' })
    xmpp.reconnect.stop()
    xmpp.on('error', () => undefined) // start() rejects with the same
    const jid = await xmpp.start()
    const made = new TestClient(xmpp, jid.toString())
    xmpp.on('stanza', (stanza: XmlElement) => made.#keep(stanza))
    await made.#ask({}, xml('query', { xmlns: 'jabber:iq:roster' })) // who has not asked is not told of subscriptions
    await made.send(xml('presence'))
    return made
  }

  send(stanza: XmlElement): Promise<void> {
    return this.#xmpp.send(stanza)
  }

  async say(to: string, body: string): Promise<void> {
    await this.send(xml('message', { to, type: 'chat' }, xml('body', {}, body)))
  }

  async subscribe(to: string, type: 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'): Promise<void> {
    await this.send(xml('presence', { to, type }))
  }

  /** The answer to an iq, be it a result or an error. */
  ask(to: string, payload: XmlElement): Promise<XmlElement> {
    return this.#ask({ to }, payload)
  }

  /** Takes the first stanza that fits out of what has come or will come. */
  async receive(what: string, fits: (stanza: XmlElement) => boolean): Promise<XmlElement> {
    const end = Date.now() + WAIT_MS
    for (;;) {
      const index = this.#received.findIndex(fits)
      if (index >= 0) return this.#received.splice(index, 1)[0]!
      const left = end - Date.now()
      assert.ok(left > 0, `${this.jid} did not receive ${what}, but:\n${this.#received.join('\n')}`)
      await this.#next(left)
    }
  }

  receiveMessage(from: string, body: string): Promise<XmlElement> {
    return this.receive(
      `"${body}" from ${from}`,
      (stanza) => stanza.is('message') && bare(stanza) === from && stanza.getChildText('body') === body,
    )
  }

  /** @param type 'available' for a presence without a type */
  receivePresence(from: string, type: string): Promise<XmlElement> {
    return this.receive(
      `presence ${type} from ${from}`,
      (stanza) => stanza.is('presence') && bare(stanza) === from && (stanza.attrs['type'] ?? 'available') === type,
    )
  }

  async stop(): Promise<void> {
    await this.#xmpp.stop()
  }

  async #ask(to: { to?: string }, payload: XmlElement): Promise<XmlElement> {
    const id = crypto.randomUUID()
    await this.send(xml('iq', { ...to, type: 'get', id }, payload))
    return this.receive(`the answer to ${payload}`, (stanza) => stanza.is('iq') && stanza.attrs['id'] === id)
  }

  #keep(stanza: XmlElement): void {
    this.#received.push(stanza)
    for (const wake of [...this.#waiting]) wake()
  }

  #next(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, withinMs)
      this.#waiting.add(wake)
    })
  }
}

function bare(stanza: XmlElement): string | undefined {
  return stanza.attrs['from']?.split('/')[0]
}

/** The condition of an error stanza, such as "service-unavailable". */
export function conditionOf(stanza: XmlElement): string | undefined {
  assert.equal(stanza.attrs['type'], 'error', stanza.toString())
  const children = stanza.getChild('error')?.getChildElements() ?? []
  return children.find((child) => child.name !== 'text')?.name
}
