import type { SaslCondition } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'

export const SASL_MECHANISMS = [
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-1-PLUS',
  'SCRAM-SHA-256',
  'SCRAM-SHA-1',
  'PLAIN',
  'ANONYMOUS',
] as const
export type SaslMechanism = (typeof SASL_MECHANISMS)[number]

export const CHANNEL_BINDINGS = ['tls-exporter', 'tls-server-end-point'] as const
export type ChannelBinding = (typeof CHANNEL_BINDINGS)[number]

/** By the name that Node's crypto gives it. */
export type ScramHash = 'sha1' | 'sha256'

/** What the server keeps instead of a password (RFC 5802 §3). */
export interface ScramKeys {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/**
 * What a mechanism asks the accounts. `username` is an account's local part, or a text that no account can have.
 * For a name without an account `scram-keys` is answered with invented keys that stay the same for that name, so that
 * nobody sees the difference.
 */
export type SaslQuestion =
  | { readonly kind: 'scram-keys'; readonly username: string; readonly hash: ScramHash }
  | { readonly kind: 'check-password'; readonly username: string; readonly password: string }

export type SaslAnswer =
  | { readonly kind: 'scram-keys'; readonly keys: ScramKeys }
  | { readonly kind: 'password'; readonly valid: boolean }
  /** The accounts cannot say (`temporary-auth-failure`) or the account may not be used (`account-disabled`). */
  | { readonly kind: 'failed'; readonly condition: SaslCondition; readonly text?: string | undefined }

/** What a mechanism knows of the stream it runs on. */
export interface SaslFacts {
  readonly domain: string
  /** Was a -PLUS mechanism offered on this stream? */
  readonly plusOffered: boolean
  /** The bytes of a channel binding; undefined for one that was not offered. */
  binding(name: string): Uint8Array | undefined
  /** From a CSPRNG. */
  random(lengthBytes: number): Uint8Array
}

/** What a mechanism wants next; `S` is its state until then. */
export type Turn<S> =
  | { readonly turn: 'challenge'; readonly data: Uint8Array; readonly exchange: S }
  | { readonly turn: 'ask'; readonly question: SaslQuestion; readonly exchange: S }
  | {
      readonly turn: 'success'
      readonly account: Jid
      readonly data: Uint8Array | undefined
      readonly binding: ChannelBinding | undefined
    }
  | {
      readonly turn: 'failure'
      readonly condition: SaslCondition
      readonly text: string
      readonly username: string | undefined
    }

export const failure = (condition: SaslCondition, text = '', username?: string): Turn<never> => ({
  turn: 'failure',
  condition,
  text,
  username,
})
