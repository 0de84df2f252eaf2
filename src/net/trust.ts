import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { DerError } from './der.ts'
import { pemBlocks } from './pem.ts'
import { type Problem, reasonOf } from './problem.ts'
import { type Certificate, parseCertificate } from './x509.ts'

/** The certificates that are trusted without proof, found by name. Never changes: a reload makes another. */
export interface Anchors {
  readonly size: number
  /** @param subject a DER name */
  bySubject(subject: Uint8Array): readonly Certificate[]
  has(certificate: Certificate): boolean
}

export function anchorsOf(certificates: Iterable<Certificate>): Anchors {
  const subjects = new Map<string, Certificate[]>()
  const fingerprints = new Set<string>()
  for (const certificate of certificates) {
    if (fingerprints.has(certificate.fingerprint)) continue
    fingerprints.add(certificate.fingerprint)
    const key = keyOf(certificate.subject)
    subjects.set(key, [...(subjects.get(key) ?? []), certificate])
  }
  return {
    size: fingerprints.size,
    bySubject: (subject) => subjects.get(keyOf(subject)) ?? [],
    has: (certificate) => fingerprints.has(certificate.fingerprint),
  }
}

const keyOf = (name: Uint8Array): string => Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')

/** Where anchors come from; paths are absolute. With neither, from the system. LuaSec's `cafile` and `capath`. */
export interface TrustSource {
  readonly cafile?: string | undefined
  /** A folder of PEM files; file names do not matter. */
  readonly capath?: string | undefined
}

/** Where Debian, Fedora, SUSE, Alpine and BSD keep all public CAs in one file. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

/**
 * The trust anchors of a host. Configured ones replace the system's (RFC 6120 §13.6), also when they cannot be read:
 * then nobody is trusted, which `problems` says. Read at the first use, or by {@link TrustStore.reload}.
 */
export class TrustStore {
  readonly #source: TrustSource
  readonly #systemBundles: readonly string[]
  #anchors: Anchors | undefined
  #problems: readonly Problem[] = []

  constructor(source: TrustSource = {}, systemBundles: readonly string[] = SYSTEM_BUNDLES) {
    this.#source = source
    this.#systemBundles = systemBundles
  }

  get anchors(): Anchors {
    if (this.#anchors === undefined) this.reload()
    return this.#anchors!
  }

  /** What the last reading found wrong. */
  get problems(): readonly Problem[] {
    return this.#problems
  }

  /** Reads everything again. With an error, what was there before stays. Returns the problems. */
  reload(): readonly Problem[] {
    const problems: Problem[] = []
    const { cafile, capath } = this.#source
    const configured = cafile !== undefined || capath !== undefined
    const found = configured ? readConfigured(this.#source, problems) : readSystem(this.#systemBundles, problems)
    const broken = problems.some((p) => p.severity === 'error')
    if (this.#anchors === undefined || !broken) this.#anchors = anchorsOf(found)
    this.#problems = problems
    return problems
  }
}

function readConfigured({ cafile, capath }: TrustSource, problems: Problem[]): Certificate[] {
  const found: Certificate[] = []
  if (cafile !== undefined) {
    const inFile = readFile(cafile, problems)
    if (inFile?.length === 0) problems.push({ severity: 'error', message: 'cafile holds no certificate', file: cafile })
    found.push(...(inFile ?? []))
  }
  if (capath !== undefined) {
    const inFolder = readFolder(capath, problems)
    if (inFolder?.length === 0) problems.push({ severity: 'error', message: 'capath holds no certificate', file: capath })
    found.push(...(inFolder ?? []))
  }
  return found
}

function readSystem(bundles: readonly string[], problems: Problem[]): Certificate[] {
  for (const bundle of bundles) {
    const found = statSync(bundle, { throwIfNoEntry: false })?.isFile() ? readFile(bundle, problems) : undefined
    if (found !== undefined && found.length > 0) return found
  }
  const listed = certificatesOf(getCACertificates('system').join('\n'), undefined, problems)
  if (listed.length > 0) return listed
  problems.push({
    severity: 'warning',
    message:
      'this system has no CA certificates; using the list that comes with Node.js (install the package ca-certificates, or set ssl.cafile)',
  })
  return certificatesOf(getCACertificates('bundled').join('\n'), undefined, problems)
}

function readFolder(folder: string, problems: Problem[]): Certificate[] | undefined {
  try {
    const files = readdirSync(folder).map((name) => join(folder, name))
    return files
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
      .flatMap((file) => readFile(file, problems) ?? [])
  } catch (error) {
    problems.push({ severity: 'error', message: `cannot read capath: ${reasonOf(error)}`, file: folder })
    return undefined
  }
}

/** No bundle of public CAs is near this. */
const MAX_FILE_BYTES = 8 * 1024 * 1024

function readFile(file: string, problems: Problem[]): Certificate[] | undefined {
  try {
    if (statSync(file).size > MAX_FILE_BYTES) throw new Error('larger than 8 MiB')
    return certificatesOf(readFileSync(file, 'latin1'), file, problems)
  } catch (error) {
    problems.push({ severity: 'error', message: `cannot read CA certificates: ${reasonOf(error)}`, file })
    return undefined
  }
}

function certificatesOf(text: string, file: string | undefined, problems: Problem[]): Certificate[] {
  return pemBlocks(text, 'CERTIFICATE').flatMap((der) => {
    try {
      return parseCertificate(der)
    } catch (error) {
      if (!(error instanceof DerError)) throw error
      problems.push({ severity: 'warning', message: `a CA certificate is left out: ${error.message}`, file })
      return []
    }
  })
}
