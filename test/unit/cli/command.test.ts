import assert from 'node:assert/strict'
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { SOFTWARE } from '../../../src/core/software.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const COMMAND = join(ROOT, 'bin', 'entente')

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** Gathers what a process writes; resolves when it has ended. */
async function ended(child: ChildProcess): Promise<Ended> {
  let [out, err] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text))
  const [code, signal] = await once(child, 'close')
  return { code, signal, out, err }
}

function entente(args: readonly string[], options: SpawnOptions & { command?: string } = {}): Promise<Ended> {
  const { command = COMMAND, ...rest } = options
  return ended(spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...rest }))
}

/** A configuration that needs no fixed port. */
function serverFolder(more = ''): string {
  const folder = temporaryFolder()
  const text = `interfaces = { "127.0.0.1" }; c2s_ports = { 0 }; s2s_ports = { 0 }; run_as_root = true
s2s_require_encryption = true; modules_enabled = { "disco", "saslauth", "tls" }
${more}
VirtualHost "a.example"\n`
  writeFileSync(join(folder, 'entente.cfg.lua'), text)
  return folder
}

describe('bin/entente', () => {
  test('runs from any folder and through symlinks to symlinks', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'a folder'))
    symlinkSync(COMMAND, join(folder, 'direct'))
    symlinkSync('../direct', join(folder, 'a folder', 'relative'))
    symlinkSync(join(folder, 'a folder'), join(folder, 'linked'))
    for (const command of [
      COMMAND,
      join(folder, 'direct'),
      join(folder, 'a folder', 'relative'),
      join(folder, 'linked', 'relative'),
    ]) {
      const { code, out, err } = await entente(['--version'], { command, cwd: '/' })
      assert.deepEqual([code, out, err], [0, `${SOFTWARE.name} ${SOFTWARE.version}\n`, ''], command)
    }
    const { out } = await entente(['--version'], {
      command: 'relative',
      cwd: '/',
      env: { PATH: `${folder}/a folder:${process.env['PATH']}` },
    })
    assert.equal(out, `${SOFTWARE.name} ${SOFTWARE.version}\n`, 'found on the PATH')
  })

  test('a reader that goes away is no error', async () => {
    const child = spawn('/bin/sh', ['-c', `"$0" --help | true`, COMMAND], { stdio: ['ignore', 'pipe', 'pipe'] })
    assert.deepEqual(await ended(child), { code: 0, signal: null, out: '', err: '' })
  })

  test('standard input that stays open does not keep it alive', async () => {
    const folder = serverFolder()
    const child = spawn(COMMAND, ['adduser', '--config', 'entente.cfg.lua', 'romeo@a.example'], { cwd: folder, stdio: 'pipe' })
    child.stdin.write('sesame\n')
    const { code, out, err } = await ended(child)
    assert.deepEqual([code, out, err], [0, 'The account romeo@a.example is made.\n', ''])
  })

  test('short commands need less than 300 ms', async () => {
    const folder = serverFolder()
    for (const args of [['--help'], ['check', 'config'], ['adduser', 'romeo@a.example', 'x']]) {
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i < 10 && best >= 300; i++) best = Math.min(best, await cpuMs(args, folder))
      assert.ok(best < 300, `${args[0]}: ${best} ms`)
    }
  })
})

