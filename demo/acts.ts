import type { Policy } from './stage.ts'

/** One pair of servers under one policy. */
export interface Act {
  readonly title: string
  readonly why: string
  readonly montague: Policy
  readonly capulet: Policy
}

export const MONTAGUE = 'montague.example'
export const CAPULET = 'capulet.example'

const strict = ['s2s_require_encryption = true', 's2s_secure_auth = true']
const lenient = ['s2s_require_encryption = true', 's2s_secure_auth = false']

export const CERTIFICATES_REQUIRED: Act = {
  title: 'Certificates required',
  why: 'Both servers demand a certificate of an authority that they trust, and both have one.',
  montague: { lines: strict, shows: 'certificate of the authority' },
  capulet: { lines: strict, shows: 'certificate of the authority' },
}

export const DIALBACK: Act = {
  title: 'A self-signed certificate, and dialback in its place',
  why:
    `${CAPULET} now shows other servers a certificate that it signed itself. ${MONTAGUE} uses it to encrypt and does ` +
    'not believe it: when that server calls, it calls back at the address that DNS has for the domain (dialback).',
  montague: { lines: lenient, shows: 'certificate of the authority' },
  capulet: { lines: lenient, shows: 'self-signed certificate' },
}

export const REFUSED: Act = {
  title: 'A self-signed certificate, refused by s2s_secure_auth',
  why: `The same certificate, but ${MONTAGUE} demands a valid one again: nothing passes, either way.`,
  montague: { lines: strict, shows: 'certificate of the authority' },
  capulet: { lines: lenient, shows: 'self-signed certificate' },
}
