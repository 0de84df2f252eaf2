import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import {
  bitString,
  derBoolean,
  derNull,
  implicit,
  integer,
  namedBits,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  tagged,
  time,
  tlv,
  utf8String,
} from './der-write.ts'
import { KEY_USAGE, OID } from './oids.ts'
import { pemOf } from './pem.ts'

/** What may stand in subjectAltName. Domains as A-labels, but `xmppAddr` as U-labels. */
export interface NamesToCertify {
  readonly dns?: readonly string[]
  readonly srvName?: readonly string[]
  readonly xmppAddr?: readonly string[]
  readonly ip?: readonly Uint8Array[]
}

export interface CertificateRequest {
  readonly subject: Uint8Array
  readonly issuer: Uint8Array
  readonly serial: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly publicKey: KeyObject
  readonly extensions: readonly Uint8Array[]
}

/** Makes and signs a certificate; its DER. Signs with SHA-256 unless told otherwise. */
export function signCertificate(request: CertificateRequest, signer: KeyObject, hash: 'sha256' | 'sha1' = 'sha256'): Uint8Array {
  const algorithm = signatureIdentifier(signer, hash)
  const tbs = sequence(
    tagged(0, smallInteger(2)),
    integer(request.serial),
    algorithm,
    request.issuer,
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    request.subject,
    request.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...request.extensions)),
  )
  return sequence(tbs, algorithm, bitString(sign(signer.asymmetricKeyType === 'ed25519' ? null : hash, tbs, signer)))
}

export interface CrlRequest {
  readonly issuer: Uint8Array
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  readonly serials: readonly Uint8Array[]
  readonly extensions: readonly Uint8Array[]
}

/** Makes and signs a certificate revocation list (RFC 5280 §5); its DER. */
export function signCrl(request: CrlRequest, signer: KeyObject): Uint8Array {
  const algorithm = signatureIdentifier(signer, 'sha256')
  const { serials, extensions } = request
  const entries = serials.map((serial) => sequence(integer(serial), time(request.thisUpdateMs)))
  const tbs = sequence(
    smallInteger(1),
    algorithm,
    request.issuer,
    time(request.thisUpdateMs),
    time(request.nextUpdateMs),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    ...(extensions.length === 0 ? [] : [tagged(0, sequence(...extensions))]),
  )
  return sequence(tbs, algorithm, bitString(sign(signer.asymmetricKeyType === 'ed25519' ? null : 'sha256', tbs, signer)))
}

function signatureIdentifier(signer: KeyObject, hash: 'sha256' | 'sha1'): Uint8Array {
  if (signer.asymmetricKeyType === 'rsa') return sequence(oid(hash === 'sha1' ? OID.rsaSha1 : OID.rsaSha256), derNull())
  if (signer.asymmetricKeyType === 'ed25519') return sequence(oid(OID.ed25519))
  return sequence(oid(hash === 'sha1' ? OID.ecdsaSha1 : OID.ecdsaSha256))
}

/** A Name with one attribute per relative name; no attributes give the empty Name. */
export function distinguishedName(...attributes: readonly (readonly [type: string, value: string])[]): Uint8Array {
  return sequence(...attributes.map(([type, value]) => setOf(sequence(oid(type), utf8String(value)))))
}

export function extension(type: string, critical: boolean, value: Uint8Array): Uint8Array {
  return critical ? sequence(oid(type), derBoolean(true), octetString(value)) : sequence(oid(type), octetString(value))
}

/** The subjectAltName extension, critical where the subject is empty. Throws RangeError where a dNSName or SRVName is not ASCII. */
export function altNames(names: NamesToCertify, critical = false): Uint8Array {
  const other = (type: string, value: Uint8Array): Uint8Array => tagged(0, oid(type), tagged(0, value))
  return extension(
    OID.subjectAltName,
    critical,
    sequence(
      ...(names.dns ?? []).map((name) => implicit(2, ascii(name))),
      ...(names.xmppAddr ?? []).map((name) => other(OID.xmppAddr, utf8String(name))),
      ...(names.srvName ?? []).map((name) => other(OID.srvName, tlv(0x16, ascii(name)))),
      ...(names.ip ?? []).map((octets) => implicit(7, octets)),
    ),
  )
}

