import type { CertificateSummary } from '../core/evidence.ts'
import type { Clock } from '../net/clock.ts'
import { dial } from '../net/dial.ts'
import { Driver, type Patience } from '../net/driver.ts'
import type { Endpoint } from '../net/endpoints.ts'
import type { Outbox } from '../net/outbox.ts'
import type { CertificateVerdict, PeerRules } from '../protocol/s2s.ts'
import { type Failure, S2S_OUT_START, type S2sOutContext, type S2sOutEvent, s2sOut } from '../protocol/s2s-out.ts'
import type { TlsFacts } from '../protocol/step.ts'
import { demandingTls } from '../streams/demands.ts'
import { authenticatedBudget, PRE_AUTH_BUDGET } from '../xmpp/framer.ts'
import { MOST_CERTIFICATES, type PeerTls, summaryOf } from './peer-tls.ts'

/** What a look at a server needs. */
export interface ProbeSetup {
  readonly clock: Clock
  readonly outbox: Outbox
  readonly tls: PeerTls
  readonly rules: PeerRules
  readonly connectTimeoutMs: number
  readonly negotiationMs: number
  readonly patience: Patience
}

/** One step on the way into a server, and when it was done. */
export interface Stage {
  readonly stage: 'connect' | 'tls' | 'certificate' | 'stream' | 'features' | 'auth'
  /** Since the stage before. */
  readonly tookMs: number
  readonly detail: string
}

export interface EndpointReport {
  readonly endpoint: Endpoint
  readonly stages: readonly Stage[]
  readonly chain: readonly CertificateSummary[]
  /** We would send stanzas here. */
  readonly ok: boolean
  /** What is in the way; `condition` is the policy's reason where it is one. */
  readonly failure: { readonly stage: string; readonly condition: string | undefined; readonly text: string } | undefined
}

/**
 * Goes as far into one endpoint as one can without authenticating, and leaves. No key and no stanza is sent.
 * Never rejects; takes the time-outs of the setup at most.
 */
export async function probe(local: string, remote: string, endpoint: Endpoint, setup: ProbeSetup): Promise<EndpointReport> {
  const look = new Look(local, remote, endpoint, setup)
  const dialling = dial([endpoint], { clock: setup.clock, connectTimeoutMs: setup.connectTimeoutMs })
  const connection = await dialling.next()
  if (connection === undefined) return look.report({ stage: 'connect', text: dialling.failures[0]?.why ?? 'no connection' })
  look.reached('connect', 'connected')
  return look.negotiate(connection.socket)
}

type Fault = { readonly stage: string; readonly condition?: string | undefined; readonly text: string }

class Look {
  readonly #local: string
  readonly #remote: string
  readonly #endpoint: Endpoint
  readonly #setup: ProbeSetup
  readonly #stages: Stage[] = []
  #beganMono: number
  #tls: TlsFacts | undefined
  #wouldBe = ''
  #failure: Failure | undefined

  constructor(local: string, remote: string, endpoint: Endpoint, setup: ProbeSetup) {
    this.#local = local
    this.#remote = remote
    this.#endpoint = endpoint
    this.#setup = setup
    this.#beganMono = setup.clock.mono()
  }

  reached(stage: Stage['stage'], detail: string): void {
    const nowMono = this.#setup.clock.mono()
    this.#stages.push({ stage, tookMs: Math.round(nowMono - this.#beganMono), detail })
    this.#beganMono = nowMono
  }

  report(failure: Fault | undefined): EndpointReport {
    return {
      endpoint: this.#endpoint,
      stages: this.#stages,
      chain: (this.#tls?.peerChain ?? []).slice(0, MOST_CERTIFICATES).map(summaryOf),
      ok: failure === undefined,
      failure: failure && { stage: failure.stage, condition: failure.condition, text: failure.text },
    }
  }

  negotiate(socket: ConstructorParameters<typeof Driver>[0]): Promise<EndpointReport> {
    const { clock, outbox, patience, tls } = this.#setup
    const { promise, resolve } = Promise.withResolvers<EndpointReport>()
    const step = s2sOut(this.#context(() => driver.feed({ on: 'close' })))
    const watched: typeof step = (state, input) => {
      if (input.on === 'header') this.reached('stream', `stream id ${(input.header.id ?? '').slice(0, 100)}`)
      if (input.on === 'secured') {
        this.#tls = input.tls
        this.reached('tls', `${input.tls.version}, ${input.tls.cipher}`)
      }
      return step(state, input)
    }
    const driver = new Driver(socket, {
      step: watched,
      state: S2S_OUT_START,
      port: {
        ask: (_, answer) => void this.#judge().then((certificate) => answer({ certificate })),
        tell: (event: S2sOutEvent) => {
          if (event.event === 'failed') this.#failure ??= event.failure
        },
        stanza: () => {},
        tls: () => tls.dialServer(this.#local, this.#remote),
        drained: () => {},
        bug: (error) => {
          this.#failure ??= fault(`this is a bug in Entente: ${error}`)
        },
        closed: (why) => {
          this.#failure ??= this.#wouldBe === '' ? fault(why) : undefined
          resolve(this.report(this.#failure))
        },
      },
      clock,
      outbox,
      budget: PRE_AUTH_BUDGET,
      patience,
    })
    driver.open(this.#endpoint.tls === 'direct')
    socket.resume()
    return promise
  }

  async #judge(): Promise<CertificateVerdict> {
    const shown = {
      direction: 'out',
      local: this.#local,
      remote: this.#remote,
      tls: this.#tls!,
      endpoint: this.#endpoint,
    } as const
    const { certificate, by } = await this.#setup.tls.weigh(shown)
    this.reached('certificate', by === undefined ? certificate : `${certificate} (${by})`)
    return certificate
  }

  /** @param leave ends the stream, once it is known how we would authenticate */
  #context(leave: () => void): S2sOutContext {
    const { negotiationMs } = this.#setup
    const rules = this.#endpoint.tlsa === undefined ? this.#setup.rules : demandingTls(this.#setup.rules)
    return {
      local: this.#local,
      remote: this.#remote,
      purpose: { is: 'link' },
      rules: {
        ...rules,
        next: (local, remote, facts) => {
          const move = rules.next(local, remote, facts)
          this.reached('features', offersText(facts.offered))
          if (!move.allow || move.move === 'starttls') return move
          this.#wouldBe = move.move
          this.reached('auth', `we would authenticate by ${move.move === 'external' ? 'certificate (EXTERNAL)' : 'dialback'}`)
          leave()
          return { allow: true, move: 'verify' } // on a stream for stanzas this says nothing and waits
        },
      },
      dialbackKey: () => '',
      budget: authenticatedBudget(PRE_AUTH_BUDGET.stanzaBytes),
      negotiationMs,
      management: undefined,
      bidi: false,
    }
  }
}

const fault = (text: string): Failure => ({
  stage: 'stream',
  by: 'peer',
  condition: undefined,
  text,
  bounce: 'remote-server-timeout',
})

function offersText(o: { starttls: string; external: boolean; dialback: boolean; mechanisms: boolean }): string {
  const offered = [
    ...(o.starttls === 'no' ? [] : [`STARTTLS (${o.starttls})`]),
    ...(o.external ? ['EXTERNAL'] : o.mechanisms ? ['mechanisms that are not for servers'] : []),
    ...(o.dialback ? ['dialback'] : []),
  ]
  return `it offers ${offered.length === 0 ? 'nothing that we know' : offered.join(', ')}`
}
