import type { Element } from '../xmpp/element.ts'
import type { StreamHeader } from '../xmpp/framer.ts'
import type { Stanza } from '../xmpp/stanza.ts'

/** Looks over the shoulder of a stream. It changes nothing and throws nothing. */
export interface Tap {
  /** `string`: XML that a machine of ours has written. */
  saw(direction: 'in' | 'out', what: StreamHeader | Element | Stanza | string): void
  note(text: string): void
}
