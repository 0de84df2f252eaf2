import { accountCommands, CommandError } from '../admin/accounts.ts'
import type { Outcome } from '../admin/commands.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { accountAddress } from '../server/account-operations.ts'
import { controlSocketPath } from '../server/data-folder.ts'
import { keepsInMemory } from '../server/providers.ts'
import type { Jid } from '../xmpp/jid.ts'
import { configFile, refuseErrors } from './config-file.ts'
import { withStoppedServer } from './local-accounts.ts'
import { newPassword } from './password.ts'
import { askServer, report } from './running.ts'
import { Failure } from './shell.ts'
import type { Call } from './table.ts'

/** `adduser`, `passwd` and `deluser`: by the running server, or on its store while it does not run. */
export async function run(call: Call): Promise<number> {
  const { shell, command, args } = call
  const config = await loadConfig({ path: configFile(call), env: shell.env, modules: [] })
  refuseErrors(config, shell)
  const account = addressOf(args[0]!, config)
  const secrets = command.parameters.length === 1 ? [] : [args[1] ?? (await newPassword(shell, account.toString()))]
  return report(await perform(config, account, [account.toString(), ...secrets], command.name), call)
}

/** Checked before a password is asked for. */
function addressOf(text: string, config: Config): Jid {
  const domains = config.hosts.filter(({ kind }) => kind === 'virtual').map(({ domain }) => domain)
  try {
    const account = accountAddress(text, domains)
    if (config.get(account.domain, 'authentication') === 'anonymous') {
      throw new Failure(`${account.domain} has no accounts: everybody comes as a guest (authentication = "anonymous").`)
    }
    return account
  } catch (error) {
    throw error instanceof CommandError ? new Failure(error.message) : error
  }
}

async function perform(config: Config, account: Jid, args: readonly string[], name: string): Promise<Outcome> {
  const path = controlSocketPath(config)
  const answer = await askServer(path, name, args)
  if (answer !== undefined) return answer
  if (keepsInMemory(config, account.domain)) {
    throw new Failure(
      `${account.domain} keeps its accounts in memory (storage = "memory"), so that only a running server has any.`,
    )
  }
  return withStoppedServer(
    config,
    () => askServer(path, name, args),
    (accounts) => accountCommands.find((command) => command.name === name)!.run(accounts, args),
  )
}
