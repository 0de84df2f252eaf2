import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { askControlSocket, openControlSocket } from '../../../src/net/control-socket.ts'

const folder = mkdtempSync(join(tmpdir(), 'entente-control-'))
after(() => rmSync(folder, { recursive: true }))

const long = join(folder, 'a-folder-with-a-long-name'.repeat(3), 'and-another'.repeat(4))
mkdirSync(long, { recursive: true })

describe('control socket', () => {
  for (const path of [join(folder, 'entente.sock'), join(long, 'entente.sock')]) {
    test(`a question is answered at a path of ${path.length < 100 ? 'usual' : 'too many'} bytes`, async () => {
      const socket = await openControlSocket(path, async (request) => ({ heard: request }))
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.deepEqual(await askControlSocket(path, { ask: 'déjà' }), { heard: { ask: 'déjà' } })
      socket.close()
      assert.equal(await askControlSocket(path, {}), undefined)
    })
  }

  test('nobody listens: no file, no folder, a file that is no socket', async () => {
    writeFileSync(join(folder, 'file'), '')
    for (const name of ['missing', 'missing/entente.sock', 'file', `${'missing'.repeat(20)}/entente.sock`]) {
      assert.equal(await askControlSocket(join(folder, name), {}), undefined, name)
    }
  })

  test('a socket that a dead process left is replaced', async () => {
    const path = join(folder, 'left.sock')
    const dead = await openControlSocket(path, async () => 'dead')
    // a second socket at the same path, as after kill -9: the file is there and the first answers no more
    const alive = await openControlSocket(path, async () => 'alive')
    assert.equal(await askControlSocket(path, {}), 'alive')
    alive.close()
    dead.close()
  })

  test('what fails in an answer is told in one sentence', async () => {
    const path = join(folder, 'fails.sock')
    const socket = await openControlSocket(path, async () => {
      throw new Error('the disk is full')
    })
    assert.deepEqual(await askControlSocket(path, {}), { ok: false, lines: ['the disk is full'] })
    socket.close()
  })

  test('a server that breaks off is an error, not silence', async () => {
    const path = join(folder, 'breaks.sock')
    const server = createServer((socket) => socket.on('data', () => socket.end('{"ok":')))
    await new Promise<void>((done) => server.listen(path, done))
    await assert.rejects(askControlSocket(path, {}), /^Error: the server broke off without an answer$/)
    server.close()
  })

  test('no descriptor of the folder stays open', { skip: !existsSync('/proc/self/fd') }, async () => {
    await askControlSocket(join(long, 'nobody.sock'), {})
    const socket = await openControlSocket(join(long, 'entente.sock'), async () => 'here')
    await askControlSocket(join(long, 'entente.sock'), {})
    socket.close()
    await new Promise((closed) => setImmediate(closed))
    assert.deepEqual(
      openPaths().filter((path) => path === long),
      [],
    )
  })
})

function openPaths(): string[] {
  return readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // the one that listed them
    }
  })
}
