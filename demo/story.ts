import { Actor } from './actors.ts'
import { type Act, CAPULET, CERTIFICATES_REQUIRED, DIALBACK, MONTAGUE, REFUSED } from './acts.ts'
import { Exchange, type Speaker } from './exchange.ts'
import type { Screen } from './screen.ts'
import { entente } from './server-process.ts'
import type { Running, Stage } from './stage.ts'

/** One act in the summary: what came of each direction. */
export interface Outcome {
  readonly act: string
  readonly romeoToJuliet: string
  readonly julietToRomeo: string
}

/** The three acts, on one stage. */
export class Story {
  readonly #stage: Stage
  readonly #screen: Screen
  readonly #password: string
  readonly #exchange: Exchange
  readonly #outcomes: Outcome[] = []

  constructor(stage: Stage, screen: Screen, password: string) {
    this.#stage = stage
    this.#screen = screen
    this.#password = password
    this.#exchange = new Exchange(stage, screen)
  }

  /** Rejects when anything goes another way than the acts promise. */
  async tell(): Promise<readonly Outcome[]> {
    const exchange = this.#exchange
    await this.#play(CERTIFICATES_REQUIRED, async (romeo, juliet) => [
      await exchange.talk(romeo, juliet, 'external', ['Is the garden gate open?', 'I bring the lute.']),
      await exchange.talk(juliet, romeo, 'external', ['It is. Mind the dog.', 'And leave the lute at home.']),
    ])
    await this.#play(DIALBACK, async (romeo, juliet) => [
      await exchange.talk(romeo, juliet, 'external', ['Your papers look home-made.', 'Is that really you?']),
      await exchange.talk(juliet, romeo, 'dialback', ['Call my house and see.', 'Convinced?']),
    ])
    await this.#play(REFUSED, async (romeo, juliet) => [
      await exchange.fail(romeo, juliet, romeo.server, 'Can you hear me?'),
      await exchange.fail(juliet, romeo, romeo.server, 'Why does nobody answer?'),
    ])
    return this.#outcomes
  }

  /** Starts both servers under the policy of an act. */
  async raise(act: Act): Promise<readonly [montague: Running, capulet: Running]> {
    return Promise.all([this.#stage.serve(MONTAGUE, act.montague), this.#stage.serve(CAPULET, act.capulet)])
  }

  async #play(act: Act, scene: (romeo: Speaker, juliet: Speaker) => Promise<readonly [string, string]>): Promise<void> {
    this.#screen.heading(`${this.#outcomes.length + 1}. ${act.title}`)
    this.#screen.aside(act.why)
    const [montague, capulet] = await this.raise(act)
    this.#introduce(act, montague, capulet)
    if (this.#outcomes.length === 0) await this.#makeAccounts(montague, capulet)
    const romeo = { actor: await this.#logIn('romeo', montague), server: montague }
    const juliet = { actor: await this.#logIn('juliet', capulet), server: capulet }
    const [romeoToJuliet, julietToRomeo] = await scene(romeo, juliet)
    this.#outcomes.push({ act: act.title, romeoToJuliet, julietToRomeo })
    await Promise.all([romeo.actor.leave(), juliet.actor.leave()])
  }

  #introduce(act: Act, montague: Running, capulet: Running): void {
    for (const [{ domain, c2s, s2s }, { secureAuth, shows }] of [
      [montague, act.montague],
      [capulet, act.capulet],
    ] as const) {
      this.#screen.event(`${domain} is up: port ${c2s} for clients, ${s2s} for servers`)
      this.#screen.fact('certificate', shows)
      this.#screen.fact('policy', `s2s_secure_auth = ${secureAuth}`)
    }
  }

  async #makeAccounts(montague: Running, capulet: Running): Promise<void> {
    const add = (user: string, { domain, process }: Running) =>
      entente('adduser', '--config', process.configFile, `${user}@${domain}`, this.#password)
    await Promise.all([add('romeo', montague), add('juliet', capulet)])
  }

  async #logIn(user: string, server: Running): Promise<Actor> {
    const account = `${user}@${server.domain}`
    const actor = await Actor.login(account, this.#password, server.c2s)
    const { mechanism } = await server.process.event('client logged in')
    const { version, issuer } = actor.tls
    this.#screen.event(`${account} is logged in`)
    this.#screen.fact('TLS', `${version}, certificate of ${issuer} verified`)
    this.#screen.fact('SASL', String(mechanism))
    return actor
  }
}
