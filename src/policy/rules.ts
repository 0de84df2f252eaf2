/** The ways in which a domain may prove that a stream is its own. All but the last are about the certificate it shows. */
export const PROOFS = ['pkix', 'dane', 'posh', 'pin', 'dialback'] as const
export type Proof = (typeof PROOFS)[number]
export type CertificateProof = Exclude<Proof, 'dialback'>

/** `quarantine`: only what passes between a local user and a contact of theirs; see quarantine.ts. */
export type Action = 'allow' | 'block' | 'quarantine'

/** Who made a rule: an option of the configuration and its place (`file:line:column`), or the server's own default. */
export interface RuleOrigin {
  readonly option: string
  readonly at: string | undefined
}

/** One rule about remote domains. What it does not say is left to the rules after it. */
export interface PeerRule {
  /** Enforced domains, `*.parent` for everything below one, `*` for all. */
  readonly remotes: ReadonlySet<string>
  readonly action?: Action
  readonly encryption?: 'optional' | 'required'
  /** One of these is enough. Without `dialback` a certificate is demanded. */
  readonly proofs?: ReadonlySet<Proof>
  /** SHA-256 of keys (SubjectPublicKeyInfo) or whole certificates, lower-case hex. They, and nothing else, prove the domain. */
  readonly pins?: ReadonlySet<string>
  /** For the operator of a domain that this rule refuses. */
  readonly text?: string
  readonly origin: RuleOrigin
}

export const ALL_PROOFS: ReadonlySet<Proof> = new Set(PROOFS)
export const CERTIFICATE_PROOFS: ReadonlySet<Proof> = new Set<Proof>(['pkix', 'dane', 'posh', 'pin'])
const EVERYBODY: ReadonlySet<string> = new Set(['*'])

/** Where no rule says anything. */
const DEFAULT = {
  remotes: EVERYBODY,
  action: 'allow',
  encryption: 'optional',
  proofs: ALL_PROOFS,
  origin: { option: 'default', at: undefined },
} as const satisfies PeerRule

/** What one rule decided about one remote. */
export interface Decided<T> {
  readonly value: T
  readonly by: PeerRule
}

/** What a list of rules says about one remote, each part by the first rule that matches and speaks of it. */
export interface Ruling {
  readonly action: Decided<Action>
  readonly encryption: Decided<'optional' | 'required'>
  readonly proofs: Decided<ReadonlySet<Proof>>
  readonly pins: Decided<ReadonlySet<string>> | undefined
}

/** @param remote an enforced domain; '' for a peer that has not said who it is, which only `*` matches */
export function matches(rule: PeerRule, remote: string): boolean {
  if (rule.remotes.has('*') || rule.remotes.has(remote)) return true
  for (let dot = remote.indexOf('.'); dot !== -1; dot = remote.indexOf('.', dot + 1)) {
    if (rule.remotes.has(`*${remote.slice(dot)}`)) return true
  }
  return false
}

/** The rules for one remote: for each part, the first that matches and says something about it decides. */
export function rulingOn(rules: readonly PeerRule[], remote: string): Ruling {
  const fitting = rules.filter((rule) => matches(rule, remote))
  return {
    action: decided(fitting, 'action') ?? { value: DEFAULT.action, by: DEFAULT },
    encryption: decided(fitting, 'encryption') ?? { value: DEFAULT.encryption, by: DEFAULT },
    proofs: decided(fitting, 'proofs') ?? { value: DEFAULT.proofs, by: DEFAULT },
    pins: decided(fitting, 'pins'),
  }
}

type Part = 'action' | 'encryption' | 'proofs' | 'pins'

function decided<P extends Part>(fitting: readonly PeerRule[], part: P): Decided<NonNullable<PeerRule[P]>> | undefined {
  const by = fitting.find((rule) => rule[part] !== undefined)
  const value = by?.[part]
  return by === undefined || value === undefined ? undefined : { value, by }
}

export type ProsodyOption = 's2s_secure_auth' | 's2s_secure_domains' | 's2s_insecure_domains' | 's2s_require_encryption'

/** Prosody's options about the identity of servers, as one host has them. Sets hold enforced domains; they match exactly. */
export interface ProsodyOptions {
  readonly secureAuth: boolean
  readonly secureDomains: ReadonlySet<string>
  readonly insecureDomains: ReadonlySet<string>
  readonly requireEncryption: boolean
  /** Where an option is written; undefined when it is not. */
  at(option: ProsodyOption): string | undefined
}

/**
 * Prosody's options as rules, in the order that gives them exactly the meaning they have there. A domain in both lists
 * under `s2s_secure_auth` is a contradiction that Prosody settles half way: no certificate is demanded of it, plain text
 * is refused. So do we.
 */
export function rulesOfOptions(o: ProsodyOptions): readonly PeerRule[] {
  const origin = (option: ProsodyOption): RuleOrigin => ({ option, at: o.at(option) })
  const rules: PeerRule[] = []
  if (o.requireEncryption) rules.push({ remotes: EVERYBODY, encryption: 'required', origin: origin('s2s_require_encryption') })
  if (o.secureDomains.size > 0) {
    const strict = o.secureAuth ? {} : { proofs: CERTIFICATE_PROOFS }
    rules.push({ remotes: o.secureDomains, encryption: 'required', ...strict, origin: origin('s2s_secure_domains') })
  }
  if (!o.secureAuth) return rules
  if (o.insecureDomains.size > 0) {
    const lax = { encryption: 'optional', proofs: ALL_PROOFS } as const
    rules.push({ remotes: o.insecureDomains, ...lax, origin: origin('s2s_insecure_domains') })
  }
  const secure = { encryption: 'required', proofs: CERTIFICATE_PROOFS } as const
  return [...rules, { remotes: EVERYBODY, ...secure, origin: origin('s2s_secure_auth') }]
}

/** `s2s_rules (entente.cfg.lua:7:3)` */
export function originText({ option, at }: RuleOrigin): string {
  return option === 'default' ? 'the default' : `${option} (${at ?? 'default'})`
}
