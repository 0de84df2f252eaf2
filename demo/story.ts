import { Actor } from './actors.ts'
import { type Act, CAPULET, CERTIFICATES_REQUIRED, DIALBACK, MONTAGUE, REFUSED } from './acts.ts'
import type { Screen } from './screen.ts'
import { entente } from './server-process.ts'
import type { Running, Stage } from './stage.ts'

/** Who speaks from where. */
interface Speaker {
  readonly actor: Actor
  readonly server: Running
}

interface Pair {
  readonly romeo: Speaker
  readonly juliet: Speaker
}

/** One row of the summary. */
export interface Outcome {
  readonly act: string
  readonly way: string
  readonly result: string
}

const ms = (from: number, to: number): string => `${(to - from).toFixed(1)} ms`

/** Tells what happens on the stage, and learns it only from the clients, the logs of the servers and the name server. */
export class Story {
  readonly #stage: Stage
  readonly #screen: Screen
  readonly #password: string
  readonly #outcomes: Outcome[] = []
  #accountsMade = false

  constructor(stage: Stage, screen: Screen, password: string) {
    this.#stage = stage
    this.#screen = screen
    this.#password = password
  }

  /** The three acts; resolves with what came of them. */
  async tell(): Promise<readonly Outcome[]> {
    await this.#play(1, CERTIFICATES_REQUIRED, async ({ romeo, juliet }) => {
      await this.#talk(CERTIFICATES_REQUIRED, romeo, juliet, ['Is the garden gate open tonight?', 'I bring the lute.'])
      await this.#talk(CERTIFICATES_REQUIRED, juliet, romeo, ['It is. Mind the dog.', 'And leave the lute at home.'])
    })
    await this.#play(2, DIALBACK, async ({ romeo, juliet }) => {
      await this.#talk(DIALBACK, romeo, juliet, ['Is that really you? Your papers look home-made.'])
      await this.#talk(DIALBACK, juliet, romeo, ['Call me back at home and see.', 'Convinced?'])
    })
    await this.#play(3, REFUSED, async ({ romeo, juliet }) => {
      await this.#fail(REFUSED, romeo, juliet, 'Can you hear me?')
      await this.#fail(REFUSED, juliet, romeo, 'Why do you not answer?')
    })
    return this.#outcomes
  }

  /** Starts both servers under the policy of an act. */
  async raise(act: Act): Promise<{ readonly montague: Running; readonly capulet: Running }> {
    const [montague, capulet] = await Promise.all([
      this.#stage.serve(MONTAGUE, act.montague),
      this.#stage.serve(CAPULET, act.capulet),
    ])
    return { montague, capulet }
  }

  async #play(number: number, act: Act, scene: (pair: Pair) => Promise<void>): Promise<void> {
    const screen = this.#screen
    screen.heading(`${number}. ${act.title}`)
    for (const line of act.why) screen.aside(line)
    const { montague, capulet } = await this.raise(act)
    for (const [server, policy] of [
      [montague, act.montague],
      [capulet, act.capulet],
    ] as const) {
      screen.event(`${server.domain} is up: clients on port ${server.c2s}, servers on port ${server.s2s}`)
      screen.fact('policy', policy.lines.join(', '))
      screen.fact('shows', policy.shows)
    }
    await this.#makeAccounts(montague, capulet)
    const romeo = { actor: await this.#logIn('romeo', montague), server: montague }
    const juliet = { actor: await this.#logIn('juliet', capulet), server: capulet }
    await scene({ romeo, juliet })
    await Promise.all([romeo.actor.leave(), juliet.actor.leave()])
  }

  async #makeAccounts(montague: Running, capulet: Running): Promise<void> {
    if (this.#accountsMade) return
    const add = (user: string, { domain, process }: Running) =>
      entente('adduser', '--config', process.configFile, `${user}@${domain}`, this.#password)
    await Promise.all([add('romeo', montague), add('juliet', capulet)])
    this.#accountsMade = true
  }

  async #logIn(user: string, server: Running): Promise<Actor> {
    const account = `${user}@${server.domain}`
    const actor = await Actor.login(account, this.#password, server.c2s)
    const { mechanism } = await server.process.event('client logged in')
    const { version, issuer } = actor.tls
    this.#screen.event(`${account} is logged in: ${version}, ${mechanism}, certificate of "${issuer}" verified`)
    return actor
  }

  /** Messages that arrive; the first one makes its server connect to the other. */
  async #talk(act: Act, from: Speaker, to: Speaker, lines: readonly string[]): Promise<void> {
    const times: string[] = []
    let via = ''
    for (const line of lines) {
      const { id, atMono } = await this.#says(from, to, line)
      if (times.length === 0) via = await this.#explainStream(from.server, to.server)
      const arrival = await to.actor.hears(id)
      const body = arrival.stanza.getChildText('body')
      times.push(ms(atMono, arrival.atMono))
      const first = times.length === 1 ? ' with the new connection' : ''
      this.#screen.good(`${to.actor.name} reads "${body}" ${times.at(-1)} after it was sent${first}`)
    }
    this.#record(act, from, to, `${via}; delivered in ${times.join(', then ')}`)
  }

  async #says(from: Speaker, to: Speaker, line: string) {
    this.#screen.event(`${from.actor.name} writes to ${to.actor.account}: "${line}"`)
    return from.actor.say(to.actor.account, line)
  }

  /** DNS, then what each of the two servers says about the stream between them. */
  async #explainStream(from: Running, to: Running): Promise<string> {
    await this.#explainLookUp(to)
    const pair = { local: from.domain, remote: to.domain }
    const out = await from.process.event('outgoing stream authenticated', { direction: 'out', ...pair })
    const into = await to.process.event('incoming stream authenticated', {
      direction: 'in',
      local: to.domain,
      remote: from.domain,
    })
    const screen = this.#screen
    screen.fact('TLS', String(out['tls']))
    screen.fact('certificate', `${from.domain} finds that of ${to.domain} ${judged(out['certificate'])}`)
    screen.fact('certificate', `${to.domain} finds that of ${from.domain} ${judged(into['certificate'])}`)
    screen.fact('identity', `${to.domain} believes ${from.domain} by ${method(into['via'])}`)
    return `${out['tls']}, ${into['via']}`
  }

  async #explainLookUp(to: Running): Promise<void> {
    const { query, answer } = await this.#stage.lookUp(to.domain)
    this.#screen.fact('DNS', `SRV ${query}: ${answer}`)
  }

  /** A message that must come back to its sender with a reason. */
  async #fail(act: Act, from: Speaker, to: Speaker, line: string): Promise<void> {
    const { id, atMono } = await this.#says(from, to, line)
    await this.#explainLookUp(to.server)
    const { stanza, atMono: backMono } = await from.actor.hears(id)
    const error = stanza.getChild('error')
    if (stanza.attrs['type'] !== 'error' || error === undefined) throw new Error('a message passed that had to be refused')
    const condition = error.getChildElements().find(({ name }) => name !== 'text')?.name
    const reason = error.getChildText('text') ?? ''
    this.#screen.bad(`${from.actor.name} gets it back ${ms(atMono, backMono)} later: "${reason}"`)
    this.#screen.fact('condition', String(condition))
    this.#record(act, from, to, `refused: "${reason}"`)
  }

  #record(act: Act, from: Speaker, to: Speaker, result: string): void {
    this.#outcomes.push({ act: act.title, way: `${from.actor.name} to ${to.actor.name}`, result })
  }
}

const judged = (verdict: unknown): string => (verdict === 'valid' ? 'valid' : `not valid (${verdict})`)
const method = (via: unknown): string => (via === 'external' ? 'its certificate (SASL EXTERNAL)' : 'calling it back (dialback)')
