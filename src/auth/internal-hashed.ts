import { Buffer } from 'node:buffer'
import {
  type AccountProvider,
  AccountRefused,
  type Mechanism,
  type ScramHash,
  type ScramKeys,
  type ScramOffer,
} from '../core/accounts.ts'
import type { Collection, Store } from '../store/store.ts'
import { makeJid } from '../xmpp/jid.ts'
import { type DeriveKeys, madeUpKeys, preparePassword, SALT_BYTES, sameBytes } from './scram-keys.ts'

export interface InternalHashedOptions {
  readonly store: Store
  readonly host: string
  /** Bytes from the CSPRNG. */
  readonly random: (bytes: number) => Uint8Array
  readonly derive: DeriveKeys
  /** Of this server: the made-up keys of missing accounts come from it. */
  readonly secret: Uint8Array
  /** PBKDF2 rounds of new passwords; Prosody's `default_iteration_count`. */
  readonly iterations?: number
}

/** Bytes in base64. */
interface StoredKeys {
  readonly salt: string
  readonly iterations: number
  readonly storedKey: string
  readonly serverKey: string
}

interface StoredAccount {
  readonly scram: { readonly [H in ScramHash]?: StoredKeys }
}

/** Accounts in the store, of which only SCRAM keys are kept: never a password. Prosody's `internal_hashed`. */
export function internalHashed(options: InternalHashedOptions): AccountProvider {
  return new InternalHashed(options)
}

class InternalHashed implements AccountProvider {
  readonly name = 'internal_hashed'
  readonly mechanisms: readonly Mechanism[] = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']
  readonly #options: InternalHashedOptions
  readonly #iterations: number
  readonly #accounts: Collection<StoredAccount>

  constructor(options: InternalHashedOptions) {
    this.#options = options
    this.#iterations = options.iterations ?? 10_000
    this.#accounts = options.store.collection(options.host, 'accounts', { owner: 'account' })
  }

  async exists(local: string): Promise<boolean> {
    return (await this.#accounts.get([local])) !== undefined
  }

  async scramKeys(local: string, hash: ScramHash): Promise<ScramOffer> {
    return this.#offer(await this.#accounts.get([local]), local, hash)
  }

  async verify(local: string, password: string): Promise<boolean> {
    const prepared = preparePassword(password)
    const account = await this.#accounts.get([local])
    const { keys, real } = this.#offer(account, local, bestHash(account))
    const tried = await this.#options.derive({ ...keys, password: prepared ?? '' })
    const fits = sameBytes(tried.storedKey, keys.storedKey)
    return fits && real && prepared !== undefined
  }

  async create(local: string, password: string): Promise<boolean> {
    if (local === '' || makeJid(local, this.#options.host)?.local !== local) {
      throw new AccountRefused('this is not a name that an account may have')
    }
    if (await this.exists(local)) return false
    const account = await this.#hashed(password)
    const { store, host } = this.#options
    return store.transact([
      this.#accounts.expecting([local], undefined),
      // whoever had the name before leaves nothing to its new owner, not even what was written while it was deleted
      store.deletingOwned(host, local),
      this.#accounts.putting([local], account),
    ])
  }

  async setPassword(local: string, password: string): Promise<boolean> {
    const account = await this.#hashed(password)
    for (;;) {
      const current = await this.#accounts.get([local])
      if (current === undefined) return false
      const swap = [this.#accounts.expecting([local], current), this.#accounts.putting([local], account)]
      if (await this.#options.store.transact(swap)) return true
      // somebody else changed it meanwhile: look again, so that a removed account stays removed
    }
  }

  async remove(local: string): Promise<boolean> {
    const existed = await this.exists(local)
    if (existed) await this.#options.store.transact([this.#options.store.deletingOwned(this.#options.host, local)])
    return existed
  }

  async list(): Promise<readonly string[]> {
    return (await this.#accounts.list([])).map(({ key }) => key[0]!)
  }

  async #hashed(password: string): Promise<StoredAccount> {
    const prepared = preparePassword(password)
    if (prepared === undefined) {
      throw new AccountRefused('this password is not allowed: it is empty or has characters that passwords may not have')
    }
    const make = async (hash: ScramHash): Promise<StoredKeys> => {
      const salt = this.#options.random(SALT_BYTES)
      return freeze(await this.#options.derive({ hash, password: prepared, salt, iterations: this.#iterations }))
    }
    const [sha1, sha256] = await Promise.all([make('sha-1'), make('sha-256')])
    return { scram: { 'sha-1': sha1, 'sha-256': sha256 } }
  }

  #offer(account: StoredAccount | undefined, local: string, hash: ScramHash): ScramOffer {
    // made also when it is not needed: the same work for all
    const madeUp = madeUpKeys(this.#options.secret, `${local}@${this.#options.host}`, hash, this.#iterations)
    const stored = account?.scram[hash]
    return stored === undefined ? { keys: madeUp, real: false } : { keys: revive(hash, stored), real: true }
  }
}

/** The keys that a password is held against: an imported account may have those of one hash only. */
function bestHash(account: StoredAccount | undefined): ScramHash {
  return account?.scram['sha-256'] === undefined && account?.scram['sha-1'] !== undefined ? 'sha-1' : 'sha-256'
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

function freeze({ salt, iterations, storedKey, serverKey }: ScramKeys): StoredKeys {
  return { salt: base64(salt), iterations, storedKey: base64(storedKey), serverKey: base64(serverKey) }
}

function revive(hash: ScramHash, { salt, iterations, storedKey, serverKey }: StoredKeys): ScramKeys {
  const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64')
  return { hash, salt: bytes(salt), iterations, storedKey: bytes(storedKey), serverKey: bytes(serverKey) }
}
