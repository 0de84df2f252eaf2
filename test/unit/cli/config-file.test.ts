import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { runIn } from '../../helpers/fake-shell.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const GOOD = 's2s_require_encryption = true\nVirtualHost "a.example"\n'

/** A folder with configurations by name. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

describe('which configuration', () => {
  test('--config before all else, and nothing is said about it', async () => {
    const folder = folderWith({ 'entente.cfg.lua': 'x = = 1', 'other/x.lua': GOOD })
    const { code, out, err } = await runIn(folder, ['check', '--config', 'other/x.lua'], '', { ENTENTE_CONFIG: '/nowhere' })
    assert.deepEqual([code, out, err], [0, `${folder}/other/x.lua: no problem was found. Hosts: a.example.`, ''])
  })

  test('ENTENTE_CONFIG before the current folder, and it is said', async () => {
    const folder = folderWith({ 'entente.cfg.lua': 'x = = 1', 'y.lua': GOOD })
    const { code, err } = await runIn(folder, ['check'], '', { ENTENTE_CONFIG: 'y.lua' })
    assert.deepEqual([code, err], [0, `entente: configuration: ${folder}/y.lua (from ENTENTE_CONFIG)`])
  })

  test('an ENTENTE_CONFIG that names nothing is an error, not a reason to look elsewhere', async () => {
    const folder = folderWith({ 'entente.cfg.lua': GOOD })
    const { code, out } = await runIn(folder, ['check'], '', { ENTENTE_CONFIG: '/nowhere/x.lua' })
    assert.equal(code, 78)
    assert.match(out, /^\/nowhere\/x\.lua:1:1: error: /)
  })

  test('an empty ENTENTE_CONFIG is none; then the current folder', async () => {
    const folder = folderWith({ 'entente.cfg.lua': GOOD })
    const { code, err } = await runIn(folder, ['check'], '', { ENTENTE_CONFIG: '' })
    assert.deepEqual([code, err], [0, `entente: configuration: ${folder}/entente.cfg.lua (in the current folder)`])
  })

  for (const argv of [['check'], ['start'], ['status'], ['adduser', 'a@a.example', 'x']]) {
    test(`none at all: ${argv[0]} says where it looked and what makes one`, async () => {
      const { code, err } = await runIn(temporaryFolder(), argv)
      assert.equal(code, 78)
      assert.match(err, /^entente: there is no configuration: .*ENTENTE_CONFIG.*\.\/entente\.cfg\.lua.*"entente init DOMAIN"/)
    })
  }
})

describe('check config', () => {
  const WARNED = `${GOOD}frobnication = 1\n`

  test('warnings are told and end with 0', async () => {
    const { code, out } = await runIn(folderWith({ 'entente.cfg.lua': WARNED }), ['check', 'config'])
    assert.equal(code, 0)
    assert.match(out, /entente\.cfg\.lua:3:1: warning: .*frobnication/)
    assert.match(out, /: 1 warning\. Hosts: a\.example\.$/)
  })

  test('--strict takes warnings for errors, but no notices', async () => {
    const warned = await runIn(folderWith({ 'entente.cfg.lua': WARNED }), ['check', 'config', '--strict'])
    assert.equal(warned.code, 78)
    assert.match(warned.out, /1 warning\. The server does not start\.$/)
    const noticed = await runIn(folderWith({ 'entente.cfg.lua': 'VirtualHost "a.example"\n' }), ['check', 'config', '--strict'])
    assert.equal(noticed.code, 0)
    assert.match(noticed.out, /notice: .*s2s_require_encryption = true$/m)
  })

  test('every error at once, with its place', async () => {
    const folder = folderWith({ 'entente.cfg.lua': `${GOOD}c2s_ports = "many"\nc2s_require_encryption = 7\n` })
    const { code, out } = await runIn(folder, ['check', 'config'])
    assert.equal(code, 78)
    assert.equal(out.match(/entente\.cfg\.lua:\d+:\d+: error: /g)?.length ?? 0, out.match(/error: /g)?.length)
    assert.match(out, /:4:\d+: error: .*c2s_require_encryption/)
  })

  test('--json is the same as data', async () => {
    const folder = folderWith({ 'entente.cfg.lua': WARNED })
    const { code, out } = await runIn(folder, ['check', 'config', '--json'])
    const data = JSON.parse(out)
    assert.equal(code, 0)
    assert.deepEqual([data.ok, data.file, data.hosts[0].domain], [true, join(folder, 'entente.cfg.lua'), 'a.example'])
    assert.deepEqual(
      data.problems.map((p: { severity: string; line: number }) => [p.severity, p.line]),
      [['warning', 3]],
    )
    const strict = await runIn(folder, ['check', 'config', '--json', '--strict'])
    assert.deepEqual([strict.code, JSON.parse(strict.out).ok], [78, false])
  })

  test('there is nothing else to check', async () => {
    const { code, err } = await runIn(temporaryFolder(), ['check', 'dns'])
    assert.deepEqual([code, err], [2, 'entente: "dns" cannot be checked; "entente check config" can.'])
  })
})
