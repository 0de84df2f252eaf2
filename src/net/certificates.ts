import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { domainToAscii } from '../xmpp/jid.ts'
import { certificateFiles, keyFilesFor } from './certificate-files.ts'
import { DerError } from './der.ts'
import { pemBlocks, pemOf } from './pem.ts'
import { type Problem, reasonOf } from './problem.ts'
import { publicKeyOf } from './signature.ts'
import { type Certificate, parseCertificate } from './x509.ts'

/** A certificate with the key that fits it: what a host shows. */
export interface Identity {
  readonly certFile: string
  readonly keyFile: string
  /** Leaf first. */
  readonly chainPem: string
  readonly keyPem: string
  readonly passphrase: string | undefined
  readonly leaf: Certificate
}

/** A host that needs an identity. Paths are absolute. */
export interface IdentityRequest {
  /** Enforced. */
  readonly domain: string
  /** `certificate` or `ssl.certificate`: a file, or a folder to look in; undefined: look in the common folder. */
  readonly certificate?: string | undefined
  /** `key` or `ssl.key`; undefined: beside the certificate. */
  readonly key?: string | undefined
  /** `ssl.password`, for an encrypted key. */
  readonly password?: string | undefined
}

export interface LoadedIdentities {
  /** By domain, as asked. A host without one is not in it. */
  readonly identities: ReadonlyMap<string, Identity>
  readonly problems: readonly Problem[]
}

/**
 * Finds the identity of every host, as Prosody does: the one that the host names, else in the folder the certificate
 * that names the domain, else one with a wildcard for it, else that of the parent domain. Of several the one that is
 * good for longest counts; an expired one only where there is no other.
 *
 * @param before what is in use: a host for which nothing usable is found now keeps its old identity
 */
export function loadIdentities(request: {
  hosts: readonly IdentityRequest[]
  /** What {@link indexFolder} found in the common folder. */
  index: IdentityIndex
  nowMs: number
  before?: ReadonlyMap<string, Identity>
}): LoadedIdentities {
  const problems: Problem[] = []
  const { nowMs, before, index } = request
  const identities = new Map<string, Identity>()
  for (const host of request.hosts) {
    const found = findIdentity(host, index, nowMs)
    const old = before?.get(host.domain)
    const identity = found.identity ?? old
    if (identity !== undefined) identities.set(host.domain, identity)
    const kept = found.identity === undefined && old !== undefined
    problems.push(...found.problems.filter((p) => !kept || p.severity === 'error'))
    if (kept)
      problems.push({ severity: 'error', message: `${host.domain} goes on with the certificate that it had`, file: old.certFile })
  }
  return { identities, problems }
}

/** Usable certificates of a folder, by the names in them: A-labels and `*.` names; best first. */
export type IdentityIndex = ReadonlyMap<string, readonly Identity[]>

/** Reads a folder, three levels deep. Files without a fitting key are left out, with a warning; a missing folder is empty. */
export function indexFolder(folder: string, nowMs: number, problems: Problem[]): IdentityIndex {
  const index = new Map<string, Identity[]>()
  for (const certFile of certificateFiles(folder, problems)) {
    const read = readIdentity(certFile, keyFilesFor(certFile), undefined)
    if ('problem' in read) problems.push({ ...read.problem, severity: 'warning' })
    else for (const name of namesIn(read.leaf)) index.set(name, [...(index.get(name) ?? []), read])
  }
  for (const list of index.values()) list.sort((a, b) => rank(b, nowMs) - rank(a, nowMs))
  return index
}

/** Longest first, everything out of date behind. */
const rank = ({ leaf }: Identity, nowMs: number): number =>
  isCurrent(leaf, nowMs) ? leaf.notAfterMs : leaf.notAfterMs - Number.MAX_SAFE_INTEGER

const isCurrent = (leaf: Certificate, nowMs: number): boolean => nowMs >= leaf.notBeforeMs && nowMs <= leaf.notAfterMs

/** One host's identity and what is wrong with it; undefined with an error, or, where none was named, with a warning. */
export function findIdentity(
  host: IdentityRequest,
  index: IdentityIndex,
  nowMs: number,
): { identity: Identity | undefined; problems: readonly Problem[] } {
  if (host.certificate === undefined) {
    const identity = fromIndex(index, domainToAscii(host.domain) ?? host.domain)
    if (identity !== undefined) return { identity, problems: checkIdentity(identity, host.domain, nowMs) }
    return { identity, problems: [{ severity: 'warning', message: `${host.domain} has no certificate, so it cannot offer TLS` }] }
  }
  const certFile = namedFile(host.certificate, host.domain)
  const keyFiles = host.key === undefined ? keyFilesFor(certFile) : [host.key]
  const read = readIdentity(certFile, keyFiles, host.password)
  if (!('problem' in read)) return { identity: read, problems: checkIdentity(read, host.domain, nowMs) }
  return { identity: undefined, problems: [{ ...read.problem, message: `${host.domain}: ${read.problem.message}` }] }
}

