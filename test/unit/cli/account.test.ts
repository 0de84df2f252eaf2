import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { withStoppedServer } from '../../../src/cli/local-accounts.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { openControlSocket } from '../../../src/net/control-socket.ts'
import { openDataFolder } from '../../../src/server/data-folder.ts'
import { Providers } from '../../../src/server/providers.ts'
import { lockDataFolder } from '../../../src/store/lock.ts'
import { type Ran, runIn } from '../../helpers/fake-shell.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const CONFIG = `
s2s_require_encryption = true
VirtualHost "a.example"
VirtualHost "b.example"
VirtualHost "guests.example"
  authentication = "anonymous"
VirtualHost "memory.example"
  storage = "memory"
`

function folder(config = CONFIG): string {
  const made = temporaryFolder()
  writeFileSync(join(made, 'entente.cfg.lua'), config)
  return made
}

/** Without the line that says which configuration was chosen. */
async function entente(cwd: string, line: string, input?: string): Promise<Ran> {
  return runIn(cwd, [...line.split(' '), '--config', 'entente.cfg.lua'], input)
}

const load = (cwd: string) => loadConfig({ path: join(cwd, 'entente.cfg.lua'), env: {}, modules: [] })

async function accepts(cwd: string, local: string, password: string): Promise<boolean> {
  const config = await load(cwd)
  const data = await openDataFolder(config, randomBytes)
  const providers = new Providers(randomBytes)
  providers.use(data)
  const found = await providers.accounts(config, config.hosts[0]!)!.verify(local, password)
  await data.close()
  return found
}

describe('accounts while the server does not run', () => {
  test('adduser, passwd, deluser', async () => {
    const cwd = folder()
    const said = async (line: string, input?: string) => {
      const { code, out, err } = await entente(cwd, line, input)
      return `${code} ${out}${err}`
    }
    assert.equal(await said('adduser romeo@a.example sesame'), '0 The account romeo@a.example is made.')
    assert.equal(await accepts(cwd, 'romeo', 'sesame'), true)
    assert.equal(await said('adduser romeo@a.example other'), '1 entente: There is an account romeo@a.example already.')
    assert.equal(await accepts(cwd, 'romeo', 'sesame'), true)
    assert.equal(await said('passwd romeo@a.example', 'mellon\n'), '0 The password of romeo@a.example is changed.')
    assert.equal(await accepts(cwd, 'romeo', 'mellon'), true)
    assert.equal(await accepts(cwd, 'romeo', 'sesame'), false)
    assert.equal(await said('adduser romeo@b.example x'), '0 The account romeo@b.example is made.')
    assert.equal(await said('deluser romeo@a.example'), '0 The account romeo@a.example is deleted.')
    assert.equal(await accepts(cwd, 'romeo', 'mellon'), false)
    assert.equal(await said('deluser romeo@a.example'), '1 entente: There is no account romeo@a.example.')
    assert.equal(await said('passwd romeo@a.example x'), '1 entente: There is no account romeo@a.example.')
  })

  test('the address is prepared', async () => {
    const cwd = folder()
    assert.equal((await entente(cwd, 'adduser ROMEO@A.Example x')).out, 'The account romeo@a.example is made.')
  })

  const refused = [
    ['adduser romeo x', '"romeo" is not the address of an account: it has the form name@domain.'],
    ['adduser a.example x', '"a.example" is not the address of an account: it has the form name@domain.'],
    ['adduser @a.example x', '"@a.example" is not the address of an account: it has the form name@domain.'],
    ['adduser r@a.example/orchard x', '"r@a.example/orchard" is not the address of an account: it has the form name@domain.'],
    ["adduser o'neil@a.example x", '"o\'neil@a.example" is not the address of an account: it has the form name@domain.'],
    [
      'adduser r@c.example x',
      'c.example is not a host with accounts here; there is a.example, b.example, guests.example, memory.example.',
    ],
    ['adduser r@guests.example x', 'guests.example has no accounts: everybody comes as a guest (authentication = "anonymous").'],
    [
      'adduser r@memory.example x',
      'memory.example keeps its accounts in memory (storage = "memory"), so that only a running server has any.',
    ],
    ['deluser r@a.example', 'There is no account r@a.example.'],
  ] as const
  for (const [line, sentence] of refused) {
    test(`refused in one sentence: ${line}`, async () => {
      const { code, out, err } = await entente(folder(), line)
      assert.deepEqual([code, out, err], [1, '', `entente: ${sentence}`])
    })
  }

  test('a password that may not be one is refused', async () => {
    const { code, err } = await runIn(folder(), ['adduser', '-c', 'entente.cfg.lua', 'r@a.example', 'a\u0007b'])
    assert.equal(code, 1)
    assert.match(err, /^entente: this password is not allowed/)
  })

  test('a configuration with errors: they are told, and nothing is made', async () => {
    const cwd = folder('c2s_ports = "many"\nVirtualHost "a.example"\n')
    const { code, err } = await entente(cwd, 'adduser r@a.example x')
    assert.equal(code, 78)
    assert.match(err, /entente\.cfg\.lua:1:\d+: error: .*\nentente: the configuration has an error; nothing was changed\.$/)
    assert.deepEqual(readdirSync(cwd), ['entente.cfg.lua'])
  })

  test('the data folder is for its owner only, knows no password, and may be moved', async () => {
    const cwd = folder()
    await entente(cwd, 'adduser romeo@a.example unforgettable-words')
    const data = join(cwd, 'data')
    assert.equal(statSync(data).mode & 0o777, 0o700)
    for (const name of readdirSync(data)) {
      assert.equal(statSync(join(data, name)).mode & 0o777, 0o600, name)
      const text = readFileSync(join(data, name), 'latin1')
      assert.equal(text.includes('unforgettable'), false, name)
      assert.equal(text.includes(cwd), false, name)
    }
    const elsewhere = folder()
    cpSync(data, join(elsewhere, 'data'), { recursive: true })
    assert.equal(await accepts(elsewhere, 'romeo', 'unforgettable-words'), true)
    mkdirSync(join(cwd, 'sub'))
    renameSync(data, join(cwd, 'sub', 'data'))
    writeFileSync(join(cwd, 'sub', 'entente.cfg.lua'), CONFIG)
    assert.equal(await accepts(join(cwd, 'sub'), 'romeo', 'unforgettable-words'), true)
  })

  test('several at once wait for each other', async () => {
    const cwd = folder()
    const names = ['a', 'b', 'c', 'd']
    const codes = await Promise.all(names.map(async (name) => (await entente(cwd, `adduser ${name}@a.example x`)).code))
    assert.deepEqual(codes, [0, 0, 0, 0])
  })

  test('a folder in use by somebody who does not answer', async () => {
    const cwd = folder()
    const config = await load(cwd)
    const lock = lockDataFolder(join(cwd, 'data'))
    let asked = 0
    const ask = async () => {
      asked++
      return undefined
    }
    const work = async () => assert.fail('the folder belongs to another')
    await assert.rejects(withStoppedServer(config, ask, work, 60), {
      name: 'Failure',
      message: `the data folder ${join(cwd, 'data')} is in use by another Entente: stop that one first.`,
    })
    assert.ok(asked > 0, 'it was asked again while waiting')
    lock.dispose()
  })
})

describe('accounts while the server runs', () => {
  test('the running server does it and the store is not touched', async () => {
    const cwd = folder()
    mkdirSync(join(cwd, 'data'))
    const heard: unknown[] = []
    const socket = await openControlSocket(join(cwd, 'data', 'entente.sock'), async (request) => {
      heard.push(request)
      return { ok: true, lines: ['Done by the server.'] }
    })
    const { code, out } = await entente(cwd, 'adduser Romeo@a.example sesame')
    assert.deepEqual([code, out], [0, 'Done by the server.'])
    assert.deepEqual(heard, [{ command: 'adduser', args: ['romeo@a.example', 'sesame'] }])
    assert.deepEqual(readdirSync(join(cwd, 'data')), ['entente.sock'])
    socket.close()
  })

  test('also for a host that keeps its accounts in memory', async () => {
    const cwd = folder(`admin_socket = "s"\n${CONFIG}`)
    const socket = await openControlSocket(join(cwd, 's'), async () => ({ ok: false, lines: ['Not today.'] }))
    const { code, out, err } = await entente(cwd, 'deluser r@memory.example')
    assert.deepEqual([code, out, err], [1, '', 'entente: Not today.'])
    socket.close()
  })

  test('what answers but is no Entente is told', async () => {
    const cwd = folder('admin_socket = "s"\nVirtualHost "a.example"\n')
    const socket = await openControlSocket(join(cwd, 's'), async () => ({ hello: 'world' }))
    const { code, err } = await entente(cwd, 'deluser r@a.example')
    assert.deepEqual([code, err], [1, `entente: what answers at ${join(cwd, 's')} is no Entente.`])
    socket.close()
  })
})
