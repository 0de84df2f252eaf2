import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { SOFTWARE } from '../src/core/software.ts'
import { temporaryFolder } from './helpers/temporary-folder.ts'

const ROOT = join(import.meta.dirname, '..')
const run = promisify(execFile)

/** The Node of these tests also for npm and for what it starts. Settings of an npm around us would change what ours does. */
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?:config_(?!registry|cache)|package_|lifecycle_)/.test(name)),
  ),
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
}

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

describe('the package', () => {
  const folder = temporaryFolder()
  let packed: Packed

  before(async () => {
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT, env })
    packed = JSON.parse(stdout)[0]
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `./${packed.filename}`], { cwd: folder, env })
  })

  const inFolder = async (file: string, args: readonly string[]): Promise<string> =>
    (await run(file, args, { cwd: folder, env })).stdout

  test('holds what a user needs and nothing else', () => {
    const others = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('dist/'))
    const allowed = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']
    assert.deepEqual(
      others.filter((path) => !allowed.includes(path)),
      [],
    )
    const orphans = packed.files
      .map(({ path }) => /^dist\/(.+?)(?:\.d\.ts|\.js)$/.exec(path)?.[1] ?? path)
      .filter((name) => !allowed.includes(name) && !existsSync(join(ROOT, 'src', `${name}.ts`)))
    assert.deepEqual(orphans, [], 'every file in dist comes from a source')
  })

  test('the versions of package and program are one', () => {
    assert.equal(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version, SOFTWARE.version)
  })

  test('npx entente runs', async () => {
    assert.equal(await inFolder('npx', ['entente', '--version']), `${SOFTWARE.name} ${SOFTWARE.version}\n`)
  })

  test('the command makes a configuration and an account', async () => {
    const entente = join(folder, 'node_modules', '.bin', 'entente')
    assert.match(await inFolder(entente, ['init', 'example.com']), /npx entente start/)
    assert.match(await inFolder(entente, ['check', 'config', '--strict']), /no problem was found/)
    const { stdout, stderr } = await run(entente, ['adduser', '--config', 'entente.cfg.lua', 'romeo@example.com', 'x'], {
      cwd: folder,
      env,
    })
    assert.deepEqual([stdout, stderr], ['The account romeo@example.com is made.\n', ''])
  })

  test('the library is imported by its three names', async () => {
    const script = `
      import { createServer, ConfigError, parseJid, SOFTWARE } from 'entente'
      import { defineModule, el } from 'entente/module'
      import { TestAuthority, TestDns } from 'entente/testing'
      const server = await createServer({ configFile: 'entente.cfg.lua' })
      const refused = await createServer({ configFile: 'missing.lua' }).catch((error) => error instanceof ConfigError)
      const kinds = [defineModule, el, TestAuthority, TestDns].map((one) => typeof one)
      console.log(JSON.stringify([SOFTWARE.version, server.config.hosts[0].domain, refused, String(parseJid('A@B.example')), ...kinds]))`
    writeFileSync(join(folder, 'library.js'), script)
    assert.deepEqual(JSON.parse(await inFolder(process.execPath, ['library.js'])), [
      SOFTWARE.version,
      'example.com',
      true,
      'a@b.example',
      ...Array(4).fill('function'),
    ])
  })

  test('its types hold together, and in the hands of a module author', async () => {
    const source = `
      import { createServer, type Server } from 'entente'
      import { defineModule, NS } from 'entente/module'
      import { TestDns } from 'entente/testing'
      export const server: Promise<Server> = createServer({ configFile: 'x' })
      export const mine = defineModule({ name: 'mine', summary: 'Mine.', setup: (ctx) => ctx.advertise(NS.ping) })
      export const dns: typeof TestDns = TestDns
      // @ts-expect-error a module has a name
      export const nameless = defineModule({ summary: 'x', setup: () => {} })`
    writeFileSync(join(folder, 'author.ts'), source)
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node']
    const lib = ['--lib', 'es2024,esnext.collection,esnext.array,esnext.iterator,esnext.disposable']
    const roots = ['--typeRoots', join(ROOT, 'node_modules', '@types'), '--ignoreConfig']
    await run(join(ROOT, 'node_modules', '.bin', 'tsc'), [...options, ...lib, ...roots, 'author.ts'], { cwd: folder, env }).catch(
      (error: { stdout?: string }) => assert.fail(error.stdout || String(error)),
    )
  })
})
