import type { CertificateVerdict } from './refusal.ts'
import type { CertificateProof } from './rules.ts'

/** What was found out about the certificate that a peer has shown, each proof for itself. Absent: not tried, nothing there. */
export interface CertificateEvidence {
  /** Chain, dates and names. */
  readonly pkix: CertificateVerdict
  /** The pins of the rule that applies; absent where it has none. */
  readonly pin?: 'match' | 'mismatch'
  /** Secure TLSA records (RFC 7712 §5). `unknown`: the question failed, and there may be some. */
  readonly dane?: 'match' | 'mismatch' | 'unknown'
  /** RFC 7711. */
  readonly posh?: 'match' | 'mismatch'
}

export interface Weighed {
  readonly certificate: CertificateVerdict
  /** What made it valid. */
  readonly by: CertificateProof | undefined
}

const DANE: { readonly [D in NonNullable<CertificateEvidence['dane']>]: Weighed } = {
  match: { certificate: 'valid', by: 'dane' },
  mismatch: { certificate: 'dane-mismatch', by: undefined },
  unknown: { certificate: 'unvalidated', by: undefined },
}

/**
 * Whether a certificate suffices for a rule that accepts these proofs. A pin is the operator's own word and stands above
 * all; TLSA records are the domain's word about its keys, so that a certificate against them counts for nothing
 * (RFC 7671 §4.1). POSH only adds: what it does not list may still be valid by its chain.
 */
export function weighCertificate(accepts: ReadonlySet<CertificateProof>, e: CertificateEvidence): Weighed {
  if (e.pin !== undefined && accepts.has('pin'))
    return e.pin === 'match' ? { certificate: 'valid', by: 'pin' } : { certificate: 'pin-mismatch', by: undefined }
  if (e.pkix === 'absent') return { certificate: 'absent', by: undefined }
  if (e.dane !== undefined && accepts.has('dane')) return DANE[e.dane]
  if (e.pkix === 'valid' && accepts.has('pkix')) return { certificate: 'valid', by: 'pkix' }
  if (e.posh === 'match' && accepts.has('posh')) return { certificate: 'valid', by: 'posh' }
  return { certificate: e.pkix === 'valid' ? 'unaccepted' : e.pkix, by: undefined }
}
