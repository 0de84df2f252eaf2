import type { Outcome } from '../admin/commands.ts'
import { type ControlRequest, isOutcome } from '../admin/control.ts'
import { askControlSocket } from '../net/control-socket.ts'
import { EXIT, Failure } from './shell.ts'
import type { Call } from './table.ts'

/**
 * What the running server answers; undefined when none listens at the path.
 *
 * @throws {Failure} when the server is there but cannot be asked
 */
export async function askServer(path: string, command: string, args: readonly string[]): Promise<Outcome | undefined> {
  const request: ControlRequest = { command, args }
  const answer = await askControlSocket(path, request).catch((error: unknown) => {
    throw new Failure(`the running server cannot be asked: ${error instanceof Error ? error.message : error}.`)
  })
  if (answer === undefined) return undefined
  if (isOutcome(answer)) return answer
  throw new Failure(`what answers at ${path} is no Entente.`)
}

/** Prints an outcome: what was done to standard output, what was refused to standard error. */
export function report(outcome: Outcome, { shell, json }: Pick<Call, 'shell' | 'json'>): number {
  if (json && outcome.ok) shell.out(JSON.stringify(outcome.data, undefined, 2))
  else if (outcome.ok) for (const line of outcome.lines) shell.out(line)
  else for (const line of outcome.lines) shell.err(`entente: ${line}`)
  return outcome.ok ? EXIT.done : EXIT.failed
}
