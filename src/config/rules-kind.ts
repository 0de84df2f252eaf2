import { prepareDomain } from '../xmpp/jid.ts'
import { fieldsOf, type Given, type Kind, listOf, type Reading, scalar, setOf, type ValueOf } from './kind.ts'
import { oneOf, text } from './kinds.ts'
import { toText } from './lua-value.ts'
import type { Position } from './problem.ts'

/** `example.org`, `*.example.org` (everything below it) or `*`; prepared. */
const remotePattern: Kind<string> = scalar('a domain, "*." and a domain, or "*", in quotes', (value) => {
  const written = typeof value === 'string' ? toText(value) : undefined
  if (written === undefined || written.length > 1023) return undefined
  if (written === '*') return written
  const prefix = written.startsWith('*.') ? '*.' : ''
  const domain = written.slice(prefix.length)
  const prepared = domain.includes('*') ? undefined : prepareDomain(domain)
  return prepared === undefined ? undefined : `${prefix}${prepared}`
})

/** SHA-256 in hex (with or without colons) or base64, as lower-case hex. */
const pin: Kind<string> = scalar('"sha256:" and the digest of a key or certificate, in hex or base64', (value) => {
  const written = typeof value === 'string' ? toText(value) : undefined
  if (written === undefined || written.length > 200 || !written.toLowerCase().startsWith('sha256:')) return undefined
  const digest = written.slice('sha256:'.length).trim()
  const hex = digest.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  const bytes = Buffer.from(digest, 'base64')
  const isBase64 = /^[A-Za-z0-9+/]{43}=?$/.test(digest)
  return isBase64 && bytes.length === 32 ? bytes.toString('hex') : undefined
})

const fields = fieldsOf({
  remote: setOf(remotePattern),
  action: oneOf('allow', 'block', 'quarantine'),
  encryption: oneOf('required', 'optional'),
  proofs: setOf(oneOf('pkix', 'dane', 'posh', 'pin', 'dialback')),
  pins: setOf(pin),
  text,
})

/** A rule about remote domains, with its place in the file. */
export type RuleSetting = ValueOf<typeof fields> & { readonly remote: ReadonlySet<string>; readonly at: Position }

const rule: Kind<RuleSetting> = {
  says: fields.says,
  read(given, reading) {
    const read = fields.read(given, reading)
    if (read === undefined) return undefined
    const { remote } = read
    if (remote === undefined || remote.size === 0)
      return reading.error(given.at, 'a rule says whom it is about: remote = "example.org", "*.example.org" or "*"')
    return isConsistent(read, given, reading) ? { ...read, remote, at: given.at } : undefined
  },
}

/** Tells what cannot be meant (false), and what has no effect. */
function isConsistent(read: ValueOf<typeof fields>, given: Given, reading: Reading): boolean {
  const { action, encryption, proofs, pins } = read
  const wrong = (message: string): boolean => {
    reading.error(given.at, message)
    return false
  }
  if (proofs?.size === 0) return wrong('an empty list of proofs would refuse everybody: use action = "block" for that')
  if (pins?.size === 0) return wrong('an empty list of pins would refuse everybody: leave pins out')
  if (pins !== undefined && proofs !== undefined && !proofs.has('pin'))
    return wrong('pins are a proof of their own: add "pin" to proofs, or leave proofs out')
  const demands = [encryption, proofs, pins].some((part) => part !== undefined)
  if (action === 'block' && demands) reading.warn(given.at, 'whoever is blocked is asked for nothing: only action and text count')
  if (action === undefined && !demands)
    reading.warn(given.at, 'this rule says nothing: it has neither action, encryption, proofs nor pins')
  if (encryption === 'optional' && proofs !== undefined && !proofs.has('dialback'))
    reading.warn(given.at, 'a certificate is shown over TLS only: encryption is required all the same')
  return true
}

export const rules: Kind<readonly RuleSetting[]> = listOf(rule)
