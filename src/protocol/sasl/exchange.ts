import { anonymous } from './anonymous.ts'
import { failure, type SaslAnswer, type SaslFacts, type SaslMechanism, type Turn } from './mechanism.ts'
import { type PlainExchange, plainChecked, plainMessage } from './plain.ts'
import { type ScramExchange, scramFinal, scramFirst, scramKeys } from './scram.ts'

/** Where an authentication stands, whatever its mechanism. Plain data. */
export type Exchange = ScramExchange | PlainExchange | { readonly by: 'anonymous'; readonly at: 'trace' }

export function beginExchange(mechanism: SaslMechanism): Exchange {
  switch (mechanism) {
    case 'SCRAM-SHA-256-PLUS':
      return { by: 'scram', at: 'first', hash: 'sha256', plus: true }
    case 'SCRAM-SHA-1-PLUS':
      return { by: 'scram', at: 'first', hash: 'sha1', plus: true }
    case 'SCRAM-SHA-256':
      return { by: 'scram', at: 'first', hash: 'sha256', plus: false }
    case 'SCRAM-SHA-1':
      return { by: 'scram', at: 'first', hash: 'sha1', plus: false }
    case 'PLAIN':
      return { by: 'plain', at: 'message' }
    case 'ANONYMOUS':
      return { by: 'anonymous', at: 'trace' }
  }
}

/** Must the client speak first? Then an `<auth/>` without an initial response gets an empty challenge (RFC 6120 §6.4.2). */
export const needsMessage = (exchange: Exchange): boolean => exchange.by !== 'anonymous'

/** The client's next message. */
export function receive(exchange: Exchange, facts: SaslFacts, data: Uint8Array): Turn<Exchange> {
  if (exchange.by === 'anonymous') return anonymous(facts)
  if (exchange.by === 'plain' && exchange.at === 'message') return plainMessage(facts, data)
  if (exchange.by === 'scram' && exchange.at === 'first') return scramFirst(exchange, facts, data)
  if (exchange.by === 'scram' && exchange.at === 'final') return scramFinal(exchange, data)
  return failure('malformed-request') // while the accounts are asked nothing is read
}

/** What the accounts say. */
export function answered(exchange: Exchange, facts: SaslFacts, answer: SaslAnswer): Turn<Exchange> {
  if (exchange.by === 'plain' && exchange.at === 'checking') return plainChecked(exchange, answer)
  if (exchange.by === 'scram' && exchange.at === 'keys') return scramKeys(exchange, facts, answer)
  return failure('temporary-auth-failure') // an answer to nothing
}
