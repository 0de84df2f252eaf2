import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import type { ScramHash, ScramKeys } from '../../src/protocol/sasl/mechanism.ts'

const hmac = (hash: ScramHash, key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest()

/** What a server would keep of a password. */
export function keysOf(hash: ScramHash, password: string, salt: Uint8Array, iterations: number): ScramKeys {
  const salted = pbkdf2Sync(password, salt, iterations, hash === 'sha1' ? 20 : 32, hash)
  const storedKey = createHash(hash)
    .update(hmac(hash, salted, 'Client Key'))
    .digest()
  return { salt, iterations, storedKey, serverKey: hmac(hash, salted, 'Server Key') }
}

export interface ScramClientOptions {
  readonly hash: ScramHash
  readonly username: string
  readonly password: string
  readonly nonce: string
  /** With its commas: `n,,`, `y,,`, `p=tls-exporter,,`, `n,a=romeo@example.org,`. */
  readonly gs2: string
  readonly binding?: Uint8Array
}

/** The client's half of RFC 5802, written from its formulas and apart from the server's code. */
export class ScramClient {
  readonly #options: ScramClientOptions
  #signature = ''

  constructor(options: ScramClientOptions) {
    this.#options = options
  }

  get #bare(): string {
    return `n=${this.#options.username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${this.#options.nonce}`
  }

  first(): string {
    return this.#options.gs2 + this.#bare
  }

  /** The client-final message that answers the server's first. */
  final(serverFirst: string): string {
    const { hash, password, gs2, binding } = this.#options
    const [nonce, salt, iterations] = serverFirst.split(',').map((part) => part.slice(2))
    const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), hash === 'sha1' ? 20 : 32, hash)
    const clientKey = hmac(hash, salted, 'Client Key')
    const bound = Buffer.concat([Buffer.from(gs2), binding ?? Buffer.alloc(0)]).toString('base64')
    const message = `${this.#bare},${serverFirst},c=${bound},r=${nonce}`
    const proof = hmac(hash, createHash(hash).update(clientKey).digest(), message).map((byte, i) => byte ^ clientKey[i]!)
    this.#signature = `v=${hmac(hash, hmac(hash, salted, 'Server Key'), message).toString('base64')}`
    return `c=${bound},r=${nonce},p=${Buffer.from(proof).toString('base64')}`
  }

  /** Does this come from a server that has our keys? */
  verify(serverFinal: string): boolean {
    return this.#signature !== '' && serverFinal === this.#signature
  }
}
