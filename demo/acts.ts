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

export const CERTIFICATES_REQUIRED: Act = {
  title: 'Certificates required',
  why: 'Both servers demand a certificate of an authority that they trust, and both have one.',
  montague: { secureAuth: true, shows: 'of the authority' },
  capulet: { secureAuth: true, shows: 'of the authority' },
}

export const DIALBACK: Act = {
  title: 'A self-signed certificate, and dialback in its place',
  why:
    `${CAPULET} now shows other servers a certificate that it signed itself. ${MONTAGUE} uses it to encrypt and does ` +
    'not believe it: when that server calls, it calls back at the address that DNS has for the domain (dialback).',
  montague: { secureAuth: false, shows: 'of the authority' },
  capulet: { secureAuth: false, shows: 'self-signed' },
}

export const REFUSED: Act = {
  title: 'A self-signed certificate, refused by s2s_secure_auth',
  why: `The same certificate, but ${MONTAGUE} demands a valid one again: nothing passes, either way.`,
  montague: { secureAuth: true, shows: 'of the authority' },
  capulet: { secureAuth: false, shows: 'self-signed' },
}
