import { DerError, DerReader, octetsOfBits, readWhole, smallIntegerOf, TAG, timeOf } from './der.ts'
import { OID } from './oids.ts'
import { type SignatureAlgorithm, signatureAlgorithm } from './signature.ts'
import { readExtensions } from './x509.ts'

/** A certificate revocation list (RFC 5280 §5): what it says, nothing verified. */
export interface Crl {
  /** A DER name. */
  readonly issuer: Uint8Array
  /** When the next list is due; undefined when the list does not say. */
  readonly nextUpdateMs: number | undefined
  /** Serial numbers of certificates of this issuer, as {@link serialKey} writes them. */
  readonly revoked: ReadonlySet<string>
  readonly tbs: Uint8Array
  readonly algorithm: SignatureAlgorithm
  readonly signature: Uint8Array
}

export const serialKey = (serial: Uint8Array): string =>
  Buffer.from(serial.buffer, serial.byteOffset, serial.length).toString('hex')

const NEXT_VERSION = 1
/** In issuingDistributionPoint: the list speaks of certificates of other issuers too. */
const INDIRECT = 0x84

/**
 * Reads a list. Throws {@link DerError}, and nothing else, when the bytes are none, or one that we cannot use: indirect
 * lists, differences to other lists (delta CRLs), and what is critical and unknown. A list about a part of an issuer's
 * certificates is fine: we take it to say who is revoked, never that somebody is not.
 */
export function parseCrl(raw: Uint8Array): Crl {
  const outer = readWhole(raw, TAG.sequence)
  const tbs = outer.expect(TAG.sequence)
  const algorithm = outer.expect(TAG.sequence)
  const signature = octetsOfBits(outer.expect(TAG.bitString))
  outer.end()
  const body = new DerReader(tbs.content)
  const version = body.optional(TAG.integer)
  if (version !== undefined && smallIntegerOf(version) !== NEXT_VERSION) throw new DerError('unknown version')
  if (Buffer.compare(body.expect(TAG.sequence).raw, algorithm.raw) !== 0) throw new DerError('two signature algorithms')
  const issuer = body.expect(TAG.sequence).raw
  timeOf(body.next()) // thisUpdate
  const isTime = body.peek === TAG.utcTime || body.peek === TAG.generalizedTime
  const nextUpdateMs = isTime ? timeOf(body.next()) : undefined
  const revoked = body.peek === TAG.sequence ? readEntries(body.enter(TAG.sequence)) : new Set<string>()
  if (!body.done) checkExtensions(body.enter(0xa0))
  body.end()
  return { issuer, nextUpdateMs, revoked, tbs: tbs.raw, algorithm: signatureAlgorithm(algorithm), signature }
}

function readEntries(list: DerReader): ReadonlySet<string> {
  const serials = new Set<string>()
  while (!list.done) {
    const entry = list.enter(TAG.sequence)
    serials.add(serialKey(entry.expect(TAG.integer).content))
    timeOf(entry.next())
    if (!entry.done && readExtensions(entry).some((e) => e.critical)) throw new DerError('an entry that needs more than we know')
  }
  return serials
}

function checkExtensions(wrapped: DerReader): void {
  for (const { oid, critical, value } of readExtensions(wrapped)) {
    if (oid === OID.issuingDistributionPoint) checkScope(value)
    else if (critical && oid !== OID.authorityKeyId && oid !== OID.crlNumber) {
      throw new DerError(oid === OID.deltaCrlIndicator ? 'a delta CRL, which is not used' : `critical extension ${oid}`)
    }
  }
}

function checkScope(value: Uint8Array): void {
  const scope = readWhole(value, TAG.sequence)
  while (!scope.done) if (scope.next().tag === INDIRECT) throw new DerError('an indirect CRL, which is not used')
}
