export type ClientMechanism = 'SCRAM-SHA-256-PLUS' | 'SCRAM-SHA-1-PLUS' | 'SCRAM-SHA-256' | 'SCRAM-SHA-1' | 'PLAIN' | 'ANONYMOUS'

/** What a host's configuration says about clients. */
export interface ClientPolicy {
  /** The host's provider: accounts with passwords (`internal_hashed`), or anybody at all (`anonymous`). */
  readonly authentication: 'passwords' | 'anonymous'
  /** The host has a certificate and runs `tls`. */
  readonly canStartTls: boolean
  /** The host runs `saslauth`. */
  readonly sasl: boolean
  /** c2s_require_encryption. */
  readonly requireEncryption: boolean
  /** Never on an unencrypted stream; see {@link insecureMechanisms}. */
  readonly insecure: ReadonlySet<string>
  /** disable_sasl_mechanisms. */
  readonly disabled: ReadonlySet<string>
}

export interface ClientStreamFacts<B extends string = string> {
  readonly encrypted: boolean
  /** The channel bindings that the TLS session can give. */
  readonly bindings: readonly B[]
}

export interface ClientOffering<B extends string = string> {
  readonly starttls: 'none' | 'optional' | 'required'
  /** In the order they are offered: the strongest first. */
  readonly mechanisms: readonly ClientMechanism[]
  /** What an encrypted stream could use in addition. */
  readonly afterTls: readonly ClientMechanism[]
  readonly bindings: readonly B[]
}

const PROVIDED: { readonly [A in ClientPolicy['authentication']]: readonly ClientMechanism[] } = {
  passwords: ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'],
  anonymous: ['ANONYMOUS'],
}

const needsBinding = (mechanism: ClientMechanism): boolean => mechanism.endsWith('-PLUS')

/**
 * The mechanisms that may not run in the clear: `insecure_sasl_mechanisms` when it is set, otherwise PLAIN and LOGIN
 * unless `allow_unencrypted_plain_auth`.
 */
export function insecureMechanisms(
  configured: readonly string[] | undefined,
  allowUnencryptedPlain: boolean,
): ReadonlySet<string> {
  return new Set(configured ?? (allowUnencryptedPlain ? [] : ['PLAIN', 'LOGIN']))
}

function usable(policy: ClientPolicy, encrypted: boolean, bindings: number): readonly ClientMechanism[] {
  if (!policy.sasl || (policy.requireEncryption && !encrypted)) return []
  return PROVIDED[policy.authentication].filter(
    (m) => !policy.disabled.has(m) && (encrypted || !policy.insecure.has(m)) && (!needsBinding(m) || (encrypted && bindings > 0)),
  )
}

/**
 * What a client is offered, and so may use, on its stream as it is now. The only place that decides it.
 * RFC 6120 §5.3.1, §6.3.4, §13.8; RFC 5802 §6; XEP-0440.
 */
export function clientOffer<B extends string>(policy: ClientPolicy, facts: ClientStreamFacts<B>): ClientOffering<B> {
  const mechanisms = usable(policy, facts.encrypted, facts.bindings.length)
  const starttls = facts.encrypted || !policy.canStartTls ? 'none' : policy.requireEncryption ? 'required' : 'optional'
  // Which bindings TLS will give is not known before it; nothing is promised about them.
  const later = starttls === 'none' ? [] : usable(policy, true, 1).filter((m) => !mechanisms.includes(m))
  return { starttls, mechanisms, afterTls: later, bindings: mechanisms.some(needsBinding) ? facts.bindings : [] }
}