function ascii(text: string): Uint8Array {
  const bytes = Buffer.from(text)
  if (bytes.length !== text.length) throw new RangeError(`not ASCII: ${JSON.stringify(text)}`)
  return bytes
}

export const keyUsage = (...positions: readonly number[]): Uint8Array => extension(OID.keyUsage, true, namedBits(positions))
export const extendedKeyUsage = (...purposes: readonly string[]): Uint8Array =>
  extension(OID.extendedKeyUsage, false, sequence(...purposes.map(oid)))
export const basicConstraints = (ca: boolean, pathLength?: number): Uint8Array =>
  extension(
    OID.basicConstraints,
    true,
    sequence(...(ca ? [derBoolean(true)] : []), ...(pathLength === undefined ? [] : [smallInteger(pathLength)])),
  )
export const subjectKeyId = (key: KeyObject): Uint8Array => extension(OID.subjectKeyId, false, octetString(keyId(key)))
export const authorityKeyId = (key: KeyObject): Uint8Array =>
  extension(OID.authorityKeyId, false, sequence(implicit(0, keyId(key))))

/** RFC 7093 §2 method 4: a SHA-256 over the SubjectPublicKeyInfo, here its left 160 bits. */
const keyId = (key: KeyObject): Uint8Array =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20)

const DAY_MS = 86_400_000

export interface KeyAndCertificate {
  readonly certPem: string
  readonly keyPem: string
}

/** One domain in its two forms. */
export interface DomainToCertify {
  readonly ascii: string
  readonly unicode: string
}

/**
 * A self-signed certificate for development (P-256, serverAuth and clientAuth, no CA) that names each domain in the
 * three ways of RFC 6120 §13.7.1.2. Nobody trusts it, so that servers that demand valid certificates refuse it.
 */
export function selfSigned(request: { domains: readonly DomainToCertify[]; nowMs: number; days?: number }): KeyAndCertificate {
  const { domains, nowMs, days = 365 } = request
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const name = distinguishedName([OID.commonName, (domains[0]?.ascii ?? 'localhost').slice(0, 64)])
  const der = signCertificate(
    {
      subject: name,
      issuer: name,
      serial: Buffer.concat([Uint8Array.of(0x40), keyId(publicKey).subarray(0, 15)]), // as unpredictable as the key
      notBeforeMs: nowMs - DAY_MS, // clocks differ
      notAfterMs: nowMs + days * DAY_MS,
      publicKey,
      extensions: [
        basicConstraints(false),
        keyUsage(KEY_USAGE.digitalSignature),
        extendedKeyUsage(OID.serverAuth, OID.clientAuth),
        subjectKeyId(publicKey),
        altNames({
          dns: domains.map((d) => d.ascii),
          xmppAddr: domains.map((d) => d.unicode),
          srvName: domains.flatMap((d) => [`_xmpp-server.${d.ascii}`, `_xmpp-client.${d.ascii}`]),
        }),
      ],
    },
    privateKey,
  )
  return { certPem: pemOf(der, 'CERTIFICATE'), keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/**
 * Writes `NAME.key` and `NAME.crt` into a folder (made 0700 when missing), both 0600 whatever the umask.
 * Throws EEXIST, with nothing written, when one of them is there: nothing is ever overwritten.
 */
export function writeKeyAndCertificate(
  folder: string,
  name: string,
  pair: KeyAndCertificate,
): { certFile: string; keyFile: string } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const keyFile = join(folder, `${name}.key`)
  const certFile = join(folder, `${name}.crt`)
  writeNew(keyFile, pair.keyPem)
  try {
    writeNew(certFile, pair.certPem)
  } catch (error) {
    unlinkSync(keyFile) // ours, just made
    throw error
  }
  return { certFile, keyFile }
}

function writeNew(file: string, text: string): void {
  const handle = openSync(file, 'wx', 0o600)
  try {
    fchmodSync(handle, 0o600)
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
