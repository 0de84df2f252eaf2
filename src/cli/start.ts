import { formatProblem } from '../config/problem.ts'
import { configFile, countOfErrors } from './config-file.ts'
import { EXIT, Failure, type Shell } from './shell.ts'
import type { Call } from './table.ts'

/** `start`: the server, in the foreground, until it is told to end. */
export async function run(call: Call): Promise<number> {
  const { shell } = call
  const path = configFile(call)
  const signals = new Signals(shell)
  try {
    // the whole server: only this command pays for loading it
    const { createServer, ConfigError, StartError } = await import('../server.ts')
    try {
      const server = await createServer({ configFile: path, env: shell.env })
      return await live(server, signals)
    } catch (error) {
      if (error instanceof ConfigError) throw refused(error, shell)
      if (error instanceof StartError) throw new Failure(error.message)
      throw error
    }
  } finally {
    signals.dispose()
  }
}

/** What `start` needs of a server. */
export interface Startable {
  start(): Promise<void>
  stop(reason?: string): Promise<void>
  readonly ended: Promise<void>
  reload(): Promise<unknown>
  reopenLogs(): void
}

/** Starts a server and hands it the signals; resolves with the exit code when it has ended. */
export async function live(server: Startable, signals: Signals): Promise<number> {
  signals.attach(server)
  try {
    if (signals.ending === undefined) await server.start()
  } catch (error) {
    if (signals.ending === undefined) throw error // told to end while it started: no failure
  }
  await (signals.ending ?? server.ended)
  return EXIT.done
}

function refused(error: { readonly problems: readonly Parameters<typeof formatProblem>[0][] }, shell: Shell): Failure {
  for (const problem of error.problems) shell.err(formatProblem(problem))
  return new Failure(countOfErrors(error.problems.filter((p) => p.severity === 'error').length), EXIT.configuration)
}

const ENDING = { SIGINT: 2, SIGTERM: 15 } as const

/** The signals of a running server. To be told to end before there is a server counts once it is there. */
export class Signals {
  /** The end of the server, once a signal asked for it. */
  ending: Promise<void> | undefined
  readonly #shell: Shell
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[]
  #server: Startable | undefined
  #asked: NodeJS.Signals | undefined

  constructor(shell: Shell) {
    this.#shell = shell
    this.#listeners = [
      ['SIGINT', () => this.#end('SIGINT')],
      ['SIGTERM', () => this.#end('SIGTERM')],
      ['SIGHUP', () => this.#refresh()],
    ]
    for (const [signal, listener] of this.#listeners) shell.signals.on(signal, listener)
  }

  attach(server: Startable): void {
    this.#server = server
    if (this.#asked !== undefined) this.ending = server.stop(this.#asked)
  }

  dispose(): void {
    for (const [signal, listener] of this.#listeners) this.#shell.signals.off(signal, listener)
  }

  #end(signal: keyof typeof ENDING): void {
    if (this.#asked !== undefined) {
      this.#shell.exit(128 + ENDING[signal]) // the second one: at once
      return
    }
    this.#asked = signal
    this.ending = this.#server?.stop(signal)
  }

  /** After a rotation of the logs, or a change of configuration or certificates. The server logs what comes of it. */
  #refresh(): void {
    if (this.#asked !== undefined) return
    this.#server?.reopenLogs()
    void this.#server?.reload()
  }
}
