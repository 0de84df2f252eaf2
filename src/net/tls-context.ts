import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Identity } from './certificates.ts'
import { type Problem, reasonOf } from './problem.ts'

/** Mozilla's server side TLS sets by Prosody's names (`tls_profile`), none of which goes below TLS 1.2 here. */
export type TlsProfile = 'modern' | 'intermediate' | 'old' | 'legacy'

/** `tls_profile` and what of the `ssl` table has a meaning for a context. What is undefined comes from the profile. */
export interface TlsSettings {
  readonly profile?: TlsProfile | undefined
  /** `ssl.protocol`; no `max` means the newest. Below TLS 1.2 nothing is ever spoken (RFC 9325 §3.1.1). */
  readonly versions?: { readonly min: TlsVersionName; readonly max?: TlsVersionName } | undefined
  /** `ssl.ciphers`: an OpenSSL list, for TLS 1.2. */
  readonly ciphers?: string | undefined
  /** `ssl.ciphersuites`: TLS 1.3 suites, `:` between. */
  readonly ciphersuites?: string | undefined
  /** `ssl.curveslist` or `ssl.curve`, best first. */
  readonly curves?: readonly string[] | undefined
  /** `ssl.dhparam`: a file, absolute path. */
  readonly dhparam?: string | undefined
}
export type TlsVersionName = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

const SUITES_13 = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'
const AEAD = [
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
].join(':')
const CBC = [
  'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA',
].join(':')

interface Profile {
  readonly min: 'TLSv1.2' | 'TLSv1.3'
  readonly ciphers: string
}
const PROFILES: Readonly<Record<TlsProfile, Profile>> = {
  modern: { min: 'TLSv1.3', ciphers: AEAD },
  intermediate: { min: 'TLSv1.2', ciphers: AEAD }, // without finite-field DHE: RFC 9325 §4.1
  old: { min: 'TLSv1.2', ciphers: `${AEAD}:${CBC}` },
  legacy: { min: 'TLSv1.2', ciphers: 'HIGH+kEECDH:HIGH:!aNULL:!PSK:!SRP:!3DES:!MD5:!CAMELLIA:!ARIA' },
}

/**
 * No renegotiation (CVE-2009-3555) and no compression. No tickets: a resumed session has lost the peer's chain, so
 * nothing could be judged. With them off TLS 1.3 falls back to a session cache, which contexts of Node do not have.
 */
const SECURE_OPTIONS =
  constants.SSL_OP_NO_RENEGOTIATION |
  constants.SSL_OP_NO_COMPRESSION |
  constants.SSL_OP_NO_TICKET |
  constants.SSL_OP_CIPHER_SERVER_PREFERENCE

export interface ContextResult {
  /** undefined when an error is among the problems. */
  readonly context: SecureContext | undefined
  readonly problems: readonly Problem[]
}

/**
 * The TLS context of one host, for both sides of a connection. It trusts nobody: peers' chains are judged by
 * chain.ts, so sockets must be made with `rejectUnauthorized: false`.
 *
 * @param identity undefined for a host without certificate, which can only dial
 */
export function tlsContext(identity: Identity | undefined, settings: TlsSettings = {}): ContextResult {
  const problems: Problem[] = []
  const versions = versionsOf(settings, problems)
  if (versions === undefined) return { context: undefined, problems }
  try {
    const options = { ...optionsOf(settings), ...versions, ...(identity === undefined ? {} : shownBy(identity)) }
    return { context: createSecureContext(options), problems }
  } catch (error) {
    problems.push({ severity: 'error', message: `TLS cannot be set up: ${reasonOf(error)}`, file: identity?.certFile })
    return { context: undefined, problems }
  }
}

function shownBy(identity: Identity): SecureContextOptions {
  const { chainPem: cert, keyPem: key, passphrase } = identity
  return passphrase === undefined ? { cert, key } : { cert, key, passphrase }
}

function optionsOf(settings: TlsSettings): SecureContextOptions {
  const { ciphers } = PROFILES[settings.profile ?? 'intermediate']
  return {
    ca: [], // else Node loads every public CA, for a verdict that nobody asks for
    secureOptions: SECURE_OPTIONS,
    ciphers: `${settings.ciphersuites ?? SUITES_13}:${settings.ciphers ?? ciphers}`,
    ecdhCurve: settings.curves?.join(':') ?? 'auto',
    ...(settings.dhparam === undefined ? {} : { dhparam: readFileSync(settings.dhparam) }),
  }
}

const ORDER: readonly TlsVersionName[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

function versionsOf(
  settings: TlsSettings,
  problems: Problem[],
): { minVersion: TlsVersionName; maxVersion: TlsVersionName } | undefined {
  const { min: asked, max = 'TLSv1.3' } = settings.versions ?? { min: PROFILES[settings.profile ?? 'intermediate'].min }
  const old = (version: TlsVersionName): boolean => ORDER.indexOf(version) < ORDER.indexOf('TLSv1.2')
  if (old(max)) {
    problems.push({
      severity: 'error',
      message: `ssl.protocol allows nothing newer than ${max}; TLS 1.2 is the oldest that is spoken`,
    })
    return undefined
  }
  if (old(asked))
    problems.push({ severity: 'warning', message: `ssl.protocol allows ${asked}; TLS 1.2 is the oldest that is spoken` })
  return { minVersion: old(asked) ? 'TLSv1.2' : asked, maxVersion: max }
}

/**
 * For direct TLS: finds the context of the name that a client asks for; undefined when it is none of ours
 * (`unrecognized_name`). Total on whatever a ClientHello holds.
 *
 * @param contexts by A-label
 */
export function contextByName(contexts: ReadonlyMap<string, SecureContext>): (serverName: string) => SecureContext | undefined {
  return (serverName) => contexts.get(serverName.toLowerCase())
}
