import { dirname, resolve } from 'node:path'
import { check } from './check.ts'
import type { Config } from './config.ts'
import { type Disk, realDisk } from './disk.ts'
import type { Environment } from './language.ts'
import type { LuaMachine } from './lua-machine.ts'
import type { ModuleFacts } from './modules.ts'
import { NeedsLuaMachine, Reader } from './reader.ts'

export interface LoadOptions {
  readonly path: string
  /** The variables that `os.getenv` and `ENV_NAME` see. */
  readonly env: Environment
  /** The modules that this server has; all others are told as missing. */
  readonly modules: Iterable<ModuleFacts>
  readonly disk?: Disk
}

/** Reads a configuration and checks all of it. Never fails: what is wrong, even a missing file, is in `problems`. */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const reader = await read(options)
  const modules = new Map([...options.modules].map((m) => [m.name, m]))
  return check(reader, options.path, dirname(resolve(options.path)), modules)
}

async function read(options: LoadOptions): Promise<Reader> {
  try {
    return run(options, undefined)
  } catch (error) {
    if (!(error instanceof NeedsLuaMachine)) throw error
    // 80 ms of loading that only a file with functions or loops pays for
    const { LuaMachine } = await import('./lua-machine.ts')
    return run(options, new LuaMachine())
  }
}

function run(options: LoadOptions, machine: LuaMachine | undefined): Reader {
  const reader = new Reader(options.path, options.disk ?? realDisk, options.env, machine)
  reader.read(options.path)
  return reader
}
