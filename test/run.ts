/**
 * Runs every test that needs no other server: all `*.test.ts` under test/, but those in test/interop.
 * Arguments are file name parts: `npm test -- framer` runs the files that contain "framer".
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const root = import.meta.dirname
const wanted = process.argv.slice(2)
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.test.ts') && !f.startsWith('interop/'))
  .filter((f) => wanted.length === 0 || wanted.some((w) => f.includes(w)))
  .map((f) => join(root, f))
  .sort()

if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}`)
  process.exit(1)
}
const run = spawnSync(process.execPath, ['--conditions=entente-source', '--test', '--test-timeout=120000', ...files], {
  stdio: 'inherit',
})
process.exit(run.status ?? 1)
