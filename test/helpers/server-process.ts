import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Outcome, Status } from '../../src/admin/commands.ts'
import { askControlSocket } from '../../src/net/control-socket.ts'
import { PASSWORD } from './network.ts'
import { type LoginOptions, TestClient } from './test-client.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'entente')
const WAIT_MS = 15_000

/** A line of the log, as the process writes it where there is no terminal. */
export interface LogLine {
  readonly time: string
  readonly level: string
  readonly name: string
  readonly event: string
  readonly [field: string]: unknown
}

export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A line that says what it should, in event or fields. */
export type Fits = string | RegExp | ((line: LogLine) => boolean)

const fitting = (fits: Fits): ((line: LogLine) => boolean) => {
  if (typeof fits === 'function') return fits
  return ({ event }) => (typeof fits === 'string' ? event === fits : fits.test(event))
}

/** The server as an operator runs it: a child process of `bin/entente start`. Dispose it and it is gone. */
export class ServerProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly lines: LogLine[] = []
  /** What came on standard error. */
  stderr = ''
  readonly exited: Promise<ProcessEnd>
  readonly #configFile: string
  end: ProcessEnd | undefined
  #wake = Promise.withResolvers<void>()

  /** @param limits options of prlimit(1), such as `--nofile=64` */
  constructor(configFile: string, limits: readonly string[] = [], env: NodeJS.ProcessEnv = process.env) {
    this.#configFile = configFile
    const command = [...(limits.length === 0 ? [] : ['prlimit', ...limits]), BIN, 'start', '--config', configFile]
    this.child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env })
    createInterface({ input: this.child.stdout! }).on('line', (text) => this.#heard(text))
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.exited = new Promise((resolve) => {
      // 'close' comes after the last of the output
      this.child.once('close', (code, signal) => {
        this.end = { code, signal }
        this.#stir()
        resolve(this.end)
      })
    })
  }

  /** Starts and waits until it says that it is ready. */
  static async start(configFile: string, limits: readonly string[] = [], env = process.env): Promise<ServerProcess> {
    const server = new ServerProcess(configFile, limits, env)
    await server.line('ready')
    return server
  }

  get pid(): number {
    return this.child.pid!
  }

  #heard(text: string): void {
    this.lines.push(JSON.parse(text) as LogLine)
    this.#stir()
  }

  #stir(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  /** The first line from `from` on that fits, now or later. Rejects when the process ends or nothing comes. */
  async line(fits: Fits, from = 0): Promise<LogLine> {
    const fit = fitting(fits)
    const deadline = performance.now() + WAIT_MS
    for (let seen = from; ; seen++) {
      while (seen >= this.lines.length) {
        if (this.end !== undefined) throw new Error(`no line ${fits}: ended with ${this.end.code}\n${this.output}`)
        await this.#more(deadline, fits)
      }
      if (fit(this.lines[seen]!)) return this.lines[seen]!
    }
  }

  async #more(deadline: number, fits: Fits): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((_, reject) => {
      const why = () => reject(new Error(`no line ${fits} came\n${this.output}`))
      timer = setTimeout(why, deadline - performance.now())
    })
    await Promise.race([this.#wake.promise, late]).finally(() => clearTimeout(timer))
  }

  /** Lines that fit, so far. */
  all(fits: Fits): readonly LogLine[] {
    return this.lines.filter(fitting(fits))
  }

  get output(): string {
    return [...this.lines.map((l) => JSON.stringify(l)), this.stderr].join('\n')
  }

  /** Address and port of a service, as the last line about ports says. */
  address(service: string): { readonly address: string; readonly port: number } {
    const listening = this.lines.findLast((l) => typeof l['listening'] === 'string')?.['listening']
    const found = String(listening)
      .split(', ')
      .find((one) => one.startsWith(`${service} `))
    if (found === undefined) throw new Error(`${service} is not open: ${listening}`)
    const [, address, port] = /^\S+ (.+):(\d+)$/.exec(found)!
    return { address: address!.replace(/^\[|\]$/g, ''), port: Number(port) }
  }

  /** Logs a user in over STARTTLS. */
  client(account: string, password: string, more: Partial<LoginOptions> = {}): Promise<TestClient> {
    const [user, domain] = account.split('@') as [string, string]
    return TestClient.login({ ...this.address('c2s'), domain, user, password, resource: 'test', ...more })
  }

  /** What a command of `bin/entente` asks, without a process for it; the data folder is `data` beside the configuration. */
  async ask(command: string, ...args: string[]): Promise<Outcome> {
    const answer = await askControlSocket(join(dirname(this.#configFile), 'data', 'entente.sock'), { command, args })
    if (answer === undefined) throw new Error(`the server cannot be asked\n${this.output}`)
    return answer as Outcome // its own answer
  }

  /** Makes accounts, all with the usual password. */
  async users(...addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const { ok, lines } = await this.ask('adduser', address, PASSWORD)
      if (!ok) throw new Error(lines.join('\n'))
    }
  }

  async status(): Promise<Status> {
    return (await this.ask('status')).data as Status // what `status` gives
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** SIGHUP; resolves with the lines that came of it, the last of them the verdict. */
  async reload(): Promise<readonly LogLine[]> {
    const from = this.lines.length
    this.signal('SIGHUP')
    await this.line(/^configuration reloaded|^reload/, from)
    return this.lines.slice(from)
  }

  async stop(): Promise<ProcessEnd> {
    this.signal('SIGTERM')
    return this.exited
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited
  }

  /** How many descriptors it holds. */
  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length
  }

  /** Resident memory in MiB. */
  memory(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))![1]) / 1024
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.end === undefined) await this.kill()
  }
}

/** Runs a command of `bin/entente` to its end. */
export function entente(...args: string[]): { readonly code: number | null; readonly out: string; readonly err: string } {
  const { status, stdout, stderr } = spawnSync(BIN, args, { encoding: 'utf8', timeout: WAIT_MS })
  return { code: status, out: stdout, err: stderr }
}

/** What needs Linux's /proc and prlimit(1). */
export const IS_LINUX = process.platform === 'linux' && existsSync('/usr/bin/prlimit')
