import type { StanzaKind } from '../xmpp/stanza.ts'

/** What decides whether a stanza passes between a local account and a domain under `action = "quarantine"`. */
export interface QuarantineFacts {
  readonly direction: 'in' | 'out'
  readonly kind: StanzaKind
  /** The stanza's type attribute as it is. */
  readonly type: string | undefined
  /**
   * What the account's roster says of the other address: `contact` has a subscription in some direction, `asked` is one
   * to whom the account has sent a request. The host itself and its services have no contacts.
   */
  readonly relation: 'contact' | 'asked' | 'stranger'
}

/** `error`: back to its sender. */
export type QuarantineVerdict = 'pass' | 'drop' | 'error'

const REQUESTS: readonly (string | undefined)[] = ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']
const ANSWERS: readonly (string | undefined)[] = ['subscribed', 'unsubscribed']

/**
 * Only what passes between contacts passes. A user of ours may make a contact of somebody there, and hears the answer;
 * nobody there can begin. Presence tells its sender nothing (RFC 6120 §13.10.2), and an answer is never answered.
 */
export function judgeQuarantined({ direction, kind, type, relation }: QuarantineFacts): QuarantineVerdict {
  if (relation === 'contact') return 'pass'
  if (kind === 'presence') {
    if (direction === 'out') return REQUESTS.includes(type) ? 'pass' : 'drop'
    return relation === 'asked' && ANSWERS.includes(type) ? 'pass' : 'drop'
  }
  const isAnswer = type === 'error' || (kind === 'iq' && type === 'result')
  return isAnswer ? 'drop' : 'error'
}
