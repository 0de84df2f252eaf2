import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { formatProblem } from '../../src/config/problem.ts'
import { moduleFacts } from '../../src/server/modules.ts'
import { blocks, ROOT } from './pages.ts'

/** A folder for one test, with what a project has that installed the package. */
function folder(t: { after(run: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'entente-docs-'))
  t.after(() => rmSync(path, { recursive: true }))
  mkdirSync(join(path, 'node_modules'))
  symlinkSync(ROOT, join(path, 'node_modules', 'entente'))
  return path
}

const place = ({ page, line }: { page: string; line: number }): string => `${page}:${line}`

test('every block of TypeScript compiles against the public surface', (t) => {
  const path = folder(t)
  const found = blocks('ts')
  assert.ok(found.length > 5)
  for (const [i, { code }] of found.entries()) writeFileSync(join(path, `block-${i}.ts`), code)
  writeFileSync(
    join(path, 'tsconfig.json'),
    JSON.stringify({
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { typeRoots: [join(ROOT, 'node_modules', '@types')] },
      include: ['*.ts', join(ROOT, 'src/**/*.d.ts')],
    }),
  )
  writeFileSync(join(path, 'package.json'), '{ "type": "module" }')
  const run = spawnSync(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', path, '--pretty', 'false'], { encoding: 'utf8' })
  const names = run.stdout.replaceAll(/^.*block-(\d+)\.ts/gm, (_, i) => place(found[Number(i)]!))
  assert.equal(run.status, 0, names)
})

describe('every configuration loads', () => {
  for (const block of blocks('lua', 'lua warns')) {
    test(place(block), async (t) => {
      const path = join(folder(t), 'entente.cfg.lua')
      // most show a part of a file
      writeFileSync(path, block.code.includes('VirtualHost') ? block.code : `${block.code}\nVirtualHost "example.org"\n`)
      const { problems } = await loadConfig({ path, env: {}, modules: moduleFacts() })
      const bad = problems.filter((p) => p.severity === 'error' || (p.severity === 'warning' && block.tag === 'lua'))
      assert.deepEqual(bad.map(formatProblem), [])
    })
  }
})

describe('every block of commands that says so runs', () => {
  for (const block of blocks('sh test')) {
    test(place(block), (t) => {
      const run = spawnSync('sh', ['-e', '-c', block.code], {
        cwd: folder(t),
        encoding: 'utf8',
        env: { ...process.env, ENTENTE_CONFIG: '', PATH: `${join(ROOT, 'bin')}${delimiter}${process.env['PATH']}` },
      })
      assert.equal(run.status, 0, run.stdout + run.stderr)
    })
  }
})
