import { CommandError } from '../admin/accounts.ts'
import type { Demand, Explanation, VerdictLine } from '../admin/explain.ts'
import type { Config } from '../config/config.ts'
import type { Evidence, EvidenceMemory, Outcome } from '../core/evidence.ts'
import type { TrustMemory } from '../core/trust-memory.ts'
import { adviceOn } from '../policy/advice.ts'
import { judgePeer, type PeerFacts, type PeerPolicy, ruleBehind } from '../policy/peer.ts'
import type { CertificateVerdict, Refusal } from '../policy/refusal.ts'
import { originText, type PeerRule } from '../policy/rules.ts'
import { prepareDomain } from '../xmpp/jid.ts'
import type { Policies } from './policies.ts'

export interface ExplainSetup {
  readonly config: Config
  readonly policies: Policies
  /** What a running server remembers; undefined without one. */
  readonly memory: { readonly evidence: EvidenceMemory; readonly trust: TrustMemory } | undefined
}

/**
 * Everything that decides about a pair of domains. Without a host: about the first that federates.
 *
 * @throws {CommandError}
 */
export function explain({ config, policies, memory }: ExplainSetup, host: string | undefined, name: string): Explanation {
  const local = hostOf(config, host)
  const remote = remoteOf(name)
  const policy = policies.of(local, remote)
  const evidence = memory?.evidence.of(remote)
  return {
    local,
    remote,
    from: memory === undefined ? 'configuration' : 'server',
    demands: demandsOf(policy),
    verdicts: (['in', 'out'] as const).flatMap((direction) => [
      ...(policy.barred === undefined ? CASES : CASES.slice(0, 1)).map((facts) => hypothetical(policy, direction, facts)),
      ...lastSeen(policy, direction, local, evidence?.outcomes[direction]),
    ]),
    evidence: evidence !== undefined && isEmpty(evidence) ? undefined : evidence,
    shown: memory?.trust.of(remote),
    downgrades: config.get(local, 's2s_downgrade_policy'),
  }
}

/** @throws {CommandError} */
export function remoteOf(name: string): string {
  const remote = prepareDomain(name)
  if (remote === undefined) throw new CommandError(`${JSON.stringify(name)} is not a domain.`)
  return remote
}

/** One of our hosts; without a name the first that federates. @throws {CommandError} */
export function hostOf(config: Config, name: string | undefined): string {
  const ours = config.hosts.map(({ domain }) => domain)
  if (name === undefined) return ours.find((domain) => config.enabledModules(domain).has('s2s')) ?? ours[0]!
  const local = prepareDomain(name)
  if (local !== undefined && ours.includes(local)) return local
  throw new CommandError(`${name} is not served here; the hosts are ${ours.join(', ')}.`)
}

const isEmpty = ({ lookup, failedEndpoints, handshakes, outcomes }: Evidence): boolean =>
  lookup === undefined && failedEndpoints.length === 0 && Object.keys({ ...handshakes, ...outcomes }).length === 0

function demandsOf(policy: PeerPolicy): readonly Demand[] {
  const { rules, quarantined, barred } = policy
  const ruled = (what: Demand['what'], value: string, rule: PeerRule): Demand => ({ what, value, rule: originText(rule.origin) })
  const action = barred ?? (quarantined ? 'quarantine (contacts only)' : 'allow')
  const proofs = [...policy.accepts, ...(policy.certificate === 'optional' ? ['dialback'] : [])].join(', ')
  return [
    ruled('action', action, rules.action),
    ruled('encryption', policy.encryption, rules.encryption),
    ruled('proofs', `${proofs}; a valid certificate is ${policy.certificate}`, rules.proofs),
  ]
}

interface Case {
  readonly name: string
  readonly encrypted: boolean
  readonly certificate: CertificateVerdict
}
const CASES: readonly Case[] = [
  { name: 'with a certificate that is accepted', encrypted: true, certificate: 'valid' },
  { name: 'with any other certificate', encrypted: true, certificate: 'untrusted' },
  { name: 'without TLS', encrypted: false, certificate: 'absent' },
]

function hypothetical(policy: PeerPolicy, direction: 'in' | 'out', { name, encrypted, certificate }: Case): VerdictLine {
  const judged = (['external', 'dialback'] as const).map((asked) => {
    const facts: PeerFacts = { direction, encrypted, certificate, asked, dialback: 'valid' }
    return judgePeer(policy, facts)
  })
  const via = judged.flatMap((v) => (v.allow ? [v.via] : []))
  if (via.length > 0) return { direction, facts: name, allow: true, via }
  const refusals = judged.flatMap((v) => (v.allow ? [] : [v]))
  return refused(policy, direction, name, refusals.find((r) => !r.because.endsWith('-unavailable')) ?? refusals[0]!)
}

function refused(policy: PeerPolicy, direction: 'in' | 'out', facts: string, r: Refusal): VerdictLine {
  const { here, there } = adviceOn(r.because)
  const rule = ruleBehind(policy, r.because)
  return {
    direction,
    facts,
    allow: false,
    via: [],
    because: r.because,
    text: direction === 'in' ? r.toPeer : r.toSender,
    ...(rule === undefined ? {} : { rule: originText(rule.origin) }),
    ...(here === undefined ? {} : { here }),
    ...(there === undefined ? {} : { there }),
  }
}

/** What the rules as they are now say about the last stream that there was with this host. */
function lastSeen(policy: PeerPolicy, direction: 'in' | 'out', local: string, o: Outcome | undefined): readonly VerdictLine[] {
  if (o === undefined || o.local !== local || o.result === 'failed' || o.certificate === undefined) return []
  const judged = (o.via === undefined ? (['external', 'dialback'] as const) : [o.via as 'external' | 'dialback']).map((asked) =>
    judgePeer(policy, {
      direction,
      encrypted: o.encrypted,
      certificate: o.certificate as CertificateVerdict, // kept as the judge gave it
      asked,
      dialback: o.because === 'dialback-invalid' ? 'invalid' : 'valid',
    }),
  )
  const facts = `as last seen (${o.encrypted ? `TLS, certificate ${o.certificate}` : 'no TLS'})`
  const via = judged.flatMap((v) => (v.allow ? [v.via] : []))
  if (via.length > 0) return [{ direction, facts, allow: true, via }]
  const last = judged.at(-1)!
  return last.allow ? [] : [refused(policy, direction, facts, last)]
}
