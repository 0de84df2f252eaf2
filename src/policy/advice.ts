import type { Reason } from './refusal.ts'

/** What the operators of both sides can do about a refusal; undefined where one of them can do nothing. */
export interface Advice {
  /** Our own operator. */
  readonly here: string | undefined
  /** The operator of the remote domain. */
  readonly there: string | undefined
}

const LAX =
  'to do without a certificate for this one domain, put it into s2s_insecure_domains or write a rule with proofs = { "dialback" } before the one above'

const ADVICE: { readonly [R in Reason]: Advice } = {
  's2s-disabled': { here: 'enable the module s2s on this host', there: undefined },
  blocked: {
    here: 'remove the block: the rule above, or the one made by command',
    there: 'ask the operator here for the reason',
  },
  'local-domain': {
    here: 'nothing: the domain is served by this server',
    there: 'use a domain of your own',
  },
  unencrypted: {
    here: 'enable the module tls and give the host a certificate; otherwise relax the rule above',
    there: 'offer STARTTLS: enable TLS and install a certificate',
  },
  'peer-requires-encryption': {
    here: 'enable the module tls, and remove s2s_allow_encryption = false',
    there: undefined,
  },
  'certificate-absent': { here: LAX, there: 'show the certificate of your domain on outgoing connections too' },
  'certificate-wrong-name': { here: LAX, there: 'install a certificate that names the XMPP domain, not only the host' },
  'certificate-expired': { here: LAX, there: 'renew the certificate' },
  'certificate-self-signed': {
    here: `pin the key with a rule: pins = { "sha256:…" }; ${LAX}`,
    there: 'install a certificate of a public authority',
  },
  'certificate-expired-chain': { here: LAX, there: 'install the present intermediate certificates with your own' },
  'certificate-revoked': { here: LAX, there: 'install another certificate, with a new key' },
  'certificate-untrusted': {
    here: `if you trust its authority, put that into ssl.cafile; ${LAX}`,
    there: 'send the whole chain, intermediate certificates included, of a public authority',
  },
  'certificate-pin-mismatch': {
    here: 'ask the other operator by another way whether the key was changed, then change pins in the rule above',
    there: 'go back to the key that was agreed on, or tell the operator here of the new one',
  },
  'certificate-dane-mismatch': {
    here: 'to do without DANE for this one domain, write a rule whose proofs have no "dane"',
    there: 'publish TLSA records for the certificate that is in use',
  },
  'certificate-unaccepted': {
    here: 'add "pkix" to proofs in the rule above',
    there: 'give one of the proofs that are asked for',
  },
  'certificate-unvalidated': {
    here: 'enable the module s2s_auth_certs; with use_dane: see whether DNS gives answers about the domain',
    there: 'with DNSSEC: see whether your name servers answer questions for SRV and TLSA records',
  },
  'external-unavailable': {
    here: 'enable saslauth and tls, and give the host a certificate',
    there: 'encrypt the stream first, or use dialback',
  },
  'dialback-unavailable': { here: 'enable the module dialback', there: 'authenticate by certificate (SASL EXTERNAL)' },
  'dialback-untried': { here: undefined, there: 'offer dialback, or accept our certificate' },
  'dialback-invalid': {
    here: undefined,
    there: 'let DNS lead to the same servers that send, or give them all the same dialback secret',
  },
  downgrade: {
    here: 'ask the other operator whether this is meant; then "entente forget REMOTE" accepts it',
    there: 'bring back the certificate or the encryption that you had',
  },
  'no-method': {
    here: 'enable saslauth and dialback, and give the host a certificate',
    there: 'offer SASL EXTERNAL or dialback',
  },
}

export function adviceOn(because: Reason): Advice {
  return ADVICE[because]
}

/** Whether a word from a log or a failure is one of the policy's reasons. */
export function isReason(word: string): word is Reason {
  return Object.hasOwn(ADVICE, word)
}