/** Processor time of a command and all that it starts: what it takes on an idle machine, whatever this one does meanwhile. */
async function cpuMs(args: readonly string[], cwd: string): Promise<number> {
  const script = ['-c', '"$@" >/dev/null 2>&1; times', 'sh', COMMAND, ...args]
  const { out } = await entente(script, { command: '/bin/sh', cwd })
  const [, children] = out.trim().split('\n')
  const times = [...(children ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  assert.equal(times.length, 2, out)
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60_000 + Number(seconds) * 1000, 0)
}

describe('which Node', () => {
  /** A checkout of which only the command is there, and a PATH with the tools that it needs and perhaps a node. */
  function bareCheckout(node?: string): { command: string; env: NodeJS.ProcessEnv; root: string } {
    const root = temporaryFolder()
    for (const name of ['bin', 'path']) mkdirSync(join(root, name))
    copyFileSync(COMMAND, join(root, 'bin', 'entente'))
    for (const tool of ['dirname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, join(root, 'path', tool))
    if (node !== undefined) writeFileSync(join(root, 'path', 'node'), `#!/bin/sh\n${node}\n`, { mode: 0o755 })
    return { command: join(root, 'bin', 'entente'), env: { PATH: join(root, 'path') }, root }
  }
  const sentence = (found: string, root: string) =>
    `entente: Node 24 or newer is needed, and ${found} was found: run "npm ci" in ${root}, or install Node from https://nodejs.org.\n`

  const without = [
    [undefined, 'none'],
    ['echo v20.19.0', 'v20.19.0'],
    ['echo v9.1.0', 'v9.1.0'],
    ['echo broken', 'broken'],
    ['exit 1', 'none'],
  ] as const
  for (const [node, found] of without) {
    test(`${node ?? 'no node'} on the PATH: one sentence that says what to do`, async () => {
      const { command, env, root } = bareCheckout(node)
      assert.deepEqual(await entente(['--version'], { command, env }), {
        code: 1,
        signal: null,
        out: '',
        err: sentence(found, root),
      })
    })
  }

  const ECHO = 'if [ "$1" = --version ]; then echo v24.0.0; else echo "path: $*"; fi'

  test('a node of the PATH that is new enough runs the sources', async () => {
    const { command, env, root } = bareCheckout(ECHO)
    mkdirSync(join(root, 'node_modules', 'luaparse'), { recursive: true })
    const { code, out } = await entente(['status', 'a b'], { command, env })
    assert.deepEqual(
      [code, out.startsWith('path: --conditions=entente-source '), out.endsWith(`${root}/src/main.ts status a b\n`)],
      [0, true, true],
    )
  })

  test("node_modules' Node comes first", async () => {
    const { command, env, root } = bareCheckout(ECHO)
    mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true })
    mkdirSync(join(root, 'node_modules', 'luaparse'))
    writeFileSync(join(root, 'node_modules', '.bin', 'node'), '#!/bin/sh\necho own\n', { mode: 0o755 })
    assert.equal((await entente([], { command, env })).out, 'own\n')
  })

  test('packages that are not installed are one sentence', async () => {
    const { command, env, root } = bareCheckout(ECHO)
    const { code, err } = await entente([], { command, env })
    assert.deepEqual([code, err], [1, `entente: the packages that it needs are not installed: run "npm ci" in ${root}.\n`])
  })

  test('main on an older Node says the same and imports nothing', async () => {
    const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.0' } })`
    const main = join(ROOT, 'src', 'main.ts')
    const child = spawn(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(old)}`, main, 'start'], {
      stdio: 'pipe',
    })
    const { code, out, err } = await ended(child)
    assert.deepEqual([code, out], [1, ''])
    assert.equal(err, 'entente: Node 24 or newer is needed, and v20.19.0 was found: install Node from https://nodejs.org.\n')
  })
})

/** Starts a server; resolves when it says that it is ready. */
async function started(folder: string): Promise<{ child: ChildProcess; end: Promise<Ended>; log: () => string }> {
  const child = spawn(COMMAND, ['start'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  const end = ended(child)
  await new Promise<void>((resolve, reject) => {
    child.stdout!.on('data', (text: string) => {
      log += text
      if (log.includes('"event":"ready"')) resolve()
    })
    void end.then(({ err }) => reject(new Error(`it ended before it was ready: ${err}`)))
  })
  return { child, end, log: () => log }
}

describe('start', () => {
  test("one process: its id, signals and exit code are the server's own", async () => {
    const folder = serverFolder()
    const { child, end, log } = await started(folder)
    const status = await entente(['status', '--json'], { cwd: folder })
    assert.equal(JSON.parse(status.out).pid, child.pid)
    for (const line of log().trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line)
    child.kill('SIGHUP')
    child.kill('SIGTERM')
    const { code, err } = await end
    assert.equal(code, 0)
    assert.equal(err, `entente: configuration: ${folder}/entente.cfg.lua (in the current folder)\n`)
    assert.equal((await entente(['status'], { cwd: folder })).code, 1)
  })

  test('accounts are made in the running server; stop waits until it has ended', async () => {
    const folder = serverFolder()
    const { end } = await started(folder)
    const flags = { cwd: folder, env: { ...process.env, ENTENTE_CONFIG: 'entente.cfg.lua' } }
    assert.equal((await entente(['adduser', 'romeo@a.example', 'x'], flags)).out, 'The account romeo@a.example is made.\n')
    assert.match((await entente(['status'], flags)).out, /^a\.example: 0 clients connected$/m)
    writeFileSync(join(folder, 'entente.cfg.lua'), 'x = = 1')
    const reload = await entente(['reload'], flags)
    assert.equal(reload.code, 1)
    assert.match(
      reload.err,
      /entente\.cfg\.lua:1:\d+: error: .*\nentente: Not reloaded: the server goes on with what it had\.\n$/,
    )
    const stop = await entente(['stop'], flags)
    assert.deepEqual([stop.code, stop.out], [0, 'Stopped.\n'], 'also with a configuration that is broken now')
    assert.equal((await end).code, 0)
    assert.deepEqual(readdirSync(join(folder, 'data')).toSorted(), ['entente.lock', 'entente.sqlite'])
  })

  test('after kill -9 the next start and the next command work at once', async () => {
    const folder = serverFolder()
    const first = await started(folder)
    first.child.kill('SIGKILL')
    assert.equal((await first.end).signal, 'SIGKILL')
    assert.equal((await entente(['adduser', 'romeo@a.example', 'x'], { cwd: folder })).code, 0)
    const second = await started(folder)
    assert.equal((await entente(['adduser', 'romeo@a.example', 'x'], { cwd: folder })).code, 1)
    second.child.kill('SIGTERM')
    assert.equal((await second.end).code, 0)
  })

  test('errors in the configuration: all of them, exit code 78, nothing made', async () => {
    const folder = serverFolder('c2s_ports = "many"; c2s_require_encryption = 7')
    const { code, out, err } = await entente(['start', '--config', 'entente.cfg.lua'], { cwd: folder })
    assert.deepEqual([code, out], [78, ''])
    assert.match(
      err,
      /^(?:\S+entente\.cfg\.lua:3:\d+: (?:error|warning|notice): .*\n)+entente: the configuration has .* nothing was changed\.\n$/,
    )
    assert.deepEqual(readdirSync(folder), ['entente.cfg.lua'])
  })

  test('a port that is taken: exit code 1 and a sentence, and what was opened is closed', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    assert.ok(typeof address === 'object' && address !== null)
    const folder = serverFolder(`c2s_ports = { ${address.port} }`)
    const { code, err } = await entente(['start', '--config', 'entente.cfg.lua'], { cwd: folder })
    assert.equal(code, 1)
    assert.match(err, new RegExp(`^entente: .*${address.port}.*\\n$`))
    assert.doesNotMatch(err, /\n\s+at /)
    taken.close()
    assert.deepEqual(readdirSync(join(folder, 'data')).toSorted(), ['entente.lock', 'entente.sqlite'])
    rmSync(folder, { recursive: true })
  })

  test('a second server on the same data folder is refused', async () => {
    const folder = serverFolder()
    const first = await started(folder)
    const { code, err } = await entente(['start', '--config', 'entente.cfg.lua'], { cwd: folder })
    assert.equal(code, 1)
    assert.match(err, /^entente: the data folder .* is in use by another Entente.*\n$/)
    first.child.kill('SIGTERM')
    assert.equal((await first.end).code, 0)
  })
})
