import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { systemClock } from '../net/clock.ts'
import { lockDataFolder } from '../store/lock.ts'
import { openMemoryStore } from '../store/memory.ts'
import { serverSecret } from '../store/secrets.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { RotatingSecret } from './rotating-secret.ts'

/** The locked data folder with the stores in it, and the secrets of the server. */
export interface DataFolder {
  readonly internal: Store
  /** What `storage = "memory"` means: gone at the end. */
  readonly memory: Store
  readonly dialback: RotatingSecret
  readonly scramSecret: Uint8Array
  close(): Promise<void>
}

/**
 * Takes the data folder for this process. Rejects with one sentence when it is not to be had.
 *
 * @param failed the store would not take another dialback secret
 */
export async function openDataFolder(
  config: Config,
  random: (bytes: number) => Uint8Array,
  failed: (error: unknown) => void = () => {},
): Promise<DataFolder> {
  const folder = config.get(undefined, 'data_path')
  const lock = lockDataFolder(folder)
  let internal: Store | undefined
  try {
    internal = openSqliteStore(folder, { synchronous: config.get(undefined, 'storage_synchronous') })
    const memory = openMemoryStore()
    const opened = internal
    const dialback = await RotatingSecret.open({
      store: opened,
      clock: systemClock,
      random,
      failed,
    })
    return {
      internal: opened,
      memory,
      dialback,
      scramSecret: await serverSecret(opened, 'scram', random),
      close: async () => {
        dialback.dispose()
        await dialback.settled
        await opened.close()
        lock.dispose()
      },
    }
  } catch (error) {
    await internal?.close()
    lock.dispose()
    throw error
  }
}

/** Where the control socket is: in the data folder unless `admin_socket` says otherwise. */
export function controlSocketPath(config: Config): string {
  return config.get(undefined, 'admin_socket') ?? join(config.get(undefined, 'data_path'), 'entente.sock')
}

/** What an operator should mend, said at every start. */
export function warnings(config: Config, uid: number | undefined): readonly string[] {
  const found: string[] = []
  const folder = config.get(undefined, 'data_path')
  const mode = (statSync(folder).mode & 0o777).toString(8)
  if ((statSync(folder).mode & 0o077) !== 0) found.push(`THE DATA FOLDER IS OPEN TO OTHERS (mode 0${mode}): chmod 700 ${folder}`)
  if (uid === 0 && !config.get(undefined, 'run_as_root')) {
    found.push('running as root: give the server a user of its own; run_as_root = true silences this')
  }
  return found
}
