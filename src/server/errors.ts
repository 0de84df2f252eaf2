import { formatProblem, type Problem } from '../config/problem.ts'

/** The configuration has errors: nothing was opened or changed. Exit code 78 of the command. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(
      problems
        .filter((p) => p.severity === 'error')
        .map(formatProblem)
        .join('\n'),
    )
    this.problems = problems
  }
}

/** The server cannot run here: a port or the data folder is not to be had. The message is one plain sentence. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
