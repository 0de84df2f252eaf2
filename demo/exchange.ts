import type { Actor } from './actors.ts'
import type { Screen } from './screen.ts'
import type { Running, Stage } from './stage.ts'

/** Who speaks from where. */
export interface Speaker {
  readonly actor: Actor
  readonly server: Running
}

export type Method = 'external' | 'dialback'

const ms = (fromMono: number, toMono: number): string => `${(toMono - fromMono).toFixed(1)} ms`

/** What two users and their servers do, told while it happens; learned only from clients, server logs and name server. */
export class Exchange {
  readonly #stage: Stage
  readonly #screen: Screen

  constructor(stage: Stage, screen: Screen) {
    this.#stage = stage
    this.#screen = screen
  }

  /**
   * Messages that arrive; the first one makes its server connect to the other. Resolves with the result in a few words;
   * rejects when one comes back, or when the servers know each other by another method than `expected`.
   */
  async talk(from: Speaker, to: Speaker, expected: Method, lines: readonly string[]): Promise<string> {
    const times: string[] = []
    let tls = ''
    for (const line of lines) {
      const { id, atMono } = await this.#write(from, to, line)
      const returned = from.actor.hears(id).then(({ stanza }) => Promise.reject(new Error(`a message came back: ${stanza}`)))
      if (times.length === 0) tls = await Promise.race([this.#explain(from.server, to.server, expected), returned])
      const arrival = await Promise.race([to.actor.hears(id), returned])
      times.push(ms(atMono, arrival.atMono))
      const first = times.length === 1 ? ' (new connection)' : ''
      this.#screen.good(`${to.actor.name} reads "${arrival.stanza.getChildText('body')}" after ${times.at(-1)}${first}`)
    }
    return `${tls}, ${METHODS[expected]}; delivered in ${times.join(', then ')}`
  }

  /** A message that must come back because `refusing` does not trust the other's certificate. Resolves with the reason. */
  async fail(from: Speaker, to: Speaker, refusing: Running, line: string): Promise<string> {
    const { id, atMono } = await this.#write(from, to, line)
    const refused =
      refusing === from.server
        ? (await refusing.process.event('remote domain cannot be reached'))['why']
        : (await refusing.process.event('stream ended', { direction: 'in', by: 'us' }))['text']
    await this.#explainLookUp(to.server)
    this.#screen.fact(refusing.domain, `refuses: "${refused}"`)
    const { stanza, atMono: backMono } = await from.actor.hears(id)
    const reason = stanza.getChild('error')?.getChildText('text')
    if (stanza.attrs['type'] !== 'error' || !reason) throw new Error(`a message was not refused with a reason: ${stanza}`)
    this.#screen.bad(`${from.actor.name} gets it back after ${ms(atMono, backMono)}: "${reason}"`)
    return `refused: "${reason}"`
  }

  async #write(from: Speaker, to: Speaker, line: string): ReturnType<Actor['say']> {
    this.#screen.event(`${from.actor.name} writes to ${to.actor.name}: "${line}"`)
    return from.actor.say(to.actor.account, line)
  }

  /** DNS, then what each of the two servers says about the new stream between them. Resolves with the version of TLS. */
  async #explain(from: Running, to: Running, expected: Method): Promise<string> {
    const [near, far] = [from.domain, to.domain]
    const out = await from.process.event('outgoing stream authenticated', { local: near, remote: far })
    const into = await to.process.event('incoming stream authenticated', { local: far, remote: near })
    if (into['via'] !== expected)
      throw new Error(`${far} had to authenticate ${near} by ${expected}, and did it by ${into['via']}`)
    await this.#explainLookUp(to)
    this.#screen.fact('TLS', String(out['tls']))
    this.#screen.fact(near, `certificate ${into['certificate']}, authenticated by ${METHODS[expected]}`)
    this.#screen.fact(
      far,
      `certificate ${out['certificate']}, ${out['certificate'] === 'valid' ? 'that suffices' : 'DNS alone speaks for it'}`,
    )
    return String(out['tls'])
  }

  async #explainLookUp(to: Running): Promise<void> {
    const { query, answer } = await this.#stage.lookUp(to.domain)
    this.#screen.fact('SRV question', query)
    this.#screen.fact('SRV answer', answer)
  }
}

/** Of the server that connects; the other one shows its certificate, or has nothing but its address to show. */
const METHODS: { readonly [M in Method]: string } = { external: 'SASL EXTERNAL', dialback: 'dialback' }
