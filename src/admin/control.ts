import { type Operations, type Outcome, runCommand } from './commands.ts'

/** What is asked over the control socket. */
export interface ControlRequest {
  readonly command: string
  readonly args: readonly string[]
}

/** The server's side: carries out a request as it came, whatever it is. */
export function answerControl(operations: Operations, request: unknown): Promise<Outcome> {
  if (!isRequest(request)) return Promise.resolve({ ok: false, lines: ['A request is {"command": "...", "args": ["..."]}.'] })
  return runCommand(operations, request.command, request.args)
}

function isRequest(value: unknown): value is ControlRequest {
  if (typeof value !== 'object' || value === null || !('command' in value) || !('args' in value)) return false
  return typeof value.command === 'string' && isTexts(value.args)
}

/** The command's side: whether an answer is an outcome. */
export function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== 'object' || value === null || !('ok' in value) || !('lines' in value)) return false
  return typeof value.ok === 'boolean' && isTexts(value.lines)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
