import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { controlSocketPath } from '../server/data-folder.ts'
import { FolderInUse, lockDataFolder } from '../store/lock.ts'
import { configFile } from './config-file.ts'
import { askServer, report } from './running.ts'
import { EXIT, Failure } from './shell.ts'
import type { Call } from './table.ts'

/** The server ends within 6 s; what takes longer is stuck. */
const LONGEST_STOP_MS = 8_000
const LOOK_MS = 25

/** `status`, `reload` and `stop`: only a running server can do them. */
export async function run(call: Call): Promise<number> {
  const { command, args, shell } = call
  // errors in the file do not count here: a server that runs can be asked and stopped all the same
  const config = await loadConfig({ path: configFile(call), env: shell.env, modules: [] })
  const path = controlSocketPath(config)
  const outcome = await askServer(path, command.name, args)
  if (outcome === undefined) throw new Failure(`no server is running with ${config.path} (nothing listens at ${path}).`)
  if (command.name === 'stop' && outcome.ok) return stopped(config, call)
  return report(outcome, call)
}

/** Waits until the server has let go of its data folder: everything is stored then. */
async function stopped(config: Config, { shell }: Call): Promise<number> {
  const folder = config.get(undefined, 'data_path')
  for (const end = performance.now() + LONGEST_STOP_MS; performance.now() < end; await pause(LOOK_MS)) {
    if (isInUse(folder)) continue
    shell.out('Stopped.')
    return EXIT.done
  }
  throw new Failure(`the server was told to stop, but still uses ${folder}.`)
}

function isInUse(folder: string): boolean {
  try {
    lockDataFolder(folder).dispose()
    return false
  } catch (error) {
    return error instanceof FolderInUse
  }
}
