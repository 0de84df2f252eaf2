import { createHash } from 'node:crypto'
import {
  booleanOf,
  DerError,
  DerReader,
  namedBitsOf,
  octetsOfBits,
  oidText,
  readWhole,
  smallIntegerOf,
  TAG,
  timeOf,
} from './der.ts'
import { OID } from './oids.ts'
import { type SignatureAlgorithm, signatureAlgorithm } from './signature.ts'
import { type AltNames, type NameConstraints, NO_NAMES, readAltNames, readNameConstraints } from './x509-names.ts'

/** What a certificate says (RFC 5280), nothing judged. Byte fields are views of `raw`. */
export interface Certificate {
  readonly raw: Uint8Array
  /** SHA-256 of `raw`, lower-case hex. */
  readonly fingerprint: string
  /** The signed part. */
  readonly tbs: Uint8Array
  readonly signature: Uint8Array
  readonly algorithm: SignatureAlgorithm
  readonly serial: Uint8Array
  /** DER names; two names are the same when the bytes are. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly notBeforeMs: number
  /** The certificate is good through this whole second. */
  readonly notAfterMs: number
  /** SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  readonly names: AltNames
  /** basicConstraints; undefined when the extension is absent. `pathLength` is undefined when unlimited. */
  readonly basic: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined
  /** Bit positions of keyUsage; undefined when the extension is absent. */
  readonly keyUsage: ReadonlySet<number> | undefined
  /** OIDs of extendedKeyUsage; undefined when the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly nameConstraints: NameConstraints | undefined
  readonly subjectKeyId: Uint8Array | undefined
  readonly authorityKeyId: Uint8Array | undefined
  /** OIDs of extensions that are critical and that we do not process. */
  readonly unknownCritical: readonly string[]
}

/** No certificate in use is near this; it bounds what one can cost us. */
export const MAX_CERTIFICATE_BYTES = 32_768
const MAX_EXTENSIONS = 64

/** Reads one certificate. Throws {@link DerError}, and nothing else, when the bytes are not one. */
export function parseCertificate(raw: Uint8Array): Certificate {
  if (raw.length > MAX_CERTIFICATE_BYTES) throw new DerError('certificate too large')
  const outer = readWhole(raw, TAG.sequence)
  const tbs = outer.expect(TAG.sequence)
  const algorithm = outer.expect(TAG.sequence)
  const signature = octetsOfBits(outer.expect(TAG.bitString))
  outer.end()

  const body = new DerReader(tbs.content)
  const version = readVersion(body)
  const serial = body.expect(TAG.integer).content
  if (!same(body.expect(TAG.sequence).raw, algorithm.raw)) throw new DerError('two signature algorithms')
  const issuer = body.expect(TAG.sequence).raw
  const validity = body.enter(TAG.sequence)
  const notBeforeMs = timeOf(validity.next())
  const notAfterMs = timeOf(validity.next()) + 999
  validity.end()
  const subject = body.expect(TAG.sequence).raw
  const spki = body.expect(TAG.sequence).raw
  body.optional(0x81) // issuerUniqueID
  body.optional(0x82) // subjectUniqueID
  const extensions = version === 3 && !body.done ? readExtensions(body.enter(0xa3)) : []
  body.end()

  return {
    raw,
    fingerprint: createHash('sha256').update(raw).digest('hex'),
    tbs: tbs.raw,
    signature,
    algorithm: signatureAlgorithm(algorithm),
    serial,
    issuer,
    subject,
    notBeforeMs,
    notAfterMs,
    spki,
    ...readKnown(extensions),
  }
}

/** Two byte strings are equal. Not for secrets. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** The certificate names itself as its issuer. Says nothing about who signed it. */
export const isSelfIssued = (c: Certificate): boolean => same(c.issuer, c.subject)

/**
 * Channel binding data of type tls-server-end-point (RFC 5929 §4.1): a hash of the server's certificate.
 * undefined where the certificate's signature names no hash (Ed25519) or the bytes are no certificate.
 */
