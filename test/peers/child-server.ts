import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { rmSync } from 'node:fs'
import { CLIENT_PORT, type Peer, type PeerOptions, S2S_PORT } from './peer.ts'

const STOP_MS = 5_000
const START_MS = 60_000

export interface Launch {
  readonly command: readonly string[]
  /** Its data, deleted at the end. */
  readonly folder: string
  readonly env?: Readonly<Record<string, string>>
  /** What it writes when it accepts connections, in any order. */
  readonly ready: readonly RegExp[]
}

/** Starts a server that is configured already; resolves when it accepts connections. */
export async function launch({ domain, address }: PeerOptions, { command, folder, env, ready }: Launch): Promise<Peer> {
  const server = new ChildServer(command, folder, env)
  try {
    for (const line of ready) await server.waitForLog(line, START_MS)
  } catch (error) {
    await server.stop()
    throw error
  }
  return {
    domain,
    address,
    clientPort: CLIENT_PORT,
    s2sPort: S2S_PORT,
    pid: server.pid,
    startedAtMs: server.startedAtMs,
    log: () => server.log(),
    waitForLog: (pattern, withinMs) => server.waitForLog(pattern, withinMs),
    stop: () => server.stop(),
  }
}

/**
 * A server as a child process, with what it writes. It never outlives us: the kernel kills it when this process ends in
 * any way.
 */
export class ChildServer {
  readonly pid: number
  readonly startedAtMs: number
  readonly #child: ChildProcess
  readonly #output = new EventEmitter().setMaxListeners(100)
  readonly #folder: string
  readonly #exited: Promise<unknown>
  #log = ''
  #ended = false

  /** @param folder its data, deleted at the end */
  constructor(command: readonly string[], folder: string, env: Readonly<Record<string, string>> = {}) {
    this.#folder = folder
    this.startedAtMs = performance.timeOrigin + performance.now()
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: folder,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: folder, ...env },
    })
    this.pid = this.#child.pid ?? 0
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#wrote(text))
    }
    process.once('exit', this.#remove)
    this.#exited = once(this.#child, 'close').then(
      ([code, signal]) => this.#end(`[ended with ${code ?? signal}]`),
      (error: Error) => this.#end(`[${error.message}]`),
    )
  }

  log(): string {
    return this.#log
  }

  async waitForLog(pattern: RegExp, withinMs = 15_000): Promise<RegExpMatchArray> {
    const timeout = AbortSignal.timeout(withinMs)
    for (;;) {
      const match = this.#log.match(pattern)
      if (match) return match
      if (this.#ended) throw new Error(`the server ended without ${pattern}:\n${this.#log}`)
      try {
        await once(this.#output, 'changed', { signal: timeout })
      } catch (cause) {
        throw new Error(`no ${pattern} within ${withinMs} ms:\n${this.#log}`, { cause })
      }
    }
  }

  async stop(): Promise<void> {
    const force = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    this.#child.kill('SIGTERM')
    await this.#exited
    clearTimeout(force)
  }

  #wrote(text: string): void {
    this.#log += text
    this.#output.emit('changed')
  }

  #end(last: string): void {
    this.#ended = true
    this.#wrote(last)
    this.#remove()
    process.off('exit', this.#remove)
  }

  readonly #remove = (): void => rmSync(this.#folder, { recursive: true, force: true })
}
