import { SOFTWARE } from '../core/software.ts'
import { readArguments } from './arguments.ts'
import { explain, overview } from './help.ts'
import { EXIT, Failure, type Shell } from './shell.ts'

/** Runs a command line; its exit code. Rejects for bugs only. */
export async function run(argv: readonly string[], shell: Shell): Promise<number> {
  try {
    return await obey(argv, shell)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    shell.err(`entente: ${error.message}`)
    return error.code
  }
}

async function obey(argv: readonly string[], shell: Shell): Promise<number> {
  const request = readArguments(argv)
  switch (request.ask) {
    case 'version':
      return print(shell, [`${SOFTWARE.name} ${SOFTWARE.version}`])
    case 'overview':
      return print(shell, overview())
    case 'help':
      return print(shell, explain(request.command))
    case 'run': {
      const { run: perform } = await request.command.load()
      return perform({ ...request, shell })
    }
    default:
      return request satisfies never
  }
}

function print(shell: Shell, lines: readonly string[]): number {
  for (const line of lines) shell.out(line)
  return EXIT.done
}
