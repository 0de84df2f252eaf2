import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { moduleFacts } from '../server/modules.ts'
import { configFile } from './config-file.ts'
import { EXIT, Failure, type Shell } from './shell.ts'
import type { Call } from './table.ts'

/** `check config`: everything that was found, and whether the server would start. */
export async function run(call: Call): Promise<number> {
  const { shell, args, strict, json } = call
  const [what = 'config'] = args
  if (what !== 'config') throw new Failure(`${JSON.stringify(what)} cannot be checked; "entente check config" can.`, EXIT.usage)
  const config = await loadConfig({ path: configFile(call), env: shell.env, modules: moduleFacts() })
  const refused = config.problems.filter((p) => p.severity === 'error' || (strict && p.severity === 'warning')).length
  if (json) shell.out(JSON.stringify(asData(config, refused === 0), undefined, 2))
  else printFindings(config, refused, shell)
  return refused === 0 ? EXIT.done : EXIT.configuration
}

function printFindings(config: Config, refused: number, shell: Shell): void {
  for (const problem of config.problems) shell.out(formatProblem(problem))
  const hosts = config.hosts.map(({ domain }) => domain).join(', ')
  const found = config.problems.length === 0 ? 'no problem was found' : counts(config)
  shell.out(refused === 0 ? `${config.path}: ${found}. Hosts: ${hosts}.` : `${config.path}: ${found}. The server does not start.`)
}

/** `1 error, 2 warnings` */
function counts(config: Config): string {
  return (['error', 'warning', 'notice'] as const)
    .map((severity) => ({ severity, count: config.problems.filter((p) => p.severity === severity).length }))
    .filter(({ count }) => count > 0)
    .map(({ severity, count }) => `${count} ${severity}${count === 1 ? '' : 's'}`)
    .join(', ')
}

function asData(config: Config, ok: boolean): unknown {
  return {
    ok,
    file: config.path,
    files: config.files,
    hosts: config.hosts.map(({ domain, kind }) => ({ domain, kind, modules: [...config.enabledModules(domain)] })),
    notServed: config.idle.map(({ domain, kind, reason }) => ({ domain, kind, reason })),
    problems: config.problems,
  }
}
