import { createHash } from 'node:crypto'
import { judgeChain } from './chain.ts'
import { DerError } from './der.ts'
import type { TlsaRecord } from './dns-message.ts'
import { anchorsOf } from './trust.ts'
import { type Certificate, parseCertificate, same } from './x509.ts'

/** Certificate usages (RFC 7218 §2.1). The first two only narrow down what PKIX finds valid. */
const USAGE = { pkixTa: 0, pkixEe: 1, daneTa: 2, daneEe: 3 } as const
const SELECTOR = { certificate: 0, key: 1 } as const
/** The matching types, with the bytes that their data has; 0 is the thing itself. */
const DIGEST_BYTES = new Map([
  [0, undefined],
  [1, 32],
  [2, 64],
])
const DIGESTS = new Map([
  [1, 'sha256'],
  [2, 'sha512'],
])

/** What a peer has shown, and what is known of it. */
export interface Shown {
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  /** The path by which PKIX finds the chain valid, leaf first, when it also names the peer. */
  readonly path: readonly Certificate[] | undefined
  /** Whether the certificate names the peer. */
  named(leaf: Certificate): boolean
}

/** Records that say something we understand; who has only others is judged as without (RFC 7671 §4.1). */
export function usableTlsa(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  return records.filter(({ usage, selector, matching, data }) => {
    if (usage > USAGE.daneEe || selector > SELECTOR.key || !DIGEST_BYTES.has(matching)) return false
    const length = DIGEST_BYTES.get(matching)
    return length === undefined ? data.length > 0 : data.length === length
  })
}

/**
 * Whether one of the records is about what was shown (RFC 6698 §2.1, RFC 7671 §5). Usage 3 (DANE-EE) asks for the leaf and
 * nothing else: no name, no date, no issuer. Usage 2 (DANE-TA) asks for a path to the named authority, which must have been
 * shown or stand in the record as a whole, and for the peer's name. Usages 0 and 1 ask for a path that PKIX finds valid, and
 * that holds what the record says.
 *
 * @param records usable ones, validated by DNSSEC
 */
export function matchesTlsa(records: readonly TlsaRecord[], shown: Shown, nowMs: number): boolean {
  return records.some((record) => MATCH.get(record.usage)?.(record, shown, nowMs) ?? false)
}

type Match = (record: TlsaRecord, shown: Shown, nowMs: number) => boolean

const MATCH: ReadonlyMap<number, Match> = new Map<number, Match>([
  [USAGE.daneEe, (record, { chain }) => isAbout(record, chain[0])],
  [USAGE.daneTa, leadsTo],
  [USAGE.pkixEe, (record, { path }) => isAbout(record, path?.[0]?.raw)],
  [USAGE.pkixTa, (record, { path = [] }) => path.slice(1).some((certificate) => isAbout(record, certificate.raw))],
])

function leadsTo(record: TlsaRecord, { chain, named }: Shown, nowMs: number): boolean {
  const inRecord = record.matching === 0 && record.selector === SELECTOR.certificate ? [record.data] : []
  const isLeaf = (der: Uint8Array) => chain[0] !== undefined && same(der, chain[0])
  const about = [...chain.slice(1).filter((der) => isAbout(record, der)), ...inRecord].filter((der) => !isLeaf(der))
  const authorities = about.flatMap((der) => readable(der) ?? [])
  if (authorities.length === 0) return false
  const verdict = judgeChain(chain, anchorsOf(authorities), nowMs)
  return verdict.status === 'valid' && named(verdict.leaf)
}

function isAbout({ selector, matching, data }: TlsaRecord, der: Uint8Array | undefined): boolean {
  const selected = der === undefined || selector === SELECTOR.certificate ? der : readable(der)?.spki
  if (selected === undefined) return false
  const digest = DIGESTS.get(matching)
  return same(digest === undefined ? selected : createHash(digest).update(selected).digest(), data)
}

function readable(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
