import { bugFields } from './bug-fields.ts'
import { RemoteHistory } from './history.ts'
import type { Logger } from './log.ts'
import type { Metrics } from './metrics.ts'

export type Events = ReturnType<typeof createEvents>

/**
 * What operators may build dashboards on: one function an event, log line and counter together. Domains and addresses go
 * to the log, never to a label: they are unbounded. What a remote can cause is never an `error`. None throws.
 */
export function createEvents(log: Logger, metrics: Metrics, history: RemoteHistory = new RemoteHistory()) {
  const c2s = log.child('c2s')
  const s2s = log.child('s2s')
  return {
    /** An exception that no code of ours expects. It has ended one stream or one task; the process goes on. */
    bug(where: string, error: unknown): void {
      metrics.count('entente_bugs_total')
      log.error('this is a bug in Entente', { where, ...bugFields(error) })
    },
    clientAccepted(id: string, address: string, direct: boolean): void {
      metrics.count('entente_c2s_accepted_total', { transport: direct ? 'direct-tls' : 'tcp' })
      c2s.debug('client connected', { id, address })
    },
    clientLoggedIn(id: string, jid: string, mechanism: string, tls: string): void {
      metrics.count('entente_c2s_logins_total', { mechanism })
      c2s.info('client logged in', { id, jid, mechanism, tls })
    },
    clientRefused(id: string, address: string, user: string, mechanism: string, condition: string): void {
      metrics.count('entente_c2s_login_failures_total', { condition })
      c2s.info('login refused', { id, address, user, mechanism, condition })
    },
    clientClosed(id: string, jid: string, why: string): void {
      metrics.count('entente_c2s_closed_total')
      c2s.debug('client stream closed', { id, jid, why })
    },
    peerAccepted(id: string, address: string, direct: boolean): void {
      metrics.count('entente_s2s_accepted_total', { transport: direct ? 'direct-tls' : 'tcp' })
      s2s.debug('server connected', { id, address })
    },
    peerDialled(f: { id: string; local: string; remote: string; endpoint: string }): void {
      metrics.count('entente_s2s_initiated_total', { host: f.local })
      s2s.debug('connected to a server', f)
    },
    peerEncrypted(f: { id: string; direction: 'in' | 'out'; remote: string; protocol: string; cipher: string }): void {
      metrics.count('entente_s2s_encrypted_total', { direction: f.direction, protocol: f.protocol, cipher: f.cipher })
      s2s.debug('stream encrypted', f)
    },
    peerCertificate(f: { id: string; direction: 'in' | 'out'; remote: string; verdict: string }): void {
      metrics.count('entente_s2s_certificates_total', { direction: f.direction, verdict: f.verdict })
      s2s.debug('certificate judged', f)
    },
    /** A new stream has come through a stage of its way. No line: the stages are in the lines of their ends. */
    peerStage(direction: 'in' | 'out', stage: string, tookMs: number): void {
      metrics.observe('entente_s2s_handshake_seconds', { direction, stage }, tookMs / 1000)
    },
    /** A pair of domains may be used on a stream from now on. */
    peerAuthenticated(f: {
      id: string
      direction: 'in' | 'out'
      local: string
      remote: string
      via: string
      tls: string
      certificate: string
    }): void {
      metrics.count('entente_s2s_authenticated_total', { direction: f.direction, mechanism: f.via })
      s2s.info(f.direction === 'in' ? 'incoming stream authenticated' : 'outgoing stream authenticated', f)
      history.note(f.remote, 'authenticated', f)
    },
    /** `rule`: what of the configuration decided it, and where it stands. */
    peerRefused(f: {
      id: string
      direction: 'in' | 'out'
      local: string
      remote: string
      because: string
      text: string
      rule?: string
    }): void {
      metrics.count('entente_s2s_refused_total', { direction: f.direction, because: f.because })
      s2s.info('peer refused', f)
      history.note(f.remote, 'refused', f, f.direction === 'out')
    },
    /** A domain proves itself worse than it did before; with `s2s_downgrade_policy = "refuse"` it is refused before this. */
    peerDowngraded(f: { direction: 'in' | 'out'; local: string; remote: string; best: string; now: string }): void {
      metrics.count('entente_s2s_downgrades_total', { direction: f.direction, from: f.best, to: f.now })
      s2s.warn('a domain has proven itself better before', f)
      history.note(f.remote, 'downgrade', f)
    },
    endpointFailed(f: { local: string; remote: string; endpoint: string; stage: string; why: string }): void {
      metrics.count('entente_s2s_endpoint_failures_total', { stage: f.stage })
      s2s.info('endpoint failed', f)
      history.note(f.remote, 'endpoint failed', f)
    },
    /** DNS gave nothing to dial. `kind` is one of the kinds of net/endpoints.ts. */
    lookupFailed(f: { local: string; remote: string; kind: string; why: string }): void {
      metrics.count('entente_s2s_lookup_failures_total', { kind: f.kind })
      s2s.debug('look-up failed', f)
    },
    remoteUnreachable(f: { local: string; remote: string; stage: string; why: string }): void {
      metrics.count('entente_s2s_unreachable_total', { stage: f.stage })
      s2s.warn('remote domain cannot be reached', f)
      history.note(f.remote, 'unreachable', f)
    },
    /** An answer came that nobody had asked for: it changed nothing. */
    peerUnsolicited(id: string, from: string, to: string): void {
      metrics.count('entente_s2s_unsolicited_total')
      s2s.warn('unsolicited dialback answer dropped', { id, from, to })
      history.note(from, 'unsolicited dialback answer', { id, to }, false)
    },
    peerEnded(id: string, direction: 'in' | 'out', remote: string, by: 'us' | 'peer', condition: string, text: string): void {
      metrics.count('entente_s2s_ended_total', { direction, by, condition: condition || 'none' })
      s2s.info('stream ended', { id, direction, remote, by, condition, text })
      history.note(remote, 'stream ended', { id, direction, by, condition, text }, direction === 'out')
    },
    peerClosed(id: string, direction: 'in' | 'out', remote: string, why: string): void {
      metrics.count('entente_s2s_closed_total', { direction })
      s2s.debug('stream closed', { id, direction, remote, why })
    },
    stanzaBounced(local: string, remote: string, condition: string, stage: string): void {
      metrics.count('entente_s2s_bounced_total', { condition, stage })
      s2s.debug('stanza bounced', { local, remote, condition, stage })
    },
  }
}
