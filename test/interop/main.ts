/**
 * Runs the tests against Debian's Prosody and ejabberd: all `*.test.ts` in this folder. `--install` installs the two
 * where they are missing; other arguments are file name parts, as in `npm test`.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installCommand, installPeers, missingPeers } from '../peers/install.ts'

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--install')) await installPeers()
  const missing = missingPeers()
  if (missing.length > 0) {
    console.error(`These tests need Debian's ${missing.join(', ')}. Install them with one of:
  npm run test:interop -- --install     (as root; no service is started)
  ${installCommand(missing)}`)
    return 1
  }
  const wanted = args.filter((arg) => !arg.startsWith('--'))
  const files = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.test.ts') && (wanted.length === 0 || wanted.some((part) => file.includes(part))))
    .map((file) => join(import.meta.dirname, file))
  if (files.length === 0) {
    console.error(`no test file matches ${wanted.join(' ')}`)
    return 1
  }
  return runTests(files)
}

/**
 * Two files at a time: each starts servers of its own, and more than two cores are not promised. The data of all servers
 * is in one folder, so that nothing of it stays, not even that of a test which was killed.
 */
async function runTests(files: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'entente-interop-'))
  try {
    return await spawnTests(files, { ...process.env, TMPDIR: folder })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function spawnTests(files: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const options = ['--conditions=entente-source', '--test', '--test-timeout=120000', '--test-concurrency=2']
  const child = spawn(process.execPath, [...options, ...files], { stdio: 'inherit', env })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message)
  return 1
})
