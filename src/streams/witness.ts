import type { Clock } from '../net/clock.ts'
import type { Tap } from '../net/tap.ts'
import type { Wire } from '../net/wire.ts'
import type { Events } from '../obs/events.ts'
import type { CertificateVerdict } from '../protocol/s2s.ts'
import type { Element } from '../xmpp/element.ts'
import type { StreamHeader } from '../xmpp/framer.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { Traces } from './traces.ts'

/** What of a driver a witness sees. */
export interface Observed {
  readonly wire: Wire
  tap: Tap | undefined
}

/** A pair of domains that may be used on a stream, and how that was proven. */
export interface ProvenPair {
  readonly local: string
  readonly remote: string
  readonly via: string
  readonly certificate: CertificateVerdict
}

/** A stream with another server, as an operator sees it. */
export interface StreamFacts {
  readonly id: string
  readonly direction: 'in' | 'out'
  /** Who it is with; for a stream that came in and proved nothing yet: who it claims to be. */
  readonly local: string
  readonly remote: string
  readonly pairs: readonly ProvenPair[]
  readonly address: string
  readonly port: number
  /** undefined where the stream is not encrypted. */
  readonly tls: { readonly version: string; readonly cipher: string } | undefined
  readonly certificate: CertificateVerdict | undefined
  readonly ageSeconds: number
  /** Since the last stanza in any direction; since the start when there was none. */
  readonly idleSeconds: number
  readonly stanzasIn: number
  readonly stanzasOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** The other side does not read what waits for it. */
  readonly congested: boolean
}

export interface Traffic {
  readonly stanzasIn: number
  readonly stanzasOut: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Everything that can be said about streams with other servers, while they live and in sum. */
export class Witnesses {
  readonly clock: Clock
  readonly events: Events
  readonly traces: Traces
  readonly #live = new Set<Witness>()
  #past: Traffic = { stanzasIn: 0, stanzasOut: 0, bytesIn: 0, bytesOut: 0 }

