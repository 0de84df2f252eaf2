import { createHash, type X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { DerError } from './der.ts'
import { withinConstraints } from './name-constraints.ts'
import { KEY_USAGE, OID } from './oids.ts'
import { NO_REVOCATIONS, type Revocations } from './revocations.ts'
import { isWeakKey, isWeakSignature, publicKeyOf, verifies } from './signature.ts'
import type { Anchors } from './trust.ts'
import { type Certificate, isSelfIssued, parseCertificate, same } from './x509.ts'

/** Why a chain proves nothing. `expired-chain`: not the leaf but one of its issuers is out of date. */
export type ChainFault =
  | 'malformed'
  | 'self-signed'
  | 'unknown-issuer'
  | 'bad-signature'
  | 'weak-signature'
  | 'weak-key'
  | 'expired'
  | 'not-yet-valid'
  | 'expired-chain'
  | 'not-a-ca'
  | 'is-a-ca'
  | 'path-length'
  | 'name-constraint'
  | 'key-usage'
  | 'wrong-purpose'
  | 'unknown-critical'
  | 'revoked'
  | 'too-complex'

/** What a peer's certificates prove. Whom the leaf names is another question: policy/certificate.ts. */
export type ChainVerdict =
  | { readonly status: 'absent' }
  | {
      readonly status: 'valid'
      readonly leaf: Certificate
      /** From the leaf to the anchor, both included. */
      readonly path: readonly Certificate[]
      /** The first moment, in ms since 1970, when some certificate of the path is out of date (RFC 6120 §13.7.2.3). */
      readonly notAfterMs: number
    }
  | {
      readonly status: 'untrusted'
      readonly reason: ChainFault
      readonly leaf?: Certificate | undefined
      readonly notAfterMs?: number
    }

/** What one peer can make us do: certificates looked at, certificates in a path, signatures verified. */
const MAX_PEER_CERTIFICATES = 16
const MAX_PATH = 8
const MAX_SIGNATURES = 16

interface Search {
  /** What the peer sent beside its leaf and what is no anchor itself. */
  readonly pool: readonly Certificate[]
  readonly anchors: Anchors
  readonly revocations: Revocations
  readonly nowMs: number
  signaturesLeft: number
  /** Fault of a path that does lead to an anchor: it says most. */
  reached: ChainFault | undefined
  /** Why some path did not get further. */
  stuck: 'too-complex' | 'weak-signature' | 'bad-signature' | undefined
}

/**
 * Judges a peer's certificates in the role of a SERVER, whichever side connected: XMPP servers show the same
 * certificate in both directions, and public CAs no longer issue clientAuth. OpenSSL, asked on an accepted connection,
 * judges a client and answers every such chain, forged ones included, with one purpose error; its answer is never used.
 *
 * RFC 5280 §6, RFC 6120 §13.7, RFC 9325 §4.5. keyUsage must allow digitalSignature where it is present; an
 * extendedKeyUsage, also of an intermediate, must allow serverAuth.
 *
 * @param chain DER, leaf first, the rest in any order and with strangers among it
 */
export function judgeChain(
  chain: readonly Uint8Array[],
  anchors: Anchors,
  nowMs: number,
  revocations: Revocations = NO_REVOCATIONS,
): ChainVerdict {
  if (chain.length === 0) return { status: 'absent' }
  const [leaf, ...pool] = chain.slice(0, MAX_PEER_CERTIFICATES).map(readable)
  if (leaf === undefined) return { status: 'untrusted', reason: 'malformed' }
  const search: Search = {
    pool: pool.filter((c) => c !== undefined).filter((c) => !anchors.has(c)),
    anchors,
    revocations,
    nowMs,
    signaturesLeft: MAX_SIGNATURES,
    reached: undefined,
    stuck: undefined,
  }
  const path = findPath(search, [leaf])
  if (path !== undefined) return { status: 'valid', leaf, path, notAfterMs: Math.min(...path.map((c) => c.notAfterMs)) }
  const reason = search.reached ?? (isSelfIssued(leaf) ? 'self-signed' : (search.stuck ?? 'unknown-issuer'))
  return { status: 'untrusted', reason, leaf, notAfterMs: leaf.notAfterMs }
}

function readable(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}

/** Extends a path, leaf first, until it ends in an anchor and is in order; undefined when no way leads there. */
function findPath(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  const last = path.at(-1)!
  if (search.anchors.has(last)) {
    const fault = pathFault(path, search.nowMs) ?? (isRevoked(path, search.revocations) ? 'revoked' : undefined)
    if (fault === undefined) return path
    search.reached ??= fault
    return undefined
  }
  if (path.length >= MAX_PATH) search.stuck = 'too-complex'
  if (path.length >= MAX_PATH) return undefined
  for (const issuer of issuersOf(search, path)) {
    const problem = linkFault(search, last, issuer)
    if (problem !== undefined) search.stuck ??= problem
    else {
      const found = findPath(search, [...path, issuer])
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** Who may have issued the path's last certificate, by name: anchors first, and matching key identifiers first. */
function issuersOf(search: Search, path: readonly Certificate[]): Certificate[] {
  const last = path.at(-1)!
  const keyId = last.authorityKeyId
  const fits = (c: Certificate): number =>
    keyId !== undefined && c.subjectKeyId !== undefined && same(keyId, c.subjectKeyId) ? 0 : 1
  const unused = search.pool.filter((c) => same(c.subject, last.issuer) && !path.some((p) => p.fingerprint === c.fingerprint))
  return [...search.anchors.bySubject(last.issuer), ...unused].toSorted((a, b) => fits(a) - fits(b))
}

function linkFault(search: Search, subject: Certificate, issuer: Certificate): Search['stuck'] {
  if (isWeakSignature(subject.algorithm)) return 'weak-signature'
  if (search.signaturesLeft <= 0) return 'too-complex'
  search.signaturesLeft -= 1
  const key = publicKeyOf(issuer.spki)
  return key !== undefined && verifies(subject.algorithm, key, subject.tbs, subject.signature) ? undefined : 'bad-signature'
}

/** The first rule that a path breaks whose signatures hold and whose last certificate is an anchor. */
function pathFault(path: readonly Certificate[], nowMs: number): ChainFault | undefined {
  const leaf = path[0]!
  const issuers = path.slice(1)
  if (nowMs > leaf.notAfterMs) return 'expired'
  if (nowMs < leaf.notBeforeMs) return 'not-yet-valid'
  if (issuers.some((c) => nowMs > c.notAfterMs || nowMs < c.notBeforeMs)) return 'expired-chain'
  if (path.some((c) => c.unknownCritical.length > 0)) return 'unknown-critical'
  if (path.some((c) => hasWeakKey(c))) return 'weak-key'
  // the operator's own choice of exactly this certificate counts more: tools make self-signed ones with cA TRUE
  if (leaf.basic?.ca && issuers.length > 0) return 'is-a-ca'
  if (leaf.keyUsage?.has(KEY_USAGE.digitalSignature) === false) return 'key-usage'
  if (!path.every((c, i) => (i > 0 && i === path.length - 1) || servesServers(c))) return 'wrong-purpose'
  return issuers.reduce<ChainFault | undefined>(
    (fault, issuer, i) => fault ?? issuerFault(issuer, path.slice(0, i + 1)),
    undefined,
  )
}

const isRevoked = (path: readonly Certificate[], revocations: Revocations): boolean =>
  path.some((certificate, i) => i + 1 < path.length && revocations.has(certificate, path[i + 1]!))

function hasWeakKey(certificate: Certificate): boolean {
  const key = publicKeyOf(certificate.spki)
  return key === undefined || isWeakKey(key)
}

const servesServers = ({ extendedKeyUsage: purposes }: Certificate): boolean =>
  purposes === undefined || purposes.includes(OID.serverAuth) || purposes.includes(OID.anyExtendedKeyUsage)

/** @param below the path from the leaf up to, without, this issuer */
function issuerFault(issuer: Certificate, below: readonly Certificate[]): ChainFault | undefined {
  if (!issuer.basic?.ca) return 'not-a-ca'
  if (issuer.keyUsage?.has(KEY_USAGE.keyCertSign) === false) return 'key-usage'
  const counted = below.slice(1).filter((c) => !isSelfIssued(c)).length
  if (issuer.basic.pathLength !== undefined && counted > issuer.basic.pathLength) return 'path-length'
  const { nameConstraints } = issuer
  if (nameConstraints === undefined) return undefined
  const bound = below.filter((c, i) => i === 0 || !isSelfIssued(c))
  return bound.every((c) => withinConstraints(c, nameConstraints)) ? undefined : 'name-constraint'
}

/** Room for the peers of a busy server; an entry is a few kilobytes. */
const MAX_REMEMBERED = 500

/** {@link judgeChain} that remembers valid chains while their dates hold, and anchors and revocations stay the same. */
export class ChainJudge {
  readonly #anchors: () => Anchors
  readonly #revocations: () => Revocations
  #rememberedFor: { readonly anchors: Anchors; readonly revocations: Revocations } | undefined
  readonly #valid = new Map<string, { readonly verdict: ChainVerdict & { status: 'valid' }; readonly sinceMs: number }>()

  /** Both are asked for at each judgement: another object than before makes everything forgotten. */
  constructor(anchors: () => Anchors, revocations: () => Revocations = () => NO_REVOCATIONS) {
    this.#anchors = anchors
    this.#revocations = revocations
  }

  judge(chain: readonly Uint8Array[], nowMs: number): ChainVerdict {
    const [anchors, revocations, known] = [this.#anchors(), this.#revocations(), this.#rememberedFor]
    if (anchors !== known?.anchors || revocations !== known.revocations) this.#valid.clear()
    this.#rememberedFor = { anchors, revocations }
    const key = fingerprintOf(chain)
    const before = this.#valid.get(key)
    if (before !== undefined && nowMs >= before.sinceMs && nowMs <= before.verdict.notAfterMs) return before.verdict
    this.#valid.delete(key)
    const verdict = judgeChain(chain, anchors, nowMs, revocations)
    if (verdict.status !== 'valid') return verdict // those who show bad chains get no memory of ours
    if (this.#valid.size >= MAX_REMEMBERED) this.#valid.delete(this.#valid.keys().next().value!)
    this.#valid.set(key, { verdict, sinceMs: nowMs })
    return verdict
  }
}

function fingerprintOf(chain: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const der of chain) hash.update(`${der.length}:`).update(der)
  return hash.digest('base64')
}

/** A peer that sends more gets judged by these. */
const MAX_READ = 32

/**
 * The certificates a peer showed, as DER, in the order of the wire: leaf first. Empty when it showed none.
 * The same on both sides, on STARTTLS and on direct TLS sockets, whatever OpenSSL thinks of them.
 *
 * Not `getPeerCertificate(true)`: that one drops certificates which are out of order, and adds some of our own store.
 */
export function peerChainOf(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = []
  let at: X509Certificate | undefined = socket.getPeerX509Certificate()
  while (at !== undefined && chain.length < MAX_READ) {
    chain.push(at.raw)
    at = at.issuerCertificate
  }
  return chain
}
