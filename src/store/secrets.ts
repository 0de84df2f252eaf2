import { Buffer } from 'node:buffer'
import type { Store } from './store.ts'

/**
 * A secret of this server, 32 bytes, made at its first use and the same ever after. One name a purpose.
 *
 * @param random from the CSPRNG
 */
export async function serverSecret(store: Store, name: string, random: (bytes: number) => Uint8Array): Promise<Uint8Array> {
  const secrets = store.collection<string>('', 'secrets')
  const fresh = Buffer.from(random(32)).toString('base64')
  const made = await store.transact([secrets.expecting([name], undefined), secrets.putting([name], fresh)])
  const stored = made ? fresh : await secrets.get([name])
  return Uint8Array.from(Buffer.from(stored ?? fresh, 'base64'))
}
