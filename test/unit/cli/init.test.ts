import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { run } from '../../../src/cli/run.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { moduleFacts } from '../../../src/server/modules.ts'
import { FakeShell, runIn } from '../../helpers/fake-shell.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe('init', () => {
  test('writes configuration, data folder and certificate for their owner only', async () => {
    const folder = temporaryFolder()
    const { code, err } = await runIn(folder, ['init', 'Example.COM'])
    assert.deepEqual([code, err], [0, ''])
    assert.deepEqual(readdirSync(folder).toSorted(), ['certs', 'data', 'entente.cfg.lua'])
    assert.deepEqual(readdirSync(join(folder, 'certs')).toSorted(), ['example.com.crt', 'example.com.key'])
    for (const name of ['certs', 'data']) assert.equal(mode(join(folder, name)), '700', name)
    for (const name of ['entente.cfg.lua', 'certs/example.com.key', 'certs/example.com.crt']) {
      assert.equal(mode(join(folder, name)), '600', name)
    }
    const certificate = new X509Certificate(readFileSync(join(folder, 'certs/example.com.crt')))
    assert.equal(certificate.checkHost('example.com'), 'example.com')
    assert.ok(certificate.verify(certificate.publicKey))
  })

  test('the configuration has no problem and serves the domain', async () => {
    const folder = temporaryFolder()
    await runIn(folder, ['init', 'example.com'])
    const config = await loadConfig({ path: join(folder, 'entente.cfg.lua'), env: {}, modules: moduleFacts() })
    assert.deepEqual(config.problems, [])
    assert.deepEqual(
      config.hosts.map(({ domain }) => domain),
      ['example.com'],
    )
    assert.equal(config.get(undefined, 'data_path'), join(folder, 'data'))
    assert.equal(config.get('example.com', 's2s_require_encryption'), true)
    assert.equal(config.get('example.com', 's2s_secure_auth'), true)
  })

  test('tells the next steps: DNS records, account, start', async () => {
    const { out } = await runIn(temporaryFolder(), ['init', 'example.com'])
    for (const record of [
      /^ +_xmpp-client\._tcp\.example\.com\. +3600 IN SRV +0 5 5222 example\.com\.$/m,
      /^ +_xmpps-client\._tcp\.example\.com\. +3600 IN SRV +0 5 5223 example\.com\.$/m,
      /^ +_xmpp-server\._tcp\.example\.com\. +3600 IN SRV +0 5 5269 example\.com\.$/m,
      /^ +example\.com\. +3600 IN A +/m,
      /^ +example\.com\. +3600 IN AAAA +/m,
    ]) {
      assert.match(out, record)
    }
    assert.ok(out.indexOf('entente adduser YOU@example.com') < out.indexOf('entente start'))
  })

  test('a local name needs no DNS', async () => {
    const { code, out } = await runIn(temporaryFolder(), ['init', 'localhost'])
    assert.equal(code, 0)
    assert.doesNotMatch(out, /SRV/)
  })

  test('an international domain: U-label in the configuration, A-label in DNS and file names', async () => {
    const folder = temporaryFolder()
    const { code, out } = await runIn(folder, ['init', 'bücher.example'])
    assert.equal(code, 0)
    assert.match(readFileSync(join(folder, 'entente.cfg.lua'), 'utf8'), /^VirtualHost "bücher\.example"$/m)
    assert.match(out, /_xmpp-server\._tcp\.xn--bcher-kva\.example\./)
    assert.ok(readdirSync(join(folder, 'certs')).includes('xn--bcher-kva.example.crt'))
  })

  test('beside the FILE of --config, whose folder is made', async () => {
    const folder = temporaryFolder()
    const { code, out } = await runIn(folder, ['init', '--config', 'etc/my server/x.lua', 'example.com'])
    assert.equal(code, 0)
    assert.deepEqual(readdirSync(join(folder, 'etc/my server')).toSorted(), ['certs', 'data', 'x.lua'])
    assert.ok(out.includes(`start --config '${join(folder, 'etc/my server/x.lua')}'`), 'next steps name the file')
  })

  test('changes nothing when the configuration is there', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'entente.cfg.lua'), 'mine')
    const { code, err } = await runIn(folder, ['init', 'example.com'])
    assert.deepEqual([code, err], [1, `entente: ${join(folder, 'entente.cfg.lua')} is there already; nothing was changed.`])
    assert.deepEqual(readdirSync(folder), ['entente.cfg.lua'])
    assert.equal(readFileSync(join(folder, 'entente.cfg.lua'), 'utf8'), 'mine')
  })

  for (const file of ['example.com.crt', 'example.com.key']) {
    test(`keeps a ${file} and a data folder that are there`, async () => {
      const folder = temporaryFolder()
      mkdirSync(join(folder, 'certs'))
      mkdirSync(join(folder, 'data'), { mode: 0o750 })
      writeFileSync(join(folder, 'certs', file), 'mine')
      const { code, out } = await runIn(folder, ['init', 'example.com'])
      assert.equal(code, 0)
      assert.match(out, /was there: no certificate was made/)
      assert.deepEqual(readdirSync(join(folder, 'certs')), [file])
      assert.equal(readFileSync(join(folder, 'certs', file), 'utf8'), 'mine')
      assert.equal(mode(join(folder, 'data')), '750')
    })
  }

  for (const name of ['', 'exa mple', '-', 'a..b', '192.0.2.1', '[2001:db8::1]', 'romeo@example.com', '../x', 'x"y']) {
    test(`${JSON.stringify(name)} is refused and nothing is made`, async () => {
      const folder = temporaryFolder()
      const { code, err } = await runIn(folder, ['init', '--', name])
      assert.deepEqual([code, err], [1, `entente: ${JSON.stringify(name)} is not the name of a domain, such as example.com.`])
      assert.deepEqual(readdirSync(folder), [])
    })
  }

  test('without a domain: asks on a terminal, wants one otherwise', async () => {
    const folder = temporaryFolder()
    const piped = await runIn(folder, ['init'], 'example.com\n')
    assert.deepEqual([piped.code, piped.err], [2, 'entente: say which domain to serve: entente init example.com'])
    const shell = new FakeShell({ cwd: folder, terminal: true })
    shell.onAsk = () => setImmediate(() => shell.input.write(' example.com \n'))
    assert.equal(await run(['init'], shell), 0)
    assert.ok(readdirSync(folder).includes('entente.cfg.lua'))
  })

  test('a folder that cannot be written is one sentence', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    const { code, err } = await runIn(folder, ['init', '--config', 'file/x.lua', 'example.com'])
    assert.equal(code, 1)
    assert.match(err, /^entente: E[A-Z]+: .*\.$/)
    assert.equal(err.includes('\n'), false)
  })
})