  constructor(clock: Clock, events: Events) {
    this.clock = clock
    this.events = events
    this.traces = new Traces(clock.now, () => {
      for (const one of this.#live) one.look()
    })
  }

  /** @param about `direct`: TLS from the first byte */
  open(about: { id: string; direction: 'in' | 'out'; direct: boolean; local: string; remote: string }, seen: Observed): Witness {
    const witness = new Witness(about, seen, this, (gone) => {
      if (this.#live.delete(gone)) this.#past = sum(this.#past, gone)
    })
    this.#live.add(witness)
    witness.look()
    return witness
  }

  list(): readonly StreamFacts[] {
    return [...this.#live].map((one) => one.facts())
  }

  /** Of all streams since the start. */
  get traffic(): Traffic {
    return [...this.#live].reduce(sum, this.#past)
  }
}

const sum = (a: Traffic, b: Traffic): Traffic => ({
  stanzasIn: a.stanzasIn + b.stanzasIn,
  stanzasOut: a.stanzasOut + b.stanzasOut,
  bytesIn: a.bytesIn + b.bytesIn,
  bytesOut: a.bytesOut + b.bytesOut,
})

/** Knows one stream with another server from its first byte to its last, and takes no part in it. */
export class Witness implements Traffic, Tap {
  readonly #about: { readonly id: string; readonly direction: 'in' | 'out'; readonly direct: boolean }
  readonly #seen: Observed
  readonly #all: Witnesses
  readonly #gone: (witness: Witness) => void
  readonly #startMono: number
  readonly #pairs: ProvenPair[] = []
  #local: string
  #remote: string
  #certificate: CertificateVerdict | undefined
  #markMono: number
  #lastMono: number
  #stanzasIn = 0
  #stanzasOut = 0
  #tls: 'none' | 'running' | 'done' = 'none'
  #isTraced = false

  constructor(
    about: { id: string; direction: 'in' | 'out'; direct: boolean; local: string; remote: string },
    seen: Observed,
    all: Witnesses,
    gone: (witness: Witness) => void,
  ) {
    this.#about = about
    this.#seen = seen
    this.#all = all
    this.#gone = gone
    this.#local = about.local
    this.#remote = about.remote
    this.#startMono = this.#markMono = this.#lastMono = all.clock.mono()
  }

  get stanzasIn(): number {
    return this.#stanzasIn
  }

  get stanzasOut(): number {
    return this.#stanzasOut
  }

  get bytesIn(): number {
    return this.#seen.wire.bytesIn
  }

  get bytesOut(): number {
    return this.#seen.wire.bytesOut
  }

  /** The headers have told who speaks to whom. */
  named(local: string, remote: string): void {
    this.#local = local
    this.#remote = remote
    this.#secured()
    this.look()
  }

  /** The handshake begins. */
  securing(): void {
    if (!this.#about.direct) this.#reach('stream')
    this.#tls = 'running'
  }

  #secured(): void {
    const { tls } = this.#seen.wire
    if (this.#tls !== 'running' || tls === undefined) return
    this.#tls = 'done'
    this.#reach('tls')
    const { id, direction } = this.#about
    this.#all.events.peerEncrypted({ id, direction, remote: this.#remote, protocol: tls.version, cipher: tls.cipher })
  }

  judged(remote: string, verdict: CertificateVerdict): void {
    this.#secured()
    if (remote === this.#remote) this.#certificate = verdict
    const { id, direction } = this.#about
    this.#all.events.peerCertificate({ id, direction, remote, verdict })
  }

  proven(pair: ProvenPair): void {
    this.#secured()
    if (this.#pairs.length === 0) {
      this.#reach('auth')
      this.#all.events.peerStage(this.#about.direction, 'total', this.#all.clock.mono() - this.#startMono)
    }
    this.#pairs.push(pair)
    this.look()
    if (this.#isTraced) this.note(`${pair.remote} proven by ${pair.via}, certificate ${pair.certificate}`)
  }

  /** A new policy has taken a pair away. */
  dropped(local: string, remote: string): void {
    const index = this.#pairs.findIndex((pair) => pair.local === local && pair.remote === remote)
    if (index !== -1) this.#pairs.splice(index, 1)
  }

  /** A stage of the way is behind us: how long it took since the one before. */
  #reach(stage: string): void {
    const now = this.#all.clock.mono()
    this.#all.events.peerStage(this.#about.direction, stage, now - this.#markMono)
    this.#markMono = now
  }

  stanzaIn(): void {
    this.#stanzasIn++
    this.#lastMono = this.#all.clock.mono()
  }

  stanzaOut(stanza: Stanza): void {
    this.#stanzasOut++
    this.#lastMono = this.#all.clock.mono()
    if (this.#isTraced) this.saw('out', stanza)
  }

  closed(why: string): void {
    if (this.#isTraced) this.note(`closed: ${why}`)
    this.#gone(this)
  }

  /** Is anybody watching? */
  look(): void {
    this.#isTraced = this.#all.traces.wants(this.#concerns)
    this.#seen.tap = this.#isTraced ? this : undefined
  }

  readonly #concerns = (remote: string): boolean => remote === this.#remote || this.#pairs.some((pair) => pair.remote === remote)

  saw(direction: 'in' | 'out', what: StreamHeader | Element | Stanza | string): void {
    this.#all.traces.saw(this.#about.id, this.#concerns, direction, what)
  }

  note(text: string): void {
    this.#all.traces.note(this.#about.id, this.#concerns, text)
  }

  facts(): StreamFacts {
    const { id, direction } = this.#about
    const { wire } = this.#seen
    const now = this.#all.clock.mono()
    return {
      id,
      direction,
      local: this.#local,
      remote: this.#remote,
      pairs: [...this.#pairs],
      address: wire.remoteAddress,
      port: wire.remotePort,
      tls: wire.tls && { version: wire.tls.version, cipher: wire.tls.cipher },
      certificate: this.#certificate,
      ageSeconds: (now - this.#startMono) / 1000,
      idleSeconds: (now - this.#lastMono) / 1000,
      stanzasIn: this.#stanzasIn,
      stanzasOut: this.#stanzasOut,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      congested: wire.isCongested,
    }
  }
}
