import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Accounts } from '../admin/accounts.ts'
import type { Outcome } from '../admin/commands.ts'
import type { Config } from '../config/config.ts'
import { accountOperations } from '../server/account-operations.ts'
import { type DataFolder, openDataFolder } from '../server/data-folder.ts'
import { Providers } from '../server/providers.ts'
import { FolderInUse } from '../store/lock.ts'
import { StoreError } from '../store/store.ts'
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
  patienceMs = PATIENCE_MS,
): Promise<Outcome> {
  const end = performance.now() + patienceMs
  for (;;) {
    const data = await take(config, performance.now() >= end)
    if (data !== undefined) return work(accountsIn(data, config)).finally(() => data.close())
    await pause(LOOK_MS)
    const answer = await ask()
    if (answer !== undefined) return answer
  }
}

/** undefined while somebody else has the folder, unless this is the last try. */
async function take(config: Config, last: boolean): Promise<DataFolder | undefined> {
  try {
    return await openDataFolder(config, randomBytes)
  } catch (error) {
    if (error instanceof FolderInUse && !last) return undefined
    throw error instanceof StoreError ? new Failure(`${error.message}.`) : error
  }
}

function accountsIn(data: DataFolder, config: Config): Accounts {
  const hosts = config.hosts.filter(({ kind }) => kind === 'virtual')
  const providers = new Providers(randomBytes)
  providers.use(data)
  return accountOperations({
    domains: () => hosts.map(({ domain }) => domain),
    provider: (domain) => {
      const host = hosts.find((one) => one.domain === domain)
      return host === undefined ? undefined : providers.accounts(config, host)
    },
    changed: () => {}, // nobody is connected
    removing: async () => () => {},
  })
}
