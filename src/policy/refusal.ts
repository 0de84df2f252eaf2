import type { StreamCondition } from '../xmpp/errors.ts'

/**
 * What the judgement of a peer's certificate found. `valid`: a trusted chain and a name that is the peer's domain.
 * Whether anything less suffices is for `judgePeer` to say.
 */
export type CertificateVerdict =
  | 'valid'
  | 'absent' // none was shown, or the stream is not encrypted
  | 'wrong-name'
  | 'expired'
  | 'self-signed'
  | 'expired-chain'
  | 'revoked' // as a CRL says
  | 'untrusted' // any other fault of the chain
  | 'pin-mismatch' // the configuration pins another key
  | 'dane-mismatch' // none of the domain's TLSA records is about it
  | 'unaccepted' // its chain and names are good, but the rule for the domain asks for another proof
  | 'unvalidated' // nobody looked, or could

/** Every reason why a peer is refused. Stable: logs and metrics carry it. */
export type Reason =
  | 's2s-disabled'
  | 'blocked'
  | 'local-domain'
  | 'unencrypted'
  | 'peer-requires-encryption'
  | `certificate-${Exclude<CertificateVerdict, 'valid'>}`
  | 'external-unavailable'
  | 'dialback-unavailable'
  | 'dialback-untried'
  | 'dialback-invalid'
  | 'downgrade' // the domain has shown better before (`s2s_downgrade_policy`)
  | 'no-method'

export type Direction = 'in' | 'out'

/** A refusal with all its faces: what the peer reads in a stream error, what the local sender reads in a bounce. */
export interface Refusal {
  readonly allow: false
  readonly condition: StreamCondition
  readonly because: Reason
  readonly toPeer: string
  /** Never names the remote domain: in a semi-anonymous room that would be half of somebody's address. */
  readonly toSender: string
}

const CERTIFICATE_PHRASES: { readonly [V in Exclude<CertificateVerdict, 'valid'>]: string } = {
  absent: 'could not be validated, as none was presented',
  'wrong-name': 'is not valid for this name',
  expired: 'has expired',
  'self-signed': 'is self-signed',
  'expired-chain': 'has an expired certificate chain',
  revoked: 'has been revoked',
  untrusted: 'is not trusted',
  'pin-mismatch': 'does not hold the key that is pinned for this name',
  'dane-mismatch': 'does not match any DANE TLSA records',
  unaccepted: 'is valid, but this kind of proof is not accepted for this name',
  unvalidated: 'could not be validated',
}

/** For the peer: what is wrong with its certificate. */
export const certificateTextForPeer = (verdict: Exclude<CertificateVerdict, 'valid'>): string =>
  `Your server's certificate ${CERTIFICATE_PHRASES[verdict]}`

/** For a local sender: what is wrong with the remote server's certificate. */
export const certificateTextForSender = (verdict: Exclude<CertificateVerdict, 'valid'>): string =>
  `Remote server's certificate ${CERTIFICATE_PHRASES[verdict]}`

type Text = readonly [condition: StreamCondition, toPeer: string, toSender: string]

const TEXTS: { readonly [R in Exclude<Reason, `certificate-${string}`>]: Text | ((direction: Direction) => Text) } = {
  's2s-disabled': [
    'policy-violation',
    'Server-to-server communication is disabled for this host',
    'Communication with remote domains is not enabled',
  ],
  blocked: [
    'policy-violation',
    'Communication with your domain is not allowed here',
    'Communication with this domain is not allowed',
  ],
  'local-domain': ['not-authorized', 'The domain that you claim is served here', 'The domain is served here'],
  unencrypted: (direction) => [
    'policy-violation',
    direction === 'in'
      ? 'This host requires encrypted server-to-server streams'
      : 'This host requires encrypted server-to-server streams, and yours offers no encryption',
    'Could not establish an encrypted connection to the remote server',
  ],
  'peer-requires-encryption': [
    'unsupported-feature',
    'Encryption is not available here',
    'The remote server requires encryption, which is switched off here',
  ],
  'external-unavailable': [
    'unsupported-feature',
    'Authentication by certificate is not available here',
    'Authentication by certificate is not available for the connection to the remote server',
  ],
  'dialback-unavailable': [
    'unsupported-feature',
    'Dialback is not available here',
    'Dialback is not available for the connection to the remote server',
  ],
  'dialback-untried': ['not-authorized', 'Your domain has not been verified', 'The remote server has not verified our domain'],
  'dialback-invalid': [
    'not-authorized',
    'Your domain could not be verified by dialback',
    'The remote server could not verify our domain by dialback',
  ],
  downgrade: [
    'policy-violation',
    'Your server has proven your domain better before than it does now',
    'The remote server has proven its domain better before than it does now',
  ],
  'no-method': (direction) => [
    'unsupported-feature',
    direction === 'in'
      ? 'There is no way for you to authenticate here'
      : 'Your server offers no way to authenticate that we can use',
    'The remote server offered no way to authenticate that we can use',
  ],
}

const isCertificateReason = (r: Reason): r is Extract<Reason, `certificate-${string}`> => r.startsWith('certificate-')

/** @param note what the operator wants a refused domain to read */
export function refuse(because: Reason, direction: Direction, note?: string): Refusal {
  const plain = plainRefusal(because, direction)
  return note === undefined ? plain : { ...plain, toPeer: `${plain.toPeer}: ${note}` }
}

function plainRefusal(because: Reason, direction: Direction): Refusal {
  if (isCertificateReason(because)) {
    const verdict = because.slice('certificate-'.length) as Exclude<CertificateVerdict, 'valid'> // what the prefix was put before
    const [toPeer, toSender] = [certificateTextForPeer(verdict), certificateTextForSender(verdict)]
    return { allow: false, condition: 'not-authorized', because, toPeer, toSender }
  }
  const text = TEXTS[because]
  const [condition, toPeer, toSender] = typeof text === 'function' ? text(direction) : text
  return { allow: false, condition, because, toPeer, toSender }
}
