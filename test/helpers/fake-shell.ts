import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { run } from '../../src/cli/run.ts'
import type { Shell } from '../../src/cli/shell.ts'

/** A terminal or pipe that a test types into. */
export class FakeInput extends PassThrough {
  readonly isTTY: boolean
  /** What setRawMode was told, in order. */
  readonly raw: boolean[] = []

  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }

  setRawMode(raw: boolean): void {
    this.raw.push(raw)
  }
}

/** A shell that remembers what was written, and in which signals are events. */
export class FakeShell implements Shell {
  readonly env: Record<string, string | undefined>
  readonly cwd: string
  readonly program = '/usr/lib/entente/dist/main.js'
  readonly input: FakeInput
  readonly signals = new EventEmitter()
  readonly stdout: string[] = []
  readonly stderr: string[] = []
  readonly questions: string[] = []
  readonly exits: number[] = []

  constructor(options: { cwd: string; env?: Record<string, string>; terminal?: boolean }) {
    this.cwd = options.cwd
    this.env = options.env ?? {}
    this.input = new FakeInput(options.terminal ?? false)
  }

  out(line: string): void {
    this.stdout.push(line)
  }

  err(line: string): void {
    this.stderr.push(line)
  }

  ask(question: string): void {
    this.questions.push(question)
    this.onAsk?.(question)
  }

  /** What happens when a question is asked, such as typing the answer. */
  onAsk: ((question: string) => void) | undefined

  exit(code: number): void {
    this.exits.push(code)
  }
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a command line in a folder; input is what a pipe would bring. */
export async function runIn(cwd: string, argv: readonly string[], input?: string, env?: Record<string, string>): Promise<Ran> {
  const shell = new FakeShell({ cwd, ...(env === undefined ? {} : { env }) })
  shell.input.end(input ?? '')
  const code = await run(argv, shell)
  return { code, out: shell.stdout.join('\n'), err: shell.stderr.join('\n') }
}