export function endPointHash(leaf: Uint8Array): Uint8Array | undefined {
  try {
    const { hash } = parseCertificate(leaf).algorithm
    if (hash === undefined) return undefined
    return createHash(hash === 'md5' || hash === 'sha1' ? 'sha256' : hash)
      .update(leaf)
      .digest()
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}

function readVersion(body: DerReader): number {
  const wrapped = body.optional(0xa0)
  if (wrapped === undefined) return 1
  const inner = new DerReader(wrapped.content)
  const version = smallIntegerOf(inner.expect(TAG.integer)) + 1
  inner.end()
  if (version > 3) throw new DerError('unknown version')
  return version
}

/** An extension of a certificate, of a CRL or of an entry in one. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** The list of extensions that a reader is at the end of; strict. Throws {@link DerError}. */
export function readExtensions(wrapped: DerReader): Extension[] {
  const list = wrapped.enter(TAG.sequence)
  wrapped.end()
  const extensions: Extension[] = []
  const seen = new Set<string>()
  while (!list.done) {
    const one = list.enter(TAG.sequence)
    const oid = oidText(one.expect(TAG.oid).content)
    const flag = one.optional(TAG.boolean)
    const value = one.expect(TAG.octetString).content
    one.end()
    if (seen.has(oid) || seen.size >= MAX_EXTENSIONS) throw new DerError('an extension twice, or too many')
    seen.add(oid)
    extensions.push({ oid, critical: flag !== undefined && booleanOf(flag), value })
  }
  return extensions
}

type Known = Pick<
  Certificate,
  'names' | 'basic' | 'keyUsage' | 'extendedKeyUsage' | 'nameConstraints' | 'subjectKeyId' | 'authorityKeyId' | 'unknownCritical'
>

/** Every extension that we process, by OID. Policies are known because we ask for none. */
const KNOWN = new Map<string, (value: Uint8Array) => Partial<Known>>([
  [OID.subjectAltName, (value) => ({ names: readAltNames(value) })],
  [OID.basicConstraints, (value) => ({ basic: readBasic(value) })],
  [OID.keyUsage, (value) => ({ keyUsage: namedBitsOf(onlyElement(value, TAG.bitString)) })],
  [OID.extendedKeyUsage, (value) => ({ extendedKeyUsage: readPurposes(value) })],
  [OID.nameConstraints, (value) => ({ nameConstraints: readNameConstraints(value) })],
  [OID.subjectKeyId, (value) => ({ subjectKeyId: onlyElement(value, TAG.octetString).content })],
  [OID.authorityKeyId, (value) => ({ authorityKeyId: readWhole(value, TAG.sequence).optional(0x80)?.content })],
  [OID.certificatePolicies, () => ({})],
])

function readKnown(extensions: readonly Extension[]): Known {
  const known: { -readonly [K in keyof Known]: Known[K] } = {
    names: NO_NAMES,
    basic: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    nameConstraints: undefined,
    subjectKeyId: undefined,
    authorityKeyId: undefined,
    unknownCritical: extensions.filter((e) => e.critical && !KNOWN.has(e.oid)).map((e) => e.oid),
  }
  for (const { oid, value } of extensions) Object.assign(known, KNOWN.get(oid)?.(value))
  return known
}

function onlyElement(bytes: Uint8Array, tag: number) {
  const reader = new DerReader(bytes)
  const value = reader.expect(tag)
  reader.end()
  return value
}

function readBasic(bytes: Uint8Array) {
  const inner = readWhole(bytes, TAG.sequence)
  const flag = inner.optional(TAG.boolean)
  const length = inner.optional(TAG.integer)
  inner.end()
  return { ca: flag !== undefined && booleanOf(flag), pathLength: length === undefined ? undefined : smallIntegerOf(length) }
}

function readPurposes(bytes: Uint8Array): string[] {
  const inner = readWhole(bytes, TAG.sequence)
  const purposes: string[] = []
  while (!inner.done && purposes.length < 64) purposes.push(oidText(inner.expect(TAG.oid).content))
  return purposes
}
