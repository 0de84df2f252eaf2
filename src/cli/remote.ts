import { setTimeout as pause } from 'node:timers/promises'
import { isOutcome } from '../admin/control.ts'
import { traceText } from '../admin/federation.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { controlSocketPath } from '../server/data-folder.ts'
import { FolderInUse, lockDataFolder } from '../store/lock.ts'
import { configFile } from './config-file.ts'
import { askServer, followServer, report } from './running.ts'
import { EXIT, Failure } from './shell.ts'
import type { Call } from './table.ts'

/** The server ends within 6 s; what takes longer is stuck. */
const LONGEST_STOP_MS = 8_000
const LOOK_MS = 25

/** `status`, `reload`, `s2s` and the like: only a running server can do them. */
export async function run(call: Call): Promise<number> {
  const { command, args, shell } = call
  // errors in the file do not count here: a server that runs can be asked and stopped all the same
  const config = await loadConfig({ path: configFile(call), env: shell.env, modules: [] })
  const path = controlSocketPath(config)
  if (command.name === 's2s' && args[0] === 'trace') return trace(path, config, call)
  const outcome = await askServer(path, command.name, args)
  if (outcome === undefined) throw nobody(path, config)
  if (command.name === 'stop' && outcome.ok) return stopped(config, call)
  return report(outcome, call)
}

const nobody = (path: string, config: Config): Failure =>
  new Failure(`no server is running with ${config.path} (nothing listens at ${path}).`)

/** Prints what comes until the user has enough, or the server ends. */
async function trace(path: string, config: Config, call: Call): Promise<number> {
  const { command, shell, json, bodies } = call
  const { promise: enough, resolve } = Promise.withResolvers<void>()
  const args = bodies ? [...call.args, 'bodies'] : call.args
  let code: number | undefined
  const hear = (line: unknown): void => {
    if (code !== undefined) shell.out(json ? JSON.stringify(line) : traceText(line))
    // its first line is the outcome; it is no part of the data
    else if (isOutcome(line)) code = json && line.ok ? EXIT.done : report(line, call)
  }
  shell.signals.on('SIGINT', resolve)
  shell.signals.on('SIGTERM', resolve)
  try {
    const found = await followServer(path, { command: command.name, args }, hear, enough)
    if (!found) throw nobody(path, config)
    return code ?? EXIT.failed
  } finally {
    shell.signals.off('SIGINT', resolve)
    shell.signals.off('SIGTERM', resolve)
  }
}

/** Waits until the server has let go of its data folder: everything is stored then. */
async function stopped(config: Config, { shell, json }: Call): Promise<number> {
  const folder = config.get(undefined, 'data_path')
  for (const end = performance.now() + LONGEST_STOP_MS; performance.now() < end; await pause(LOOK_MS)) {
    if (isInUse(folder)) continue
    shell.out(json ? JSON.stringify({ stopped: true }) : 'Stopped.')
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
