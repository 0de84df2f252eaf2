import { anonymous } from '../auth/anonymous.ts'
import { internalHashed } from '../auth/internal-hashed.ts'
import { createKeyDerivation } from '../auth/scram-keys.ts'
import type { Config, Host } from '../config/config.ts'
import type { AccountProvider } from '../core/accounts.ts'
import type { Store } from '../store/store.ts'
import type { DataFolder } from './data-folder.ts'

/** PBKDF2 runs in Node's four pool threads; two stay free for files and name look-ups. */
const DERIVATIONS_AT_ONCE = 2

/** The stores and account providers that `storage` and `authentication` name. */
export class Providers {
  readonly #random: (bytes: number) => Uint8Array
  readonly #derive = createKeyDerivation(DERIVATIONS_AT_ONCE)
  #data: Pick<DataFolder, 'internal' | 'memory' | 'scramSecret'> | undefined

  constructor(random: (bytes: number) => Uint8Array) {
    this.#random = random
  }

  use(data: Pick<DataFolder, 'internal' | 'memory' | 'scramSecret'>): void {
    this.#data = data
  }

  store(config: Config, domain: string): Store {
    return keepsInMemory(config, domain) ? this.#data!.memory : this.#data!.internal
  }

  accounts(config: Config, { kind, domain }: Host): AccountProvider | undefined {
    if (kind === 'component') return undefined
    const store = this.store(config, domain)
    if (config.get(domain, 'authentication') === 'anonymous') {
      return anonymous(this.#random, async (local) => void (await store.transact([store.deletingOwned(domain, local)])))
    }
    return internalHashed({
      store,
      host: domain,
      random: this.#random,
      derive: this.#derive,
      secret: this.#data!.scramSecret,
    })
  }
}

/** Whether what a host stores is gone when the server ends. */
export function keepsInMemory(config: Config, domain: string): boolean {
  const storage = config.get(domain, 'storage')
  // the configuration's check lets a table pass only when it names one place for everything
  return (typeof storage === 'string' ? storage : storage.values().next().value) === 'memory'
}
