import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { derBoolean, implicit, sequence, tagged } from '../net/der-write.ts'
import {
  altNames,
  authorityKeyId,
  basicConstraints,
  distinguishedName,
  extendedKeyUsage,
  extension,
  keyUsage,
  type NamesToCertify,
  signCertificate,
  signCrl,
  subjectKeyId,
} from '../net/issue.ts'
import { KEY_USAGE, OID } from '../net/oids.ts'
import { pemOf } from '../net/pem.ts'
import { parseCertificate } from '../net/x509.ts'

/** What a test may ask of a certificate, sound or not. Dates in milliseconds since 1970. */
export interface IssueOptions extends NamesToCertify {
  readonly cn?: string
  readonly ou?: string
  readonly eku?: readonly ('serverAuth' | 'clientAuth' | 'any' | (string & {}))[] | 'none'
  readonly notBefore?: number
  readonly notAfter?: number
  /** true: a CA; false: basicConstraints says no; 'absent': no such extension. */
  readonly ca?: boolean | 'absent'
  readonly pathLength?: number
  readonly keyUsage?: readonly (keyof typeof KEY_USAGE)[] | 'none'
  readonly permittedDns?: readonly string[]
  readonly excludedDns?: readonly string[]
  readonly key?: 'p256' | 'rsa2048' | 'rsa1024' | 'secp256k1' | 'ed25519'
  readonly hash?: 'sha256' | 'sha1'
  /** Signed by its own key, whatever authority was asked. */
  readonly selfSigned?: boolean
  /** OID of a critical extension that nobody knows. */
  readonly unknownCritical?: string
}

export interface Issued {
  readonly der: Uint8Array
  readonly certPem: string
  readonly keyPem: string
  /** The leaf and what leads from it to the root, the root left out. */
  readonly chainPem: string
  readonly chain: readonly Uint8Array[]
}

/** What a test may ask of a CRL. */
export interface CrlOptions {
  /** Certificates, DER. */
  readonly revoked: readonly Uint8Array[]
  readonly nextUpdate?: number
  readonly extensions?: readonly Uint8Array[]
  /** Whose key signs. */
  readonly by?: TestAuthority
}

const DAY_MS = 86_400_000
const PURPOSES: Readonly<Record<string, string>> = {
  serverAuth: OID.serverAuth,
  clientAuth: OID.clientAuth,
  any: OID.anyExtendedKeyUsage,
}

/** A certification authority for tests and the demo: it signs whatever it is asked, also what no real one would. */
export class TestAuthority {
  readonly caPem: string
  readonly caDer: Uint8Array
  readonly #name: Uint8Array
  readonly #key: KeyObject
  readonly #publicKey: KeyObject
  /** From this authority's own certificate up, the root left out. */
  readonly #chain: readonly Uint8Array[]
  readonly #nowMs: number
  #serial = 1

  /** @param made what {@link TestAuthority.root} and {@link TestAuthority.intermediate} put together */
  private constructor(made: { der: Uint8Array; name: Uint8Array; pair: Pair; chain: readonly Uint8Array[]; nowMs: number }) {
    this.caDer = made.der
    this.caPem = pemOf(made.der, 'CERTIFICATE')
    this.#name = made.name
    this.#key = made.pair.privateKey
    this.#publicKey = made.pair.publicKey
    this.#chain = made.chain
    this.#nowMs = made.nowMs
  }

  /** A new root with a key of its own: two roots of one name are two authorities. */
  static root(options: IssueOptions & { nowMs: number }): TestAuthority {
    const pair = newPair(options.key)
    const name = distinguishedName([OID.commonName, options.cn ?? 'Test Root'])
    const der = make({ ca: true, ...options }, { pair, name, issuer: name, signer: pair, serial: 1, nowMs: options.nowMs })
    return new TestAuthority({ der, name, pair, chain: [], nowMs: options.nowMs })
  }

