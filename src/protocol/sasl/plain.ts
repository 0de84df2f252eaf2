import type { Jid } from '../../xmpp/jid.ts'
import { failure, type SaslAnswer, type SaslFacts, type Turn } from './mechanism.ts'
import { accountOf, decodeText, mayActAs, prepareText } from './prepare.ts'

/** RFC 4616: one message, then the accounts say whether the password is right. */
export type PlainExchange =
  | { readonly by: 'plain'; readonly at: 'message' }
  | { readonly by: 'plain'; readonly at: 'checking'; readonly account: Jid | undefined; readonly username: string }

export function plainMessage(facts: SaslFacts, data: Uint8Array): Turn<PlainExchange> {
  const parts = decodeText(data)?.split('\0')
  if (parts?.length !== 3) return failure('malformed-request', 'PLAIN is authzid NUL user NUL password')
  const [authzid, presented, secret] = parts as [string, string, string] // the length was tested
  if (presented === '' || secret === '') return failure('malformed-request', 'PLAIN needs a user name and a password')
  const username = prepareText(presented)
  const password = prepareText(secret)
  if (username === undefined || password === undefined) return failure('not-authorized', '', presented)
  const account = accountOf(username, facts.domain)
  if (!mayActAs(authzid, account)) return failure('invalid-authzid', '', username)
  return {
    turn: 'ask',
    question: { kind: 'check-password', username: account?.local ?? username, password },
    exchange: { by: 'plain', at: 'checking', account, username },
  }
}

export function plainChecked(at: PlainExchange & { at: 'checking' }, answer: SaslAnswer): Turn<PlainExchange> {
  if (answer.kind === 'failed') return failure(answer.condition, answer.text, at.username)
  if (answer.kind !== 'password' || !answer.valid || at.account === undefined) return failure('not-authorized', '', at.username)
  return { turn: 'success', account: at.account, data: undefined, binding: undefined }
}
