import type { Config } from './config.ts'
import type { Position, Problems } from './problem.ts'

/** Says in one line that servers may talk without TLS, when nobody decided that, and the line that ends it. */
export function encryptionNotice(config: Config, problems: Problems, at: Position): void {
  const open = config.hosts.some(
    ({ domain }) => !config.isSet(domain, 's2s_require_encryption') && config.enabledModules(domain).has('s2s'),
  )
  if (open) problems.notice(at, 'encryption between servers is not required; to require it, add: s2s_require_encryption = true')
}

/** A host that tells whom to turn to, but not about abuse, has forgotten what other operators look for first (XEP-0157). */
export function abuseNotice(config: Config, problems: Problems, at: Position): void {
  const silent = config.hosts
    .filter(({ domain }) => config.enabledModules(domain).has('server_contact_info'))
    .filter(({ domain }) => (config.get(domain, 'contact_info')?.abuse ?? []).length === 0)
    .map(({ domain }) => domain)
  if (silent.length === 0) return
  const more = silent.length > 1 ? ` and ${silent.length - 1} more` : ''
  problems.notice(at, `${silent[0]}${more}: no address for abuse is told; add to contact_info: abuse = { "mailto:..." }`)
}
