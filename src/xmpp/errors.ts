import { type Element, el } from './element.ts'
import { NS } from './ns.ts'

export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait'

/** RFC 6120 §8.3.3: every stanza error condition and the type it carries unless the text says otherwise. */
export const STANZA_CONDITIONS = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const satisfies Readonly<Record<string, StanzaErrorType>>
export type StanzaCondition = keyof typeof STANZA_CONDITIONS

/** An answer that the sender is meant to see. Anything else thrown becomes `internal-server-error`: logged, never sent. */
export class StanzaError extends Error {
  override readonly name = 'StanzaError'
  readonly condition: StanzaCondition
  readonly type: StanzaErrorType
  readonly text: string
  /** An application-specific condition to stand beside the defined one (RFC 6120 §8.3.4). */
  readonly extra: Element | undefined

  constructor(condition: StanzaCondition, text = '', options: { type?: StanzaErrorType; extra?: Element; cause?: unknown } = {}) {
    super(text || condition, options.cause === undefined ? undefined : { cause: options.cause })
    this.condition = condition
    this.text = text
    this.type = options.type ?? STANZA_CONDITIONS[condition]
    this.extra = options.extra
  }

  toElement(): Element {
    const text = this.text ? el('text', NS.stanzaErrors, { 'xml:lang': 'en' }, this.text) : undefined
    return el('error', NS.client, { type: this.type }, el(this.condition, NS.stanzaErrors), text, this.extra)
  }
}

/** RFC 6120 §4.9.3: every stream error condition. */
export const STREAM_CONDITIONS = [
  'bad-format',
  'bad-namespace-prefix',
  'conflict',
  'connection-timeout',
  'host-gone',
  'host-unknown',
  'improper-addressing',
  'internal-server-error',
  'invalid-from',
  'invalid-namespace',
  'invalid-xml',
  'not-authorized',
  'not-well-formed',
  'policy-violation',
  'remote-connection-failed',
  'reset',
  'resource-constraint',
  'restricted-xml',
  'see-other-host',
  'system-shutdown',
  'undefined-condition',
  'unsupported-encoding',
  'unsupported-feature',
  'unsupported-stanza-type',
  'unsupported-version',
] as const
export type StreamCondition = (typeof STREAM_CONDITIONS)[number]

/** The end of a stream, said to the peer with its reason (RFC 6120 §4.9). */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly condition: StreamCondition
  readonly text: string
  readonly extra: Element | undefined

  constructor(condition: StreamCondition, text = '', extra?: Element) {
    super(text ? `${condition}: ${text}` : condition)
    this.condition = condition
    this.text = text
    this.extra = extra
  }

  toElement(): Element {
    const text = this.text ? el('text', NS.streamErrors, { 'xml:lang': 'en' }, this.text) : undefined
    return el('error', NS.streams, {}, el(this.condition, NS.streamErrors), text, this.extra)
  }

  /** Reads a peer's `<stream:error/>`; an unknown condition counts as `undefined-condition` (§4.9.2). */
  static fromElement(error: Element): StreamError {
    const named = error.children.find((c) => c.ns === NS.streamErrors && c.name !== 'text')
    const condition = STREAM_CONDITIONS.find((c) => c === named?.name) ?? 'undefined-condition'
    return new StreamError(condition, error.child('text', NS.streamErrors)?.text ?? '')
  }
}

/** RFC 6120 §6.5: every SASL failure condition. */
export const SASL_CONDITIONS = [
  'aborted',
  'account-disabled',
  'credentials-expired',
  'encryption-required',
  'incorrect-encoding',
  'invalid-authzid',
  'invalid-mechanism',
  'malformed-request',
  'mechanism-too-weak',
  'not-authorized',
  'temporary-auth-failure',
] as const
export type SaslCondition = (typeof SASL_CONDITIONS)[number]

/** A refused authentication, as the peer sees it. */
export class SaslError extends Error {
  override readonly name = 'SaslError'
  readonly condition: SaslCondition
  readonly text: string

  constructor(condition: SaslCondition, text = '') {
    super(text || condition)
    this.condition = condition
    this.text = text
  }

  toElement(): Element {
    const text = this.text ? el('text', NS.sasl, { 'xml:lang': 'en' }, this.text) : undefined
    return el('failure', NS.sasl, {}, el(this.condition, NS.sasl), text)
  }
}
