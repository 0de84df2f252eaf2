import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Accounts } from '../admin/accounts.ts'
import type { Outcome } from '../admin/commands.ts'
import { internalHashed } from '../auth/internal-hashed.ts'
import { createKeyDerivation } from '../auth/scram-keys.ts'
import type { Config } from '../config/config.ts'
import { accountOperations } from '../server/account-operations.ts'
import { FolderInUse, lockDataFolder } from '../store/lock.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { type Store, StoreError } from '../store/store.ts'
import { Failure } from './shell.ts'

/** Another command has the folder for a moment; a server that starts has it before it listens, one that stops after. */
const PATIENCE_MS = 7_000
const LOOK_MS = 25

/**
 * Does `work` on the store of a server that does not run, or has `ask` answered by one that meanwhile does.
 *
 * @throws {Failure} when the folder is in use and nobody answers, or cannot be used
 */
export async function withStoppedServer(
  config: Config,
  ask: () => Promise<Outcome | undefined>,
  work: (accounts: Accounts) => Promise<Outcome>,
): Promise<Outcome> {
  const end = performance.now() + PATIENCE_MS
  try {
    for (;;) {
      const lock = tryLock(config.get(undefined, 'data_path'), performance.now() >= end)
      if (lock !== undefined) return await onStore(config, lock, work)
      await pause(LOOK_MS)
      const answer = await ask()
      if (answer !== undefined) return answer
    }
  } catch (error) {
    throw error instanceof StoreError ? new Failure(`${error.message}.`) : error
  }
}

function tryLock(folder: string, last: boolean): Lock | undefined {
  try {
    return lockDataFolder(folder)
  } catch (error) {
    if (error instanceof FolderInUse && !last) return undefined
    throw error
  }
}

type Lock = ReturnType<typeof lockDataFolder>

async function onStore(config: Config, lock: Lock, work: (accounts: Accounts) => Promise<Outcome>): Promise<Outcome> {
  try {
    const store = openSqliteStore(config.get(undefined, 'data_path'), {
      synchronous: config.get(undefined, 'storage_synchronous'),
    })
    try {
      return await work(accountsIn(store, config))
    } finally {
      await store.close()
    }
  } finally {
    lock.dispose()
  }
}

function accountsIn(store: Store, config: Config): Accounts {
  const derive = createKeyDerivation(2)
  // log-ins need the server's secret; to write an account none is needed
  const secret = randomBytes(32)
  return accountOperations({
    domains: () => config.hosts.filter(({ kind }) => kind === 'virtual').map(({ domain }) => domain),
    provider: (host) => internalHashed({ store, host, random: randomBytes, derive, secret }),
    changed: () => {}, // nobody is connected
  })
}
