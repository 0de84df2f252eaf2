import type { Accounts } from '../admin/accounts.ts'
import type { Router } from '../core/router.ts'
import type { Clients } from '../streams/clients.ts'
import { StreamError } from '../xmpp/errors.ts'
import { accountOperations } from './account-operations.ts'

/** The operations on accounts while the server runs: what changes takes effect on those who are connected. */
export function liveAccounts(domains: () => readonly string[], router: Router, clients: Clients): Accounts {
  return accountOperations({
    domains,
    provider: (domain) => router.hosts.get(domain)?.accounts,
    changed: (account, how) => {
      if (how === 'created') router.hosts.get(account.domain)?.rosters.forget(account.local)
      // whoever had the old password is out; the user's own clients come back with the new one
      else clients.endAccount(account, new StreamError('reset', 'the password was changed'))
    },
    removing: async (account) => {
      const host = router.hosts.get(account.domain)
      const roster = await host?.rosters.of(account.local)
      return () => {
        clients.endAccount(account, new StreamError('not-authorized', 'the account was deleted'))
        if (host !== undefined && roster !== undefined) router.accountRemoved(host, account.local, roster)
      }
    },
  })
}
