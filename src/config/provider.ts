import type { Held } from './config.ts'
import type { Section } from './document.ts'
import type { Position } from './problem.ts'
import { didYouMean } from './suggest.ts'

/** Where accounts may be kept. */
export const AUTHENTICATION = ['internal_hashed', 'anonymous'] as const
/** Where data may be kept: in the database under `data_path`, or in memory. */
export const STORAGE = ['internal', 'memory'] as const

const KNOWN_AUTHENTICATION = [
  'internal_plain',
  'ldap',
  'insecure',
  'cyrus',
  'http',
  'sql',
  'token',
  'dovecot',
  'ldap2',
  'external',
  'imap',
]
const KNOWN_STORAGE = ['sql', 'none', 'xep0227', 'postgresql', 'appendmap', 'sqlite']

interface Refusal {
  readonly at: Position | undefined
  readonly message: string
}

/** What of a host's `authentication` and `storage` cannot be done as written. Never is a weaker one put in its place. */
export function refusal(section: Section, held: (name: string) => Held | undefined): readonly Refusal[] {
  const authentication = section.kind === 'virtual' ? [held('authentication')] : []
  return [
    ...authentication.flatMap((one) => refuse(section.domain, 'authentication', one, AUTHENTICATION, KNOWN_AUTHENTICATION)),
    ...refuse(section.domain, 'storage', held('storage'), STORAGE, KNOWN_STORAGE),
    ...refuse(section.domain, 'default_storage', held('default_storage'), STORAGE, KNOWN_STORAGE),
  ]
}

function refuse(
  domain: string,
  name: string,
  held: Held | undefined,
  have: readonly string[],
  known: readonly string[],
): readonly Refusal[] {
  if (held === undefined) return []
  const { at, value } = held
  const wanted = value instanceof Map ? [...new Set<unknown>(value.values())] : [value]
  const missing = wanted.find((one) => !have.some((provider) => provider === one))
  const choice = have.map((provider) => JSON.stringify(provider)).join(' or ')
  if (missing !== undefined) {
    const word = String(missing)
    const what = known.includes(word) ? 'does not have yet' : `does not have${didYouMean(word, have)}`
    return [
      {
        at,
        message: `${domain} cannot be started: ${name} = ${JSON.stringify(word)} is one that Entente ${what}; use ${choice}`,
      },
    ]
  }
  if (wanted.length > 1) {
    return [
      {
        at,
        message: `${domain} cannot be started: ${name} with different places for different data is not there yet; use ${choice}`,
      },
    ]
  }
  return []
}
