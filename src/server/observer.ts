import type { EvidenceMemory } from '../core/evidence.ts'
import type { TrustMemory } from '../core/trust-memory.ts'
import type { Endpoints } from '../net/endpoints.ts'
import type { Events } from '../obs/events.ts'
import type { CertificateVerdict } from '../policy/refusal.ts'
import { trustOf } from '../policy/trust.ts'

/** What the observer needs; times are ms since 1970. */
export interface ObserverSetup {
  readonly events: Events
  readonly evidence: EvidenceMemory
  readonly trust: TrustMemory
  readonly now: () => number
  /** The rule behind a refusal, for the log. */
  ruleBehind(local: string, remote: string, because: string): string | undefined
}

/** With these we end a stream of a peer that we do not believe. */
const REFUSALS: readonly string[] = ['not-authorized', 'policy-violation', 'unsupported-feature']

/** The events of streams with other servers, heard on their way to the log: what they tell about a remote is remembered. */
export function observed({ events, evidence, trust, now, ruleBehind }: ObserverSetup): Events {
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
      const rule = ruleBehind(local, remote, because)
      events.peerRefused(rule === undefined ? f : { ...f, rule })
      const known = evidence.of(remote).handshakes[direction]
      const seen = { encrypted: known !== undefined, certificate: known?.certificate }
      evidence.outcome(remote, direction, { atMs: now(), local, result: 'refused', via: undefined, ...seen, because, text })
    },
    peerEnded: (id, direction, remote, by, condition, text) => {
      events.peerEnded(id, direction, remote, by, condition, text)
      const known = evidence.of(remote).handshakes.in
      if (direction === 'out' || by === 'peer' || !REFUSALS.includes(condition)) return
      const seen = { encrypted: known !== undefined, certificate: known?.certificate }
      const local = known?.local ?? ''
      evidence.outcome(remote, 'in', { atMs: now(), local, result: 'refused', via: undefined, ...seen, because: condition, text })
    },
    endpointFailed: (f) => {
      events.endpointFailed(f)
      evidence.failedEndpoint(f.remote, { atMs: now(), endpoint: f.endpoint, stage: f.stage, why: f.why })
    },
    remoteUnreachable: (f) => {
      events.remoteUnreachable(f)
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

/** A look-up, remembered. `startMs`: when it began. */
export function remember(evidence: EvidenceMemory, remote: string, found: Endpoints, startMs: number, nowMs: number): void {
  evidence.lookup(remote, {
    atMs: nowMs,
    tookMs: nowMs - startMs,
    endpoints: (found.endpoints ?? []).map(({ host, address, port, tls, secure }) => ({ host, address, port, tls, secure })),
    failure: found.failure?.detail === undefined ? undefined : `${found.failure.text} (${found.failure.detail})`,
  })
}
