import saslprep from '@mongodb-js/saslprep'
import { type Jid, makeJid, parseJid } from '../../xmpp/jid.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes as text; undefined when they are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * SASLprep (RFC 4013) of a name or password that a client presents; undefined when it is forbidden or nothing is left.
 * Presented strings are queries (RFC 3454 §7): code points newer than its Unicode 3.2 pass.
 */
export function prepareText(text: string): string | undefined {
  try {
    const prepared = saslprep(text, { allowUnassigned: true })
    return prepared === '' ? undefined : prepared
  } catch {
    return undefined
  }
}

/** Whom a prepared user name means at this domain; undefined when it cannot be an account's name. */
export function accountOf(username: string, domain: string): Jid | undefined {
  const account = makeJid(username, domain)
  return account === undefined || account.local === '' ? undefined : account
}

/** May this client act as `authzid`? Only as itself, by its bare address (RFC 6120 §6.3.8). '' stands for none. */
export function mayActAs(authzid: string, account: Jid | undefined): boolean {
  return authzid === '' || parseJid(authzid)?.equals(account) === true
}
