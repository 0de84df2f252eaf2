import { createHash, X509Certificate } from 'node:crypto'
import type { CertificateSummary, EvidenceMemory } from '../core/evidence.ts'
import { matchesTlsa } from '../net/dane.ts'
import type { TlsaAnswer } from '../net/dane-lookup.ts'
import type { TlsSetup } from '../net/wire.ts'
import { type Certificate, parseCertificate } from '../net/x509.ts'
import { namesDomain } from '../policy/certificate.ts'
import { type CertificateEvidence, type Weighed, weighCertificate } from '../policy/proofs.ts'
import type { CertificateVerdict } from '../protocol/s2s.ts'
import type { ShownCertificate, TlsProvider } from '../streams/tls.ts'
import type { Policies } from './policies.ts'
import type { TlsStore } from './tls-store.ts'

export interface PeerTlsParts {
  readonly tls: TlsStore
  readonly policies: () => Policies
  readonly evidence: EvidenceMemory
  readonly now: () => number
  /** What DNSSEC says about the certificates of a domain that dials our host; undefined when nothing, or nobody wants to know. */
  callerTlsa(local: string, remote: string): Promise<TlsaAnswer | undefined>
}

/** TLS with other servers: what they show is weighed by the rule that applies to them, and remembered. */
export class PeerTls implements TlsProvider {
  readonly #parts: PeerTlsParts
  readonly #tls: TlsStore

  constructor(parts: PeerTlsParts) {
    this.#parts = parts
    this.#tls = parts.tls
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

  async judge(shown: ShownCertificate): Promise<CertificateVerdict> {
    const { direction, local, remote, tls } = shown
    const { certificate, by } = await this.weigh(shown)
    this.#parts.evidence.handshake(remote, direction, {
      atMs: this.#parts.now(),
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
  async weigh(shown: ShownCertificate): Promise<Weighed> {
    const { direction, local, remote, tls, endpoint } = shown
    const isAsked = direction === 'in' && this.#parts.policies().of(local, remote).accepts.has('dane')
    const tlsa = isAsked ? await this.#parts.callerTlsa(local, remote) : endpoint?.tlsa
    const policies = this.#parts.policies() // a reload may have come in between
    const pins = policies.pins(local, remote)
    const names = [remote, ...(endpoint?.hostSecure === true ? [endpoint.host] : [])]
    const pkix = this.#tls.judge(local, names, tls.peerChain)
    const found: CertificateEvidence = {
      pkix,
      ...(pins === undefined ? {} : { pin: isPinned(pins, tls.peerChain[0]) ? 'match' : 'mismatch' }),
      ...(tlsa === undefined || tlsa.length === 0 ? {} : { dane: this.#dane(tlsa, shown, names, pkix) }),
    }
    return weighCertificate(policies.of(local, remote).accepts, found)
  }

  #dane(tlsa: TlsaAnswer, { local, tls }: ShownCertificate, names: readonly string[], pkix: CertificateVerdict) {
    if (tlsa === 'unknown') return 'unknown'
    const chain = pkix === 'valid' ? this.#tls.chain(local, tls.peerChain) : undefined
    const path = chain?.status === 'valid' ? chain.path : undefined
    const named = (leaf: Certificate) => names.some((name) => namesDomain(leaf.names, name))
    return matchesTlsa(tlsa, { chain: tls.peerChain, path, named }, this.#parts.now()) ? 'match' : 'mismatch'
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
