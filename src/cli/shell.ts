/** Standard input as commands use it: `isTTY` and `setRawMode` are there on a terminal only. */
export interface ShellInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
}

/** Where signals arrive; a process, or an emitter in a test. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  off(signal: NodeJS.Signals, listener: () => void): unknown
}

/** What surrounds a command: everything it may know of or do to the process that it runs in. */
export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** The file that was started, as in argv. */
  readonly program: string
  readonly input: ShellInput
  /** One line for standard output: what was asked for. */
  out(line: string): void
  /** One line for standard error: everything else. */
  err(line: string): void
  /** A question on standard error; the answer follows on the same line. */
  ask(question: string): void
  readonly signals: SignalSource
  /** Ends the process at once. */
  exit(code: number): void
}

/** Exit codes; 70 and 78 are EX_SOFTWARE and EX_CONFIG of sysexits.h. Service supervisors can be told not to restart on 78. */
export const EXIT = { done: 0, failed: 1, usage: 2, bug: 70, configuration: 78 } as const

/** Ends a command: one sentence for standard error, and the exit code. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: number

  constructor(message: string, code: number = EXIT.failed) {
    super(message)
    this.code = code
  }
}
