import { type CertificateVerdict, type Direction, type Reason, type Refusal, refuse } from './refusal.ts'
import { type CertificateProof, type PeerRule, type Ruling, rulingOn } from './rules.ts'
import { isBelow, type Trust, trustOf } from './trust.ts'

/** What the configuration says for one of our hosts, and what the host has. */
export interface PeerOptions {
  /** mod s2s runs on the host: neither `modules_disabled = { "s2s" }` nor `disallow_s2s`. */
  readonly s2s: boolean
  /** `tls` is loaded and `s2s_allow_encryption` is not false. */
  readonly tls: boolean
  /** `saslauth` is loaded. */
  readonly saslauth: boolean
  /** `dialback` is loaded. */
  readonly dialback: boolean
  /** The host has a certificate with its key: needed to serve STARTTLS and to show one to a peer. */
  readonly ownCertificate: boolean
  /** In order; Prosody's options among them, as {@link rulesOfOptions} gives them. */
  readonly rules: readonly PeerRule[]
  /** `s2s_downgrade_policy = "refuse"` */
  readonly refuseDowngrades: boolean
  isLocal(domain: string): boolean
  /** The best that a domain has shown so far; undefined for one that we do not know. */
  bestOf(domain: string): Trust | undefined
}

/** The rules and options resolved for one remote domain. `encryption` and `certificate` say what is demanded. */
export interface PeerPolicy {
  readonly barred: 's2s-disabled' | 'blocked' | 'local-domain' | undefined
  readonly quarantined: boolean
  readonly encryption: 'optional' | 'required'
  readonly certificate: 'optional' | 'required'
  /** The proofs by which a certificate counts as valid. */
  readonly accepts: ReadonlySet<CertificateProof>
  /** What the domain has shown before and may not fall below. */
  readonly floor: Trust
  readonly tls: boolean
  readonly saslauth: boolean
  readonly dialback: boolean
  readonly ownCertificate: boolean
  /** Which rules said so. */
  readonly rules: Rules
}

/** The rule behind each part of a policy. */
export interface Rules {
  readonly action: PeerRule
  readonly encryption: PeerRule
  /** Behind `certificate` and `accepts`. */
  readonly proofs: PeerRule
}

const PIN_ONLY: ReadonlySet<CertificateProof> = new Set<CertificateProof>(['pin'])

export function peerPolicy(o: PeerOptions, remote: string): PeerPolicy {
  const { action, encryption, proofs, pins } = demandsOf(rulingOn(o.rules, remote))
  // who has not said its name yet is judged when it does
  const blocked = remote !== '' && action.value === 'block'
  return {
    barred: !o.s2s ? 's2s-disabled' : o.isLocal(remote) ? 'local-domain' : blocked ? 'blocked' : undefined,
    quarantined: action.value === 'quarantine',
    encryption: encryption.value,
    certificate: proofs.value.has('dialback') ? 'optional' : 'required',
    accepts: pins === undefined ? new Set([...proofs.value].filter((proof) => proof !== 'dialback')) : PIN_ONLY,
    floor: o.refuseDowngrades ? (o.bestOf(remote) ?? 'plain') : 'plain',
    tls: o.tls,
    saslauth: o.saslauth,
    dialback: o.dialback,
    ownCertificate: o.ownCertificate,
    rules: { action: action.by, encryption: encryption.by, proofs: proofs.by },
  }
}

/** What follows from parts of a ruling for others: pins are the only proof, and a certificate is shown over TLS only. */
function demandsOf(ruling: Ruling): Ruling {
  const { pins } = ruling
  const proofs = pins === undefined ? ruling.proofs : { value: PIN_ONLY, by: pins.by }
  if (ruling.encryption.value === 'required' || proofs.value.has('dialback')) return { ...ruling, proofs }
  return { ...ruling, proofs, encryption: { value: 'required', by: proofs.by } }
}

