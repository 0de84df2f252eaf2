import type { Explanation } from '../admin/explain.ts'
import type { Config } from '../config/config.ts'
import { EvidenceMemory } from '../core/evidence.ts'
import { TrustMemory } from '../core/trust-memory.ts'
import type { Clock } from '../net/clock.ts'
import type { Endpoints } from '../net/endpoints.ts'
import type { Events } from '../obs/events.ts'
import type { Logger } from '../obs/log.ts'
import type { CertificateVerdict } from '../policy/refusal.ts'
import { trustOf } from '../policy/trust.ts'
import { explain, remoteOf } from './explain.ts'
import type { Policies } from './policies.ts'

/** What the server remembers of remote domains: what it has seen since it started, and the best that each has shown. */
export class PeerMemory {
  readonly evidence = new EvidenceMemory()
  readonly trust: TrustMemory
  readonly #clock: Clock

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.trust = new TrustMemory(clock.now, (error) =>
      log.warn('storage failed', { why: error instanceof Error ? error.message : String(error) }),
    )
  }

  /** Looks a domain up and remembers what came of it. */
  async lookUp(remote: string, resolve: () => Promise<Endpoints>): Promise<Endpoints> {
    const startMono = this.#clock.mono()
    const found = await resolve()
    const { failure, endpoints = [] } = found
    this.evidence.lookup(remote, {
      atMs: this.#clock.now(),
      tookMs: Math.round(this.#clock.mono() - startMono),
      endpoints: endpoints.map(({ host, address, port, tls, secure }) => ({ host, address, port, tls, secure })),
      failure: failure && `${failure.text} (${failure.detail})`,
    })
    return found
  }

  /** @throws {CommandError} */
  explain(config: Config, policies: Policies, local: string | undefined, remote: string): Explanation {
    return explain({ config, policies, memory: this }, local, remote)
  }

  /** @throws {CommandError} */
  forget(remote: string): boolean {
    return this.trust.forget(remoteOf(remote))
  }

  /** The events of streams with other servers, heard on their way to the log. */
  observe(events: Events, policies: () => Policies): Events {
    const { evidence, trust } = this
    const now = this.#clock.now
    return {
      ...events,
      peerAuthenticated: (f) => {
        events.peerAuthenticated(f)
        const { direction, local, remote, via, tls } = f
        const encrypted = tls !== 'none'
        const certificate = f.certificate as CertificateVerdict // the verdict of the judge, on its way to the log
        evidence.outcome(remote, direction, {
          atMs: now(),
          local,
          result: 'authenticated',
          via,
          encrypted,
          certificate,
          because: '',
          text: '',
        })
        const shown = trustOf(encrypted, certificate)
        const before = trust.note(remote, shown)
        if (before !== undefined) events.peerDowngraded({ direction, local, remote, best: before.best, now: shown })
      },
      peerRefused: (f) => {
        const { direction, local, remote, because, text } = f
        const rule = policies().ruleBehind(local, remote, because)
        events.peerRefused(rule === undefined ? f : { ...f, rule })
        const known = evidence.of(remote).handshakes[direction]
        const seen = { encrypted: known !== undefined, certificate: known?.certificate }
        evidence.outcome(remote, direction, { atMs: now(), local, result: 'refused', via: undefined, ...seen, because, text })
      },
      endpointFailed: (f) => {
        events.endpointFailed(f)
        evidence.failedEndpoint(f.remote, { atMs: now(), endpoint: f.endpoint, stage: f.stage, why: f.why })
      },
      remoteUnreachable: (f) => {
        events.remoteUnreachable(f)
        if (f.stage === 'certificate') return // a refusal of ours, which said more
        const seen = { encrypted: false, certificate: undefined }
        const { local, remote, stage, why } = f
        evidence.outcome(remote, 'out', {
          atMs: now(),
          local,
          result: 'failed',
          via: undefined,
          ...seen,
          because: stage,
          text: why,
        })
      },
    }
  }
}
