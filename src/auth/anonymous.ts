import { Buffer } from 'node:buffer'
import { type AccountProvider, AccountRefused } from '../core/accounts.ts'
import { madeUpKeys } from './scram-keys.ts'

/**
 * No accounts: everybody may come, under a name that is new each time (XEP-0175). Prosody's `anonymous`.
 *
 * @param random bytes from the CSPRNG
 * @param erase deletes all that is stored for a guest
 */
export function anonymous(random: (bytes: number) => Uint8Array, erase: (local: string) => Promise<void>): AccountProvider {
  const refuse = async (): Promise<never> => {
    throw new AccountRefused('this host has no accounts: everybody comes as a guest')
  }
  return {
    name: 'anonymous',
    mechanisms: ['ANONYMOUS'],
    departed: erase,
    anonymous: () => Buffer.from(random(16)).toString('hex'),
    exists: async () => false,
    scramKeys: async (local, hash) => ({ keys: madeUpKeys(random(32), local, hash, 4096), real: false }),
    verify: async () => false,
    create: refuse,
    setPassword: refuse,
    remove: refuse,
    list: async () => [],
  }
}
