import { CommandError } from '../admin/accounts.ts'
import { explanationLines } from '../admin/explain.ts'
import { loadConfig } from '../config/load.ts'
import { systemClock } from '../net/clock.ts'
import { controlSocketPath } from '../server/data-folder.ts'
import { explain } from '../server/explain.ts'
import { moduleFacts } from '../server/modules.ts'
import { Policies } from '../server/policies.ts'
import { TlsStore } from '../server/tls-store.ts'
import { configFile, refuseErrors } from './config-file.ts'
import { askServer, report } from './running.ts'
import { Failure } from './shell.ts'
import type { Call } from './table.ts'

/** `explain`: by the running server, which has seen something, else from the configuration alone. */
export async function run(call: Call): Promise<number> {
  const { args, shell } = call
  const config = await loadConfig({ path: configFile(call), env: shell.env, modules: moduleFacts() })
  const outcome = await askServer(controlSocketPath(config), 'explain', args)
  if (outcome !== undefined) return report(outcome, call)
  refuseErrors(config, shell)
  const isLocal = (domain: string): boolean => config.hosts.some((host) => host.domain === domain)
  const policies = new Policies(config, new TlsStore(config, systemClock.now), isLocal, () => undefined)
  try {
    const host = args.length > 1 ? args[0] : undefined
    const explanation = explain({ config, policies, memory: undefined }, host, args.at(-1)!)
    return report({ ok: true, lines: explanationLines(explanation), data: explanation }, call)
  } catch (error) {
    if (error instanceof CommandError) throw new Failure(error.message)
    throw error
  }
}
