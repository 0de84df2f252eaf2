import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import type { ModuleDeclaration } from '../core/module.ts'
import { moduleFacts } from './modules.ts'

export interface ServerOptions {
  readonly configFile: string
  /** What `os.getenv` and `ENV_NAME` of the configuration see; the process's own environment when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Modules beside those that come with the server; enabled by name in the configuration. */
  readonly modules?: readonly ModuleDeclaration[]
}

/** What a running server cannot change. */
const RESTART_ONLY = ['data_path', 'admin_socket', 'pidfile', 'storage_synchronous'] as const

export function readConfig({ configFile, env, modules }: ServerOptions): Promise<Config> {
  return loadConfig({ path: configFile, env: env ?? process.env, modules: moduleFacts(modules) })
}

/** One sentence for each change that a reload cannot bring about. */
export function restartOnly(before: Config, next: Config): string[] {
  return RESTART_ONLY.filter((name) => before.get(undefined, name) !== next.get(undefined, name)).map(
    (name) => `a change of ${name} takes effect at the next start`,
  )
}
