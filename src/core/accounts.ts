export type ScramHash = 'sha-1' | 'sha-256'

/** What a server keeps of a password (RFC 5802 §3). */
export interface ScramKeys {
  readonly hash: ScramHash
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** `real` false: made up for an account that is not there; the exchange goes on as usual and must fail at its end. */
export interface ScramOffer {
  readonly keys: ScramKeys
  readonly real: boolean
}

/** SCRAM includes its -PLUS form: channel binding is the stream's business. In the order that we prefer. */
export type Mechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-1' | 'PLAIN' | 'ANONYMOUS'

/** What was asked for cannot be; the message says why, in words for the person who asked. */
export class AccountRefused extends Error {
  override readonly name = 'AccountRefused'
}

/**
 * Where the accounts of one host are. `local` is a local part in enforced form (RFC 7622 §3.3); passwords are as typed,
 * the provider prepares them. A failing store is a StoreError from every method.
 */
export interface AccountProvider {
  readonly name: string
  readonly mechanisms: readonly Mechanism[]
  exists(local: string): Promise<boolean>
  /** The keys of an account; for one that is not there, the same made-up ones each time, so that nobody can tell. */
  scramKeys(local: string, hash: ScramHash): Promise<ScramOffer>
  /** Costs the same whether the account is there or not. */
  verify(local: string, password: string): Promise<boolean>
  /** A local part for somebody without an account; absent where nobody may come so. */
  readonly anonymous?: () => string
  /** The last session of somebody who cannot come back has ended: what was stored for them goes. Only with `anonymous`. */
  readonly departed?: (local: string) => Promise<void>
  /** false when it is there already. Throws {@link AccountRefused} when name or password is not allowed. */
  create(local: string, password: string): Promise<boolean>
  /** false when there is no such account. Throws {@link AccountRefused} when the password is not allowed. */
  setPassword(local: string, password: string): Promise<boolean>
  /** The account and everything stored that it owns. false when it was not there. Its sessions are the caller's to end. */
  remove(local: string): Promise<boolean>
  /** Local parts, in the order of the store. */
  list(): Promise<readonly string[]>
}
