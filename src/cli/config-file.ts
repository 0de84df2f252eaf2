import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { formatProblem } from '../config/problem.ts'
import { EXIT, Failure, type Shell } from './shell.ts'
import type { Call } from './table.ts'

const FILE_NAME = 'entente.cfg.lua'
const SYSTEM_FOLDER = '/etc/entente'

/**
 * The configuration file of a call. The choice is said unless `--config` made it.
 *
 * @throws {Failure} when there is none
 */
export function configFile({ config, shell }: Pick<Call, 'config' | 'shell'>): string {
  if (config !== undefined) return resolve(shell.cwd, config)
  const chosen = choose(shell)
  if (chosen === undefined) {
    throw new Failure(
      `there is no configuration: neither ENTENTE_CONFIG nor ./${FILE_NAME} nor ${SYSTEM_FOLDER}/${FILE_NAME} is there; ` +
        '"entente init DOMAIN" makes one, --config FILE names one.',
      EXIT.configuration,
    )
  }
  shell.err(`entente: configuration: ${chosen.file} (${chosen.because})`)
  return chosen.file
}

function choose({ env, cwd }: Shell): { readonly file: string; readonly because: string } | undefined {
  const named = env['ENTENTE_CONFIG']
  // a variable that names a missing file is a mistake to be told, not a reason to look elsewhere
  if (named !== undefined && named !== '') return { file: resolve(cwd, named), because: 'from ENTENTE_CONFIG' }
  const here = join(cwd, FILE_NAME)
  if (existsSync(here)) return { file: here, because: 'in the current folder' }
  const system = join(SYSTEM_FOLDER, FILE_NAME)
  return existsSync(system) ? { file: system, because: 'the default place' } : undefined
}

/** Where `init` writes: FILE of `--config`, else the current folder. */
export function newConfigFile({ config, shell }: Pick<Call, 'config' | 'shell'>): string {
  return resolve(shell.cwd, config ?? FILE_NAME)
}

/** @throws {Failure} after every error was printed, with exit code 78 */
export function refuseErrors(config: Config, shell: Shell): void {
  if (!config.hasErrors) return
  const errors = config.problems.filter((p) => p.severity === 'error')
  for (const problem of errors) shell.err(formatProblem(problem))
  throw new Failure(countOfErrors(errors.length), EXIT.configuration)
}

export function countOfErrors(count: number): string {
  return `the configuration has ${count === 1 ? 'an error' : `${count} errors`}; nothing was changed.`
}
