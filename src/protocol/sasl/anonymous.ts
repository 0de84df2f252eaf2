import { failure, type SaslFacts, type Turn } from './mechanism.ts'
import { accountOf } from './prepare.ts'

/** RFC 4505; XEP-0175: whoever asks gets a name that nobody can guess. The trace information is not looked at. */
export function anonymous(facts: SaslFacts): Turn<never> {
  const account = accountOf(Buffer.from(facts.random(16)).toString('hex'), facts.domain)
  if (account === undefined) return failure('temporary-auth-failure')
  return { turn: 'success', account, data: undefined, binding: undefined }
}
