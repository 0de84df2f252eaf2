import { createHash, X509Certificate } from 'node:crypto'
import type { CertificateSummary, EvidenceMemory } from '../core/evidence.ts'
import type { TlsSetup } from '../net/wire.ts'
import { parseCertificate } from '../net/x509.ts'
import { type CertificateEvidence, type Weighed, weighCertificate } from '../policy/proofs.ts'
import type { CertificateVerdict } from '../protocol/s2s.ts'
import type { ShownCertificate, TlsProvider } from '../streams/tls.ts'
import type { Policies } from './policies.ts'
import type { TlsStore } from './tls-store.ts'

/** TLS with other servers: what they show is weighed by the rule that applies to them, and remembered. */
export class PeerTls implements TlsProvider {
  readonly #tls: TlsStore
  readonly #policies: () => Policies
  readonly #evidence: EvidenceMemory
  readonly #now: () => number

  constructor(tls: TlsStore, policies: () => Policies, evidence: EvidenceMemory, now: () => number) {
    this.#tls = tls
    this.#policies = policies
    this.#evidence = evidence
    this.#now = now
  }

  has(domain: string): boolean {
    return this.#tls.has(domain)
  }

  acceptClient(domain: string | undefined): TlsSetup {
    return this.#tls.acceptClient(domain)
  }

  acceptServer(domain: string | undefined): TlsSetup {
    return this.#tls.acceptServer(domain)
  }

  dialServer(local: string, remote: string): TlsSetup {
    return this.#tls.dialServer(local, remote)
  }

  judge(shown: ShownCertificate): CertificateVerdict {
    const { direction, local, remote, tls } = shown
    const { certificate, by } = this.weigh(shown)
    this.#evidence.handshake(remote, direction, {
      atMs: this.#now(),
      local,
      tls: tls.version,
      cipher: tls.cipher,
      certificate,
      proof: by,
      chain: tls.peerChain.slice(0, MOST_CERTIFICATES).map(summaryOf),
    })
    return certificate
  }

  /** The verdict, and the proof that it rests on. */
  weigh({ local, remote, tls }: Omit<ShownCertificate, 'direction'>): Weighed {
    const policies = this.#policies()
    const pins = policies.pins(local, remote)
    const found: CertificateEvidence = {
      pkix: this.#tls.judge(local, remote, tls.peerChain),
      ...(pins === undefined ? {} : { pin: isPinned(pins, tls.peerChain[0]) ? 'match' : 'mismatch' }),
    }
    return weighCertificate(policies.of(local, remote).accepts, found)
  }
}

export const MOST_CERTIFICATES = 5

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Whether the leaf, or the key in it, is one of these. */
function isPinned(pins: ReadonlySet<string>, leaf: Uint8Array | undefined): boolean {
  if (leaf === undefined) return false
  if (pins.has(sha256(leaf))) return true
  const spki = spkiOf(leaf)
  return spki !== undefined && pins.has(sha256(spki))
}

function spkiOf(der: Uint8Array): Uint8Array | undefined {
  try {
    return parseCertificate(der).spki
  } catch {
    return undefined // not a certificate: it has no key
  }
}

const MOST_TEXT = 300
const oneLine = (text: string | undefined): string => (text ?? '').replaceAll('\n', ', ').slice(0, MOST_TEXT)

/** A certificate (DER) for people, whatever the peer has put into it. */
export function summaryOf(der: Uint8Array): CertificateSummary {
  const fingerprint = `sha256:${sha256(der)}`
  const spki = spkiOf(der)
  const keyFingerprint = spki === undefined ? '' : `sha256:${sha256(spki)}`
  try {
    const { subject, issuer, subjectAltName, validTo } = new X509Certificate(der)
    return {
      subject: oneLine(subject),
      issuer: oneLine(issuer),
      names: oneLine(subjectAltName),
      expires: new Date(validTo).toISOString(),
      fingerprint,
      keyFingerprint,
    }
  } catch {
    return { subject: 'not a certificate', issuer: '', names: '', expires: '', fingerprint, keyFingerprint }
  }
}
