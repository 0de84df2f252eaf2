import { type Accounts, CommandError } from '../admin/accounts.ts'
import { type AccountProvider, AccountRefused } from '../core/accounts.ts'
import { StoreError } from '../store/store.ts'
import { type Jid, parseJid } from '../xmpp/jid.ts'

/** What the account commands need: the domains with accounts, and what must end when an account changes. */
export interface AccountHosts {
  readonly domains: () => readonly string[]
  provider(domain: string): AccountProvider | undefined
  /** The account is new, or its password is: caches are forgotten, sessions that began with the old one end. */
  changed(account: Jid, how: 'created' | 'password'): void
  /** Called before an account is deleted; what it gives is run when that is done, and ends sessions and friendships. */
  removing(account: Jid): Promise<() => void>
}

/** adduser, passwd and deluser, the same whether the server runs or not. Every refusal is one sentence. */
export function accountOperations(hosts: AccountHosts): Accounts {
  return {
    createAccount: (address, password) =>
      plainly(async () => {
        const { account, provider } = find(hosts, address)
        if (!(await provider.create(account.local, password))) throw new CommandError(`There is an account ${account} already.`)
        hosts.changed(account, 'created')
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
        const removed = await hosts.removing(account)
        if (!(await provider.remove(account.local))) throw new CommandError(`There is no account ${account}.`)
        removed()
      }),
  }
}

function find(hosts: AccountHosts, address: string): { account: Jid; provider: AccountProvider } {
  const account = accountAddress(address, hosts.domains())
  const provider = hosts.provider(account.domain)
  if (provider === undefined) throw notServed(account.domain, hosts.domains())
  return { account, provider }
}

/** The address of an account of one of the domains, prepared. @throws {CommandError} when it is none */
export function accountAddress(address: string, domains: readonly string[]): Jid {
  const account = parseJid(address)
  if (account === undefined || account.local === '' || account.resource !== '') {
    throw new CommandError(`${JSON.stringify(address)} is not the address of an account: it has the form name@domain.`)
  }
  if (!domains.includes(account.domain)) throw notServed(account.domain, domains)
  return account
}

function notServed(domain: string, domains: readonly string[]): CommandError {
  return new CommandError(`${domain} is not a host with accounts here; there is ${domains.join(', ') || 'none'}.`)
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
