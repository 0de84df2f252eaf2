import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { DerReader, type DerValue, oidText, smallIntegerOf, TAG } from './der.ts'
import { OID } from './oids.ts'

/** How a certificate is signed. `hash` is undefined when the algorithm has its own (EdDSA) or is unknown. */
export interface SignatureAlgorithm {
  readonly oid: string
  readonly scheme: 'rsa' | 'rsa-pss' | 'ecdsa' | 'eddsa' | 'unknown'
  readonly hash: string | undefined
  /** Bytes of salt, RSA-PSS only. */
  readonly saltLength?: number
}

const SCHEMES = new Map<string, readonly [SignatureAlgorithm['scheme'], string | undefined]>([
  ['1.2.840.113549.1.1.4', ['rsa', 'md5']],
  [OID.rsaSha1, ['rsa', 'sha1']],
  ['1.2.840.113549.1.1.14', ['rsa', 'sha224']],
  [OID.rsaSha256, ['rsa', 'sha256']],
  ['1.2.840.113549.1.1.12', ['rsa', 'sha384']],
  ['1.2.840.113549.1.1.13', ['rsa', 'sha512']],
  [OID.ecdsaSha1, ['ecdsa', 'sha1']],
  ['1.2.840.10045.4.3.1', ['ecdsa', 'sha224']],
  [OID.ecdsaSha256, ['ecdsa', 'sha256']],
  ['1.2.840.10045.4.3.3', ['ecdsa', 'sha384']],
  ['1.2.840.10045.4.3.4', ['ecdsa', 'sha512']],
  [OID.ed25519, ['eddsa', undefined]],
  ['1.3.101.113', ['eddsa', undefined]],
])
const HASHES = new Map<string, string>([
  [OID.sha1, 'sha1'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])
const STRONG_HASHES = new Set(['sha256', 'sha384', 'sha512'])
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/** Reads an AlgorithmIdentifier. Throws DerError when it is not one; an unknown one is `unknown`. */
export function signatureAlgorithm(value: DerValue): SignatureAlgorithm {
  const reader = new DerReader(value.content)
  const oid = oidText(reader.expect(TAG.oid).content)
  if (oid === OID.rsaPss) return { oid, ...readPss(reader) }
  const [scheme, hash] = SCHEMES.get(oid) ?? ['unknown', undefined]
  return { oid, scheme, hash }
}

/** RSASSA-PSS-params (RFC 4055 §3.1), whose defaults are SHA-1 and 20. */
function readPss(reader: DerReader): Omit<SignatureAlgorithm, 'oid'> {
  const params = reader.enter(TAG.sequence)
  const digest = params.optional(0xa0)
  const mask = params.optional(0xa1)
  const salt = params.optional(0xa2)
  const hash = digest === undefined ? 'sha1' : hashOf(new DerReader(digest.content))
  const maskHash = mask === undefined ? 'sha1' : maskHashOf(new DerReader(mask.content))
  const saltLength = salt === undefined ? 20 : smallIntegerOf(new DerReader(salt.content).expect(TAG.integer))
  // one hash for both is all that is used, and all that node:crypto can verify
  return hash === undefined || hash !== maskHash ? { scheme: 'unknown', hash } : { scheme: 'rsa-pss', hash, saltLength }
}

const hashOf = (reader: DerReader): string | undefined => HASHES.get(oidText(reader.enter(TAG.sequence).expect(TAG.oid).content))

function maskHashOf(reader: DerReader): string | undefined {
  const mask = reader.enter(TAG.sequence)
  mask.expect(TAG.oid)
  return hashOf(mask)
}

/** Signatures that no longer prove anything (RFC 9325 §4.5): MD5, SHA-1, SHA-224, and algorithms that we do not know. */
export function isWeakSignature({ scheme, hash }: SignatureAlgorithm): boolean {
  if (scheme === 'unknown') return true
  return scheme !== 'eddsa' && !STRONG_HASHES.has(hash ?? '')
}

/** The key of a SubjectPublicKeyInfo; undefined when node:crypto cannot read it. */
export function publicKeyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

/** RSA below 2048 bits or above what is worth verifying, other curves than P-256, P-384, P-521, and kinds that nobody uses. */
export function isWeakKey(key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return (details?.modulusLength ?? 0) < 2048 || (details?.modulusLength ?? 0) > 8192
    case 'ec':
      return !CURVES.has(details?.namedCurve ?? '')
    case 'ed25519':
    case 'ed448':
      return false
    default:
      return true
  }
}

const KEY_FOR: Readonly<Record<SignatureAlgorithm['scheme'], readonly string[]>> = {
  rsa: ['rsa'],
  'rsa-pss': ['rsa', 'rsa-pss'],
  ecdsa: ['ec'],
  eddsa: ['ed25519', 'ed448'],
  unknown: [],
}

/** The signature is this key's over these bytes. Weakness is not judged here, except that a key of another kind never fits. */
export function verifies(algorithm: SignatureAlgorithm, key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  if (!KEY_FOR[algorithm.scheme].includes(key.asymmetricKeyType ?? '')) return false
  try {
    if (algorithm.scheme !== 'rsa-pss') return verify(algorithm.hash, signed, key, signature)
    const padding = constants.RSA_PKCS1_PSS_PADDING
    return verify(algorithm.hash, signed, { key, padding, saltLength: algorithm.saltLength ?? 20 }, signature)
  } catch {
    return false
  }
}