/** The rule that a refusal for this reason rests on; undefined when no rule has to do with it. */
export function ruleBehind(policy: PeerPolicy, because: string): PeerRule | undefined {
  if (because === 'blocked') return policy.rules.action
  if (because === 'unencrypted') return policy.rules.encryption
  return because.startsWith('certificate-') ? policy.rules.proofs : undefined
}

/** A refusal with the words of the rule that it rests on. */
function refusal(policy: PeerPolicy, because: Reason, direction: Direction): Refusal {
  return refuse(because, direction, ruleBehind(policy, because)?.text)
}

export interface PeerFacts {
  /** `in`: the peer wants to be believed. `out`: the peer has accepted us, and we decide whether to speak to it. */
  readonly direction: Direction
  readonly encrypted: boolean
  readonly certificate: CertificateVerdict
  readonly asked: 'external' | 'dialback'
  readonly dialback: 'untried' | 'invalid' | 'valid'
}

export type Verdict = { readonly allow: true; readonly via: 'external' | 'dialback' } | Refusal

/**
 * Decides whether a peer domain is who it claims, and whether that suffices here. The only place that does; all else in
 * this file derives from it. RFC 6120 §13.7; XEP-0178 §3; XEP-0220 §2.1-2.2; RFC 7590 §3.
 *
 * Where a valid certificate is required, one that is valid also allows dialback: the remote may have chosen it to check
 * ours (mission page).
 */
export function judgePeer(policy: PeerPolicy, f: PeerFacts): Verdict {
  const no = (because: Reason) => refusal(policy, because, f.direction)
  const certificate = f.encrypted ? f.certificate : 'absent'
  if (policy.barred !== undefined) return no(policy.barred)
  if (policy.encryption === 'required' && !f.encrypted) return no('unencrypted')
  // RFC 7673 §4.2: whoever answers there is not who DNSSEC says; who dials us may still prove itself by dialback
  if (f.direction === 'out' && certificate === 'dane-mismatch') return no('certificate-dane-mismatch')
  if (policy.certificate === 'required' && certificate !== 'valid') return no(`certificate-${certificate}`)
  if (f.asked === 'external') {
    if (!policy.saslauth || !f.encrypted || (f.direction === 'out' && !policy.ownCertificate)) return no('external-unavailable')
    if (f.direction === 'in' && certificate !== 'valid') return no(`certificate-${certificate}`)
  } else {
    if (!policy.dialback) return no('dialback-unavailable')
    if (f.dialback !== 'valid') return no(`dialback-${f.dialback}`)
  }
  return isBelow(trustOf(f.encrypted, certificate), policy.floor) ? no('downgrade') : { allow: true, via: f.asked }
}

/** How far a stream has come, before anybody asked for anything. */
export interface StreamFacts {
  readonly encrypted: boolean
  readonly certificate: CertificateVerdict
}

/** May there be a stream with this domain at all? */
export function judgeContact(policy: PeerPolicy, direction: Direction): Refusal | undefined {
  return policy.barred === undefined ? undefined : refusal(policy, policy.barred, direction)
}

/** Could this method still succeed on a stream like this? */
const couldBe = (policy: PeerPolicy, direction: Direction, facts: StreamFacts, asked: 'external' | 'dialback'): Verdict =>
  judgePeer(policy, { direction, ...facts, asked, dialback: 'valid' })

/** What the memory of better days demands counts like a rule. */
const encryptionFor = (policy: PeerPolicy): 'optional' | 'required' =>
  policy.encryption === 'required' || policy.floor !== 'plain' ? 'required' : 'optional'

export interface Offers {
  readonly starttls: 'no' | 'optional' | 'required'
  readonly external: boolean
  readonly dialback: boolean
}

/**
 * What an incoming stream is offered, or why it ends. Nothing is offered that could not succeed; where encryption is
 * required and missing, STARTTLS stands alone (RFC 6120 §5.3.1).
 */
