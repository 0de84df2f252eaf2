import type { Config } from './config.ts'
import type { Position, Problems } from './problem.ts'

/** Says in one line that servers may talk without TLS, when nobody decided that, and the line that ends it. */
export function encryptionNotice(config: Config, problems: Problems, at: Position): void {
  const open = config.hosts.some(
    ({ domain }) => !config.isSet(domain, 's2s_require_encryption') && config.enabledModules(domain).has('s2s'),
  )
  if (open) problems.notice(at, 'encryption between servers is not required; to require it, add: s2s_require_encryption = true')
}
