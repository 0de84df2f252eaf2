import { readFileSync, statSync } from 'node:fs'
import { type Crl, parseCrl, serialKey } from './crl.ts'
import { DerError } from './der.ts'
import { KEY_USAGE } from './oids.ts'
import { pemBlocks } from './pem.ts'
import { type Problem, reasonOf } from './problem.ts'
import { isWeakSignature, publicKeyOf, verifies } from './signature.ts'
import { type Certificate, same } from './x509.ts'

/** What is known to be revoked. Never changes: a reload makes another. */
export interface Revocations {
  /** Whether the issuer (whose signature the certificate bears) says that the certificate counts no more. */
  has(certificate: Certificate, issuer: Certificate): boolean
}

export const NO_REVOCATIONS: Revocations = { has: () => false }

/** What CRLs say. A list counts for an issuer when it bears the issuer's name and a signature of the issuer's key. */
export function revocationsOf(crls: readonly Crl[]): Revocations {
  const signedBy = new Map<string, boolean>()
  const isBy = (crl: Crl, index: number, issuer: Certificate): boolean => {
    const key = `${index} ${issuer.fingerprint}`
    const known = signedBy.get(key) ?? isSignedBy(crl, issuer)
    signedBy.set(key, known)
    return known
  }
  return {
    has: (certificate, issuer) => {
      const serial = serialKey(certificate.serial)
      return crls.some((crl, i) => same(crl.issuer, certificate.issuer) && crl.revoked.has(serial) && isBy(crl, i, issuer))
    },
  }
}

function isSignedBy(crl: Crl, { spki, keyUsage }: Certificate): boolean {
  if (keyUsage?.has(KEY_USAGE.crlSign) === false || isWeakSignature(crl.algorithm)) return false
  const key = publicKeyOf(spki)
  return key !== undefined && verifies(crl.algorithm, key, crl.tbs, crl.signature)
}

/** The lists of great public CAs have some megabytes. */
const MAX_CRL_FILE_BYTES = 64 * 1024 * 1024

/** The CRL files of the configuration (PEM, any number in a file, or DER). */
export class RevocationStore {
  #current: Revocations = NO_REVOCATIONS
  #files = new Map<string, readonly Crl[]>()

  get current(): Revocations {
    return this.#current
  }

  /**
   * Reads everything again; a file that is broken now goes on as it was. A list past its date still counts: it can only
   * say who is revoked, and nobody gets back by its age. Returns the problems, that among them.
   */
  reload(files: Iterable<string>, nowMs: number): readonly Problem[] {
    const problems: Problem[] = []
    const next = new Map<string, readonly Crl[]>()
    for (const file of files) {
      const read = readCrls(file, problems)
      next.set(file, read ?? this.#files.get(file) ?? [])
      if (read?.some(({ nextUpdateMs }) => nextUpdateMs !== undefined && nextUpdateMs < nowMs))
        problems.push({ severity: 'warning', message: 'this CRL is out of date: who was revoked since is not in it', file })
    }
    this.#files = next
    const all = [...next.values()].flat()
    this.#current = all.length === 0 ? NO_REVOCATIONS : revocationsOf(all)
    return problems
  }
}

function readCrls(file: string, problems: Problem[]): readonly Crl[] | undefined {
  try {
    if (statSync(file).size > MAX_CRL_FILE_BYTES) throw new Error('larger than 64 MiB')
    const bytes = readFileSync(file)
    const text = bytes.toString('latin1')
    const lists = text.includes('-----BEGIN X509 CRL-----') ? pemBlocks(text, 'X509 CRL') : [bytes]
    return lists.map(parseCrl)
  } catch (error) {
    const why =
      error instanceof DerError ? `this is no CRL that can be used: ${error.message}` : `cannot read: ${reasonOf(error)}`
    problems.push({ severity: 'error', message: why, file })
    return undefined
  }
}