export function offersTo(policy: PeerPolicy, facts: StreamFacts): Offers | Refusal {
  if (policy.barred !== undefined) return refusal(policy, policy.barred, 'in')
  const starttls = facts.encrypted || !policy.tls || !policy.ownCertificate ? 'no' : encryptionFor(policy)
  const external = couldBe(policy, 'in', facts, 'external')
  const dialback = couldBe(policy, 'in', facts, 'dialback')
  if (starttls !== 'no' || external.allow || dialback.allow)
    return { starttls, external: external.allow, dialback: dialback.allow }
  if (!dialback.allow && dialback.because === 'downgrade') return dialback // what the certificate is not good for says less
  if (!external.allow && external.because !== 'external-unavailable') return external
  if (!dialback.allow && dialback.because !== 'dialback-unavailable') return dialback
  return refuse('no-method', 'in')
}

/**
 * May a remote be met on a stream as it is (its certificate judged, its features unknown)? A certificate that does not
 * suffice ends the stream here, before a key or a stanza is sent.
 */
export function judgeSecured(policy: PeerPolicy, certificate: CertificateVerdict): Refusal | undefined {
  const verdict = judgePeer(policy, { direction: 'out', encrypted: true, certificate, asked: 'dialback', dialback: 'valid' })
  return verdict.allow || verdict.because === 'dialback-unavailable' ? undefined : verdict
}

/** What a remote offers us. `mechanisms`: it offers SASL with any mechanism. All 'no' and false where it has no features. */
export interface RemoteOffers {
  readonly starttls: 'no' | 'optional' | 'required'
  readonly mechanisms: boolean
  readonly external: boolean
  readonly dialback: boolean
}

export interface MoveFacts extends StreamFacts {
  readonly offered: RemoteOffers
  readonly externalFailed: boolean
  /** `verify`: the stream serves one question about somebody's dialback key, and is not authenticated (XEP-0220 §2.1.2). */
  readonly purpose: 'link' | 'verify'
}

export type Move = { readonly allow: true; readonly move: 'starttls' | 'external' | 'dialback' | 'verify' } | Refusal

/**
 * The next step on a stream that we opened. STARTTLS is asked for though not offered only where encryption is required
 * (RFC 7590 §3.1). Dialback is tried though not offered where nothing else is: old servers do not announce it.
 */
export function nextMove(policy: PeerPolicy, f: MoveFacts): Move {
  if (policy.barred !== undefined) return refusal(policy, policy.barred, 'out')
  const { offered } = f
  const encryption = encryptionFor(policy)
  if (!f.encrypted) {
    if (policy.tls && (offered.starttls !== 'no' || encryption === 'required')) return { allow: true, move: 'starttls' }
    if (offered.starttls === 'required' && encryption === 'optional') return refuse('peer-requires-encryption', 'out')
  }
  const dialback = couldBe(policy, 'out', f, 'dialback')
  if (!dialback.allow && dialback.because !== 'dialback-unavailable') return dialback
  if (f.purpose === 'verify') return { allow: true, move: 'verify' }
  if (offered.external && !f.externalFailed && couldBe(policy, 'out', f, 'external').allow)
    return { allow: true, move: 'external' }
  if (dialback.allow && (offered.dialback || !offered.mechanisms)) return { allow: true, move: 'dialback' }
  return refuse('no-method', 'out')
}

/** The policy of every host of ours, in the shape in which the stream machines ask (protocol/s2s.ts). */
export function peerRules(optionsOf: (local: string) => PeerOptions) {
  const policy = (local: string, remote: string) => peerPolicy(optionsOf(local), remote)
  return {
    contact: (local: string, remote: string, direction: Direction) => judgeContact(policy(local, remote), direction),
    offers: (local: string, remote: string, facts: StreamFacts) => offersTo(policy(local, remote), facts),
    judge: (local: string, remote: string, facts: PeerFacts) => judgePeer(policy(local, remote), facts),
    secured: (local: string, remote: string, certificate: CertificateVerdict) => judgeSecured(policy(local, remote), certificate),
    next: (local: string, remote: string, facts: MoveFacts) => nextMove(policy(local, remote), facts),
  }
}
