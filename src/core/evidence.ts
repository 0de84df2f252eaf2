/** One certificate of a chain, for people. */
export interface CertificateSummary {
  readonly subject: string
  readonly issuer: string
  /** As the certificate writes them: `DNS:example.org, …`. */
  readonly names: string
  readonly expires: string
  /** SHA-256 of the certificate and of its key, as `sha256:` and hex: what a pin may say. */
  readonly fingerprint: string
  readonly keyFingerprint: string
}

/** The last handshake in one direction. */
export interface Handshake {
  readonly atMs: number
  readonly local: string
  readonly tls: string
  readonly cipher: string
  /** The verdict on the certificate, and the proof that made it valid. */
  readonly certificate: string
  readonly proof: string | undefined
  readonly chain: readonly CertificateSummary[]
}

/** How the last attempt in one direction ended. */
export interface Outcome {
  readonly atMs: number
  readonly local: string
  readonly result: 'authenticated' | 'refused' | 'failed'
  /** external or dialback, when it was authenticated. */
  readonly via: string | undefined
  readonly encrypted: boolean
  readonly certificate: string | undefined
  /** The policy's reason, or the stage at which it failed. */
  readonly because: string
  readonly text: string
}

/** The last look-up in DNS. */
export interface Lookup {
  readonly atMs: number
  readonly tookMs: number
  /** In the order in which they are tried. */
  readonly endpoints: readonly {
    readonly host: string
    readonly address: string
    readonly port: number
    readonly tls: 'direct' | 'starttls'
    /** DNSSEC has validated the way to it. */
    readonly secure: boolean
  }[]
  readonly failure: string | undefined
}

/** An endpoint that was tried in vain. */
export interface FailedEndpoint {
  readonly atMs: number
  readonly endpoint: string
  readonly stage: string
  readonly why: string
}

export type Direction = 'in' | 'out'

/** What the server has seen of one remote domain since it started, the latest of each kind. */
export interface Evidence {
  readonly lookup: Lookup | undefined
  readonly failedEndpoints: readonly FailedEndpoint[]
  readonly handshakes: { readonly [D in Direction]?: Handshake }
  readonly outcomes: { readonly [D in Direction]?: Outcome }
}

const NOTHING: Evidence = { lookup: undefined, failedEndpoints: [], handshakes: {}, outcomes: {} }
/** An entry holds at most one chain for each direction and one list of endpoints: some 20 KiB. */
const MOST_REMOTES = 500
const MOST_FAILURES = 16

/** What was seen of remote domains, in memory and bounded: who was not heard of for longest is forgotten first. */
export class EvidenceMemory {
  readonly #remotes = new Map<string, Evidence>()

  of(remote: string): Evidence {
    return this.#remotes.get(remote) ?? NOTHING
  }

  get size(): number {
    return this.#remotes.size
  }

  /** A new look-up begins the story of a new attempt. */
  lookup(remote: string, lookup: Lookup): void {
    this.#change(remote, { lookup, failedEndpoints: [] })
  }

  failedEndpoint(remote: string, failure: FailedEndpoint): void {
    this.#change(remote, { failedEndpoints: [...this.of(remote).failedEndpoints, failure].slice(-MOST_FAILURES) })
  }

  handshake(remote: string, direction: Direction, handshake: Handshake): void {
    this.#change(remote, { handshakes: { ...this.of(remote).handshakes, [direction]: handshake } })
  }

  outcome(remote: string, direction: Direction, outcome: Outcome): void {
    this.#change(remote, { outcomes: { ...this.of(remote).outcomes, [direction]: outcome } })
  }

  #change(remote: string, change: Partial<Evidence>): void {
    if (remote === '') return
    const next = { ...this.of(remote), ...change }
    this.#remotes.delete(remote)
    this.#remotes.set(remote, next)
    if (this.#remotes.size > MOST_REMOTES) this.#remotes.delete(this.#remotes.keys().next().value!)
  }
}