function fromIndex(index: IdentityIndex, ascii: string): Identity | undefined {
  const parent = ascii.includes('.') ? ascii.slice(ascii.indexOf('.') + 1) : undefined
  const own = index.get(ascii)?.[0] ?? (parent === undefined ? undefined : index.get(`*.${parent}`)?.[0])
  return own ?? (parent === undefined ? undefined : fromIndex(index, parent))
}

/** The file that `certificate` means: itself, or the usual one of the domain in that folder. */
function namedFile(path: string, domain: string): string {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path
  const candidates = [`${domain}.crt`, join(domain, 'fullchain.pem'), `${domain}.pem`, 'fullchain.pem'].map((name) =>
    join(path, name),
  )
  return candidates.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile()) ?? candidates[0]!
}

type Unusable = { readonly problem: Problem }

/** Reads a certificate with its chain, and the key from the first of these files that is there. */
function readIdentity(certFile: string, keyFiles: readonly string[], passphrase: string | undefined): Identity | Unusable {
  const unusable = (message: string, file: string): Unusable => ({ problem: { severity: 'error', message, file } })
  let reading = certFile
  try {
    const chain = pemBlocks(readFileSync(certFile, 'latin1'), 'CERTIFICATE')
    if (chain[0] === undefined) return unusable('no certificate in it', certFile)
    const leaf = parseCertificate(chain[0])
    const keyFile = keyFiles.find((file) => statSync(file, { throwIfNoEntry: false }) !== undefined) ?? keyFiles[0]!
    reading = keyFile
    const keyPem = readFileSync(keyFile, 'latin1')
    if (!keyPem.includes('PRIVATE KEY-----')) {
      return keyFile === certFile ? unusable(`its key ${keyFiles[0]} is missing`, certFile) : unusable('no key in it', keyFile)
    }
    const key = createPrivateKey(passphrase === undefined ? keyPem : { key: keyPem, passphrase })
    if (publicKeyOf(leaf.spki)?.equals(createPublicKey(key)) !== true)
      return unusable(`the key does not fit ${basename(certFile)}`, keyFile)
    return { certFile, keyFile, chainPem: chain.map((der) => pemOf(der, 'CERTIFICATE')).join(''), keyPem, passphrase, leaf }
  } catch (error) {
    return unusable(error instanceof DerError ? `not a certificate: ${error.message}` : reasonOf(error), reading)
  }
}

/** Every name, as keys of the index: lower case, A-labels, a wildcard as it is. */
function namesIn({ names }: Certificate): ReadonlySet<string> {
  const services = names.srv.flatMap((name) => /^_xmpp-(?:server|client)\.(.+)$/i.exec(name)?.[1] ?? [])
  const addresses = names.xmpp.flatMap((name) => domainToAscii(name) ?? [])
  return new Set([...names.dns, ...services, ...addresses].map((name) => name.toLowerCase()))
}

const DAY_MS = 86_400_000
/** Renewal is due long before. */
const SOON_MS = 21 * DAY_MS

function checkIdentity(identity: Identity, domain: string, nowMs: number): Problem[] {
  const { leaf, certFile, keyFile } = identity
  const problems: Problem[] = []
  const warn = (message: string, file: string): number => problems.push({ severity: 'warning', message, file })
  if (nowMs > leaf.notAfterMs) warn(`the certificate of ${domain} has expired`, certFile)
  else if (nowMs < leaf.notBeforeMs) warn(`the certificate of ${domain} is not valid yet`, certFile)
  else if (leaf.notAfterMs - nowMs < SOON_MS) {
    warn(`the certificate of ${domain} expires in ${Math.floor((leaf.notAfterMs - nowMs) / DAY_MS)} days`, certFile)
  }
  const names = namesIn(leaf)
  const ascii = domainToAscii(domain) ?? domain
  if (!names.has(ascii) && !names.has(`*.${ascii.slice(ascii.indexOf('.') + 1)}`)) {
    warn(`the certificate does not name ${domain}: peers that check will refuse it`, certFile)
  }
  const mode = statSync(keyFile, { throwIfNoEntry: false })?.mode ?? 0
  if ((mode & 0o027) !== 0) {
    const advice = `chmod 600 ${basename(keyFile)} in ${dirname(keyFile)}`
    warn(
      `THE PRIVATE KEY OF ${domain} IS OPEN TO OTHERS (mode ${(mode & 0o777).toString(8).padStart(4, '0')}): ${advice}`,
      keyFile,
    )
  }
  return problems
}
