import type { AccountProvider } from '../core/accounts.ts'
import type { SaslAnswer, SaslQuestion } from '../protocol/sasl/mechanism.ts'

const UNABLE: SaslAnswer = { kind: 'failed', condition: 'temporary-auth-failure', text: 'the accounts cannot be read just now' }

/** What a SASL mechanism asks, from the accounts of its host. Never rejects: accounts that cannot be read are an answer. */
export async function answerSasl(accounts: AccountProvider | undefined, question: SaslQuestion): Promise<SaslAnswer> {
  if (accounts === undefined) return UNABLE
  try {
    if (question.kind === 'check-password') {
      return { kind: 'password', valid: await accounts.verify(question.username, question.password) }
    }
    const { keys } = await accounts.scramKeys(question.username, question.hash === 'sha1' ? 'sha-1' : 'sha-256')
    return { kind: 'scram-keys', keys }
  } catch {
    return UNABLE
  }
}
