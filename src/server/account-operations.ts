import { type Accounts, CommandError } from '../admin/accounts.ts'
import { type AccountProvider, AccountRefused } from '../core/accounts.ts'
import { StoreError } from '../store/store.ts'
import { type Jid, parseJid } from '../xmpp/jid.ts'

/** What the account commands need: the domains with accounts, and what must end when an account changes. */
export interface AccountHosts {
  readonly domains: () => readonly string[]
  provider(domain: string): AccountProvider | undefined
  /** A password was changed, or the account is gone: its sessions end, its caches are forgotten. */
  changed(account: Jid, how: 'password' | 'removed'): void
}

/** adduser, passwd and deluser, the same whether the server runs or not. Every refusal is one sentence. */
export function accountOperations(hosts: AccountHosts): Accounts {
  return {
    createAccount: (address, password) =>
      plainly(async () => {
        const { account, provider } = find(hosts, address)
        if (!(await provider.create(account.local, password))) throw new CommandError(`There is an account ${account} already.`)
      }),
    setPassword: (address, password) =>
      plainly(async () => {
        const { account, provider } = find(hosts, address)
        if (!(await provider.setPassword(account.local, password))) throw new CommandError(`There is no account ${account}.`)
        hosts.changed(account, 'password')
      }),
    removeAccount: (address) =>
      plainly(async () => {
        const { account, provider } = find(hosts, address)
        if (!(await provider.remove(account.local))) throw new CommandError(`There is no account ${account}.`)
        hosts.changed(account, 'removed')
      }),
  }
}

function find(hosts: AccountHosts, address: string): { account: Jid; provider: AccountProvider } {
  const account = parseJid(address)
  if (account === undefined || account.local === '' || account.resource !== '') {
    throw new CommandError(`${JSON.stringify(address)} is not the address of an account: it has the form name@domain.`)
  }
  const provider = hosts.provider(account.domain)
  if (provider === undefined) {
    throw new CommandError(
      `${account.domain} is not a host with accounts here; there is ${hosts.domains().join(', ') || 'none'}.`,
    )
  }
  return { account, provider }
}

async function plainly(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (error instanceof AccountRefused) throw new CommandError(error.message)
    if (error instanceof StoreError) throw new CommandError(`The accounts cannot be stored: ${error.message}.`)
    throw error
  }
}
