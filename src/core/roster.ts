import type { Jid } from '../xmpp/jid.ts'

/** What the module `roster` publishes to the core and to other modules of its host. */
export interface RosterService {
  /** Does the account share its presence with this address (subscription `from` or `both`)? False where it cannot be told. */
  isWatcher(local: string, watcher: Jid): boolean | Promise<boolean>
  [more: string]: unknown
}