  /** An authority whose certificate this one signs. */
  intermediate(options: IssueOptions = {}): TestAuthority {
    const cn = options.cn ?? 'Test Intermediate'
    const { der, pair, name } = this.#issue({ ca: true, eku: 'none', ...options, cn })
    return new TestAuthority({ der, name, pair, chain: [der, ...this.#chain], nowMs: this.#nowMs })
  }

  /** Another certificate for the name and key of another authority. */
  crossSign(other: TestAuthority, options: IssueOptions): Uint8Array {
    this.#serial += 1
    const signer = { privateKey: this.#key, publicKey: this.#publicKey }
    const pair = { privateKey: other.#key, publicKey: other.#publicKey }
    const names = { name: other.#name, issuer: this.#name }
    return make({ ca: true, ...options }, { pair, signer, ...names, serial: this.#serial, nowMs: this.#nowMs })
  }

  /** A list of what is revoked (DER), signed by this authority unless told otherwise. */
  crl(options: CrlOptions): Uint8Array {
    const by = options.by ?? this
    return signCrl(
      {
        issuer: this.#name,
        thisUpdateMs: this.#nowMs - DAY_MS,
        nextUpdateMs: options.nextUpdate ?? this.#nowMs + 7 * DAY_MS,
        serials: options.revoked.map((der) => parseCertificate(der).serial),
        extensions: options.extensions ?? [],
      },
      by.#key,
    )
  }

  /** A leaf, unless `ca` says otherwise: P-256, serverAuth and clientAuth, good for 90 days from yesterday. */
  issue(options: IssueOptions): Issued {
    const { der, pair } = this.#issue({ ca: false, ...options })
    const chain = options.selfSigned ? [der] : [der, ...this.#chain]
    return {
      der,
      certPem: pemOf(der, 'CERTIFICATE'),
      keyPem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      chainPem: chain.map((c) => pemOf(c, 'CERTIFICATE')).join(''),
      chain,
    }
  }

  #issue(options: IssueOptions): { der: Uint8Array; pair: Pair; name: Uint8Array } {
    const pair = newPair(options.key)
    const name = distinguishedName(
      ...(options.ou === undefined ? [] : [[OID.organizationalUnit, options.ou] as const]),
      ...(options.cn === undefined ? [] : [[OID.commonName, options.cn] as const]),
    )
    const own = { privateKey: this.#key, publicKey: this.#publicKey }
    const issuer = options.selfSigned ? { name, signer: pair } : { name: this.#name, signer: own }
    this.#serial += 1
    const der = make(options, {
      pair,
      name,
      issuer: issuer.name,
      signer: issuer.signer,
      serial: this.#serial,
      nowMs: this.#nowMs,
    })
    return { der, pair, name }
  }
}

interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

function newPair(kind: IssueOptions['key'] = 'p256'): Pair {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  if (kind === 'p256' || kind === 'secp256k1')
    return generateKeyPairSync('ec', { namedCurve: kind === 'p256' ? 'prime256v1' : kind })
  return generateKeyPairSync('rsa', { modulusLength: kind === 'rsa1024' ? 1024 : 2048 })
}

interface Circumstances {
  readonly pair: Pair
  readonly name: Uint8Array
  readonly issuer: Uint8Array
  readonly signer: Pair
  readonly serial: number
  readonly nowMs: number
}

function make(options: IssueOptions, c: Circumstances): Uint8Array {
  return signCertificate(
    {
      subject: c.name,
      issuer: c.issuer,
      serial: Uint8Array.of(c.serial >> 8, c.serial & 0xff),
      notBeforeMs: options.notBefore ?? c.nowMs - DAY_MS,
      notAfterMs: options.notAfter ?? c.nowMs + 90 * DAY_MS,
      publicKey: c.pair.publicKey,
      extensions: [...extensionsOf(options), subjectKeyId(c.pair.publicKey), authorityKeyId(c.signer.publicKey)],
    },
    c.signer.privateKey,
    options.hash,
  )
}

function extensionsOf(options: IssueOptions): Uint8Array[] {
  const { ca = false, eku = ca === true ? 'none' : ['serverAuth', 'clientAuth'] } = options
  const usage = options.keyUsage ?? (ca === true ? ['keyCertSign', 'crlSign'] : ['digitalSignature'])
  const extensions: Uint8Array[] = []
  if (ca !== 'absent') extensions.push(basicConstraints(ca, options.pathLength))
  if (usage !== 'none') extensions.push(keyUsage(...usage.map((u) => KEY_USAGE[u])))
  if (eku !== 'none') extensions.push(extendedKeyUsage(...eku.map((p) => PURPOSES[p] ?? p)))
  if (options.dns || options.srvName || options.xmppAddr || options.ip)
    extensions.push(altNames(options, options.cn === undefined && options.ou === undefined))
  if (options.permittedDns || options.excludedDns) extensions.push(dnsConstraints(options))
  if (options.unknownCritical !== undefined) extensions.push(extension(options.unknownCritical, true, derBoolean(true)))
  return extensions
}

function dnsConstraints({ permittedDns = [], excludedDns = [] }: IssueOptions): Uint8Array {
  const subtrees = (names: readonly string[]): Uint8Array[] => names.map((name) => sequence(implicit(2, Buffer.from(name))))
  const lists = [
    ...(permittedDns.length > 0 ? [tagged(0, ...subtrees(permittedDns))] : []),
    ...(excludedDns.length > 0 ? [tagged(1, ...subtrees(excludedDns))] : []),
  ]
  return extension(OID.nameConstraints, true, sequence(...lists))
}
