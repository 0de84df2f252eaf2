import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** One line of a server's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string }

interface Waiting {
  readonly wants: (line: LogLine) => boolean
  readonly resolve: (line: LogLine) => void
  readonly reject: (error: Error) => void
}

const COMMAND = join(import.meta.dirname, '..', 'bin', 'entente')
/** How many of its last words are shown of a server that failed. */
const LAST_LINES = 15
/** A server ends within 6 s by itself. */
const PATIENCE_MS = 8000

/** A server as an operator runs it, `entente start`, which tells in its log what it does. */
export class ServerProcess {
  readonly configFile: string
  readonly #child: ChildProcess
  readonly #lines: LogLine[] = []
  readonly #complaints: string[] = []
  readonly #waiting = new Set<Waiting>()
  readonly #ended: Promise<void>
  #stopping = false

  /** `failed` is told when it ends without being asked. */
  constructor(domain: string, configFile: string, failed: (error: Error) => void) {
    this.configFile = configFile
    // a process group of its own: Ctrl-C on the terminal reaches the demo alone, which then ends the servers in order
    const child = spawn(COMMAND, ['start', '--config', configFile], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (text) => this.#read(text))
    createInterface({ input: child.stderr }).on('line', (text) => this.#complaints.push(text))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    const over = (why: string) => {
      const error = new Error(`the server of ${domain} ${why}`)
      for (const { reject } of this.#waiting) reject(error)
      this.#waiting.clear()
      if (!this.#stopping) failed(error)
      resolve()
    }
    child.once('error', (error) => over(`did not start: ${error.message}`))
    child.once('close', (code, signal) => over(`ended with ${signal ?? code}`))
  }

  #read(text: string): void {
    const line = JSON.parse(text) as LogLine // our own log: one object a line, with an event in each
    this.#lines.push(line)
    for (const waiting of this.#waiting) {
      if (!waiting.wants(line)) continue
      this.#waiting.delete(waiting)
      waiting.resolve(line)
    }
  }

  /** The first line of this event with these fields: one that was written already, or the next. Rejects when the server ends. */
  event(event: string, fields: Readonly<Record<string, string>> = {}): Promise<LogLine> {
    const wants = (line: LogLine) => line.event === event && Object.entries(fields).every(([key, value]) => line[key] === value)
    const known = this.#lines.find(wants)
    if (known !== undefined) return Promise.resolve(known)
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>()
    this.#waiting.add({ wants, resolve, reject })
    return promise
  }

  /** The ports it listens on, once it is ready. */
  async ports(): Promise<{ readonly c2s: number; readonly s2s: number }> {
    const listening = String((await this.event('ready'))['listening'])
    const port = (service: string) => Number(new RegExp(`\\b${service} \\S+:(\\d+)`).exec(listening)?.[1])
    return { c2s: port('c2s'), s2s: port('s2s') }
  }

  /** Its last words, for a reader who must find out what went wrong. */
  get lastWords(): readonly string[] {
    return [...this.#lines.map((line) => JSON.stringify(line)), ...this.#complaints].slice(-LAST_LINES)
  }

  /** Ends it, gently first. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#child.kill('SIGTERM')
    const impatient = setTimeout(() => this.kill(), PATIENCE_MS)
    await this.#ended
    clearTimeout(impatient)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Runs one command of the server to its end, for example `adduser`. */
export async function entente(...args: readonly string[]): Promise<void> {
  const child = spawn(COMMAND, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.once('error', reject)
  child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`entente ${args[0]}: ${complaint.trim()}`))))
  return promise
}
