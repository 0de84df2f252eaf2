import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { saslprep } from '@mongodb-js/saslprep'
import type { ScramHash, ScramKeys } from '../core/accounts.ts'

const HASHES = {
  'sha-1': { digest: 'sha1', bytes: 20 },
  'sha-256': { digest: 'sha256', bytes: 32 },
} as const satisfies { readonly [H in ScramHash]: unknown }

export const SALT_BYTES = 16

/** What keys are made from; `password` is prepared. */
export interface KeyRequest {
  readonly hash: ScramHash
  readonly password: string
  readonly salt: Uint8Array
  readonly iterations: number
}

export type DeriveKeys = (request: KeyRequest) => Promise<ScramKeys>

/**
 * Derives keys (RFC 5802 §3) in Node's thread pool, at most so many at a time, so that a flood of log-ins leaves
 * threads for file and name look-ups. Others wait in order. One for the whole process.
 */
export function createKeyDerivation(atOnce: number): DeriveKeys {
  let running = 0
  const waiting: (() => void)[] = []
  return async (request) => {
    if (running < atOnce) running++
    else await new Promise<void>((resolve) => waiting.push(resolve)) // is handed the place of the one that ended
    try {
      return await deriveKeys(request)
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

const pbkdf2Async = promisify(pbkdf2)

async function deriveKeys({ hash, password, salt, iterations }: KeyRequest): Promise<ScramKeys> {
  const { digest, bytes } = HASHES[hash]
  const salted = await pbkdf2Async(password, salt, iterations, bytes, digest)
  const hmac = (text: string): Buffer => createHmac(digest, salted).update(text).digest()
  const storedKey = createHash(digest).update(hmac('Client Key')).digest()
  return { hash, salt, iterations, storedKey, serverKey: hmac('Server Key') }
}

/**
 * Keys of an account that is not there: the same each time for one name, and no password fits them. Salts look like
 * those of real accounts.
 *
 * @param secret of this server, never shown
 */
export function madeUpKeys(secret: Uint8Array, account: string, hash: ScramHash, iterations: number): ScramKeys {
  const { digest, bytes } = HASHES[hash]
  const part = (what: string, length: number): Uint8Array =>
    createHmac('sha256', secret).update(`${what}\0${digest}\0${account}`).digest().subarray(0, length)
  return {
    hash,
    salt: part('salt', SALT_BYTES),
    iterations,
    storedKey: part('stored key', bytes),
    serverKey: part('server key', bytes),
  }
}

/** A password as SCRAM uses it (RFC 5802 §2.2, SASLprep of RFC 4013); undefined when it is not allowed or empty. */
export function preparePassword(password: string): string | undefined {
  try {
    return saslprep(password) || undefined
  } catch {
    return undefined
  }
}

/** In constant time for one length. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
