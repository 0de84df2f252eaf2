import { DerError, DerReader, TAG } from './der.ts'
import type { Certificate } from './x509.ts'
import { same } from './x509.ts'
import type { NameConstraints, Subtree } from './x509-names.ts'

type HostName = { readonly form: 'dns' | 'srv' | 'xmpp'; readonly service: string; readonly host: string }

/**
 * Whether the names of a certificate are within what an issuer may name (RFC 5280 §4.2.1.10).
 *
 * Stricter than the RFC in one point: a dNSName constraint also binds the host of an SRVName and of an xmppAddr.
 * A CA that is confined to `*.school.example` by dNSName alone could else name any XMPP domain. Names of a form that
 * we cannot compare break a constraint of that form.
 */
export function withinConstraints(certificate: Certificate, constraints: NameConstraints): boolean {
  const { names, subject } = certificate
  const hosts = hostNames(certificate)
  const allowed = (
    form: Subtree['form'],
    inside: (subtree: Subtree) => boolean,
    touched: (subtree: Subtree) => boolean,
  ): boolean => {
    const permitted = constraints.permitted.filter((s) => s.form === form)
    return (permitted.length === 0 || permitted.some(inside)) && !constraints.excluded.some((s) => s.form === form && touched(s))
  }
  for (const name of hosts) {
    for (const form of name.form === 'dns' ? (['dns'] as const) : (['dns', name.form] as const)) {
      if (
        !allowed(
          form,
          (s) => hostInside(name, s),
          (s) => hostTouched(name, s),
        )
      )
        return false
    }
  }
  for (const ip of names.ip)
    if (
      !allowed(
        'ip',
        (s) => ipInside(ip, s),
        (s) => ipInside(ip, s),
      )
    )
      return false
  if (
    !isEmptyName(subject) &&
    !allowed(
      'directory',
      (s) => directoryInside(subject, s),
      (s) => directoryInside(subject, s),
    )
  )
    return false
  if (names.otherForms.has('directory') && mentions(constraints, (s) => s.form === 'directory')) return false
  return !mentions(constraints, (s) => s.form === 'other' && names.otherForms.has(s.name))
}

const mentions = (constraints: NameConstraints, is: (subtree: Subtree) => boolean): boolean =>
  constraints.permitted.some(is) || constraints.excluded.some(is)

function hostNames({ names }: Certificate): HostName[] {
  return [
    ...names.dns.map((text): HostName => ({ form: 'dns', service: '', host: text })),
    ...names.srv.map((text): HostName => ({ form: 'srv', ...splitService(text) })),
    ...names.xmpp.map(
      (text): HostName => ({ form: 'xmpp', service: '', host: text.slice(text.indexOf('@') + 1).split('/', 1)[0]! }),
    ),
  ].map((name) => ({ ...name, service: name.service.toLowerCase(), host: name.host.toLowerCase() }))
}

function splitService(text: string): { service: string; host: string } {
  const dot = text.indexOf('.')
  if (!text.startsWith('_')) return { service: '', host: text }
  return dot === -1 ? { service: text, host: '' } : { service: text.slice(0, dot), host: text.slice(dot + 1) }
}

function hostInside(name: HostName, subtree: Subtree): boolean {
  if (subtree.form !== 'dns' && subtree.form !== 'srv' && subtree.form !== 'xmpp') return false
  const base = splitService(subtree.base.toLowerCase())
  return (base.service === '' || base.service === name.service) && within(name.host, base.host)
}

/** Some host that the name stands for is in the subtree; for a wildcard that is more than the pattern's own place. */
function hostTouched(name: HostName, subtree: Subtree): boolean {
  if (hostInside(name, subtree)) return true
  if (!name.host.startsWith('*.') || !('base' in subtree) || typeof subtree.base !== 'string') return false
  return within(splitService(subtree.base.toLowerCase()).host.replace(/^\./, ''), name.host.slice(2))
}

/** `a.b` is within '', `b`, `a.b` and `.b`; not within `.a.b`. */
function within(host: string, base: string): boolean {
  if (base === '') return true
  return base.startsWith('.') ? host.endsWith(base) : host === base || host.endsWith(`.${base}`)
}

function ipInside(ip: Uint8Array, subtree: Subtree): boolean {
  if (subtree.form !== 'ip' || subtree.base.length !== ip.length * 2) return false
  const { base } = subtree
  return ip.every((octet, i) => (octet & base[ip.length + i]!) === (base[i]! & base[ip.length + i]!))
}

function isEmptyName(name: Uint8Array): boolean {
  return name.length === 2
}

function directoryInside(subject: Uint8Array, subtree: Subtree): boolean {
  if (subtree.form !== 'directory') return false
  try {
    const parts = new DerReader(subject).enter(TAG.sequence)
    const base = new DerReader(subtree.base).enter(TAG.sequence)
    while (!base.done) if (parts.done || !same(parts.next().raw, base.next().raw)) return false
    return true
  } catch (error) {
    if (error instanceof DerError) return false
    throw error
  }
}
