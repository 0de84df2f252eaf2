import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, test } from 'node:test'
import { lockDataFolder } from '../../../src/store/lock.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { StoreError } from '../../../src/store/store.ts'

const root = mkdtempSync(join(tmpdir(), 'entente-processes-'))
const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true })
})

/** @param fileBlocks the largest file that it may write, in blocks of 512 bytes */
function startWriter(folder: string, fileBlocks?: number) {
  const program = [process.execPath, '--conditions=entente-source', join(import.meta.dirname, 'writer.child.ts'), folder]
  const shell = fileBlocks === undefined ? 'exec "$@"' : `ulimit -S -f ${fileBlocks}; exec "$@"`
  const child = spawn('/bin/sh', ['-c', shell, 'sh', ...program], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return { child, lines: createInterface({ input: child.stdout }) }
}

/** What is there of the writer's numbers; each must be there in both collections. */
async function written(folder: string): Promise<ReadonlySet<number>> {
  const store = openSqliteStore(folder)
  const numbers = await store.collection<string>('a.example', 'numbers').list([])
  assert.deepEqual(await store.collection<string>('a.example', 'twins').list([]), numbers)
  for (const { key, value } of numbers) assert.equal(value, String(Number(key[0])).repeat(200))
  await store.close()
  return new Set(numbers.map(({ key }) => Number(key[0])))
}

describe('kill -9', () => {
  test('loses nothing that was answered, tears nothing, and frees the lock at once', async () => {
    const folder = join(root, 'crash')
    for (const answers of [1, 30, 111]) {
      rmSync(folder, { recursive: true, force: true })
      const { child, lines } = startWriter(folder)
      const answered: number[] = []
      lines.on('line', (line) => {
        if (line === 'locked') return assert.throws(() => lockDataFolder(folder), StoreError)
        answered.push(Number(line))
        if (answered.length === answers) child.kill('SIGKILL')
      })
      await once(lines, 'close')
      if (child.signalCode === null) await once(child, 'exit')
      assert.equal(child.signalCode, 'SIGKILL')
      lockDataFolder(folder).dispose()
      const there = await written(folder)
      assert.ok(answered.length >= answers)
      assert.deepEqual(
        answered.filter((number) => !there.has(number)),
        [],
      )
    }
  })
})

describe('a disk that is full', { skip: process.platform !== 'linux' }, () => {
  test('refuses writes and nothing else; they work again when there is room', async () => {
    const folder = join(root, 'full')
    const { child, lines } = startWriter(folder, 400)
    const answered: number[] = []
    const failed: string[] = []
    let enough = 0
    lines.on('line', (line) => {
      if (line === 'locked') return
      if (!line.startsWith('failed')) {
        answered.push(Number(line))
        if (enough > 0 && answered.length > enough) child.kill('SIGKILL')
        return
      }
      failed.push(line)
      if (failed.length === 6) {
        enough = answered.length + 20
        execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])
      }
      child.stdin.write('go on\n')
    })
    await once(lines, 'close')
    assert.ok(failed.length >= 6)
    for (const line of failed) assert.match(line, /^failed \d+ StoreError$/)
    const there = await written(folder)
    assert.ok(enough > 0 && answered.length > enough)
    for (const number of answered) assert.ok(there.has(number))
    for (const line of failed) assert.equal(there.has(Number(line.split(' ')[1])), false)
  })
})

describe('lockDataFolder', () => {
  test('makes the folder, refuses a second one with one sentence, and lets go', () => {
    const folder = join(root, 'lock', 'data')
    const lock = lockDataFolder(folder)
    assert.deepEqual(readdirSync(folder), ['entente.lock'])
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.equal(statSync(join(folder, 'entente.lock')).mode & 0o777, 0o600)
    for (let i = 0; i < 2; i++) {
      assert.throws(() => lockDataFolder(folder), {
        name: 'StoreError',
        message: /^the data folder .* is in use by another Entente: [^.\n]*$/,
      })
    }
    lock.dispose()
    lock.dispose()
    lockDataFolder(folder).dispose()
    assert.deepEqual(readdirSync(folder), ['entente.lock'])
  })

  test('a folder that cannot be made, and a lock file that is none, say so', () => {
    const file = join(root, 'file')
    writeFileSync(file, 'no database '.repeat(100))
    assert.throws(() => lockDataFolder(join(file, 'data')), { name: 'StoreError', message: /cannot be made/ })
    const folder = join(root, 'bad')
    lockDataFolder(folder).dispose()
    writeFileSync(join(folder, 'entente.lock'), 'no database '.repeat(100))
    assert.throws(() => lockDataFolder(folder), { name: 'StoreError', message: /cannot be locked/ })
  })
})
