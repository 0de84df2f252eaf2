import { debuglog } from 'node:util'
import { run } from './run.ts'
import { EXIT, type Shell } from './shell.ts'

/** The process as a shell for {@link run}: streams, warnings, and the exit code at the end. */
export async function main(host: NodeJS.Process): Promise<void> {
  // a reader that is gone (`entente --help | head -1`) is no reason to fail, least of all for a server
  host.stdout.on('error', () => {})
  host.stderr.on('error', () => {})
  quietWarnings(host)
  const shell = shellOf(host)
  host.on('uncaughtException', (error) => host.exit(unexpected(shell, error)))
  let code: number
  try {
    code = await run(host.argv.slice(2), shell)
  } catch (error) {
    code = unexpected(shell, error)
  }
  await Promise.all([host.stdout, host.stderr].map((stream) => new Promise((done) => stream.write('', done))))
  host.exit(code) // a terminal or pipe on standard input would keep the process alive
}

function shellOf(host: NodeJS.Process): Shell {
  return {
    env: host.env,
    cwd: host.cwd(),
    program: host.argv[1] ?? 'entente',
    input: host.stdin,
    out: (line) => void host.stdout.write(`${line}\n`),
    err: (line) => void host.stderr.write(`${line}\n`),
    ask: (question) => void host.stderr.write(question),
    signals: host,
    exit: (code) => host.exit(code),
  }
}

/** Node tells on standard error that its SQLite is young; only other warnings are of use to whoever runs this. */
function quietWarnings(host: NodeJS.Process): void {
  host.removeAllListeners('warning')
  host.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') host.stderr.write(`entente: warning: ${warning.message}\n`)
  })
}

/** What is thrown and is no answer is a bug of ours. NODE_DEBUG=entente shows where. */
function unexpected(shell: Shell, error: unknown): number {
  shell.err(`entente: this is a bug in Entente: ${error instanceof Error ? error.message : String(error)}`)
  debuglog('entente')('%s', error instanceof Error ? error.stack : error)
  return EXIT.bug
}
