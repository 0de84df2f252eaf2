import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createServer } from 'entente'
import { TestAuthority } from 'entente/testing'
import { GREETING, greeting } from '../../examples/module.ts'
import { PASSWORD } from '../helpers/network.ts'
import { TestClient } from '../helpers/test-client.ts'
import { ROOT } from './pages.ts'

test('examples/embed.ts runs a server until it is told to end', async () => {
  const child = spawn(process.execPath, ['--conditions=entente-source', join(ROOT, 'examples', 'embed.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let said = ''
  let told = false
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    said += chunk
    if (!told && said.includes('ready:')) told = child.kill('SIGTERM')
  }
  assert.deepEqual(await ended, [0, null])
  assert.match(said, /^ready: romeo@embed\.localhost.*\nended\n$/)
})

test('examples/module.ts keeps greetings and refuses shouting', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'entente-example-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const configFile = join(folder, 'entente.cfg.lua')
  writeFileSync(
    configFile,
    `interfaces = { "127.0.0.1" }
c2s_ports = { 0 }
run_as_root = true
storage = "memory"
log = { error = "*console" }
certificates = "certs"
modules_disabled = { "s2s" }
modules_enabled = { "tls", "saslauth", "greeting" }
VirtualHost "a.example"
`,
  )
  writeCertificate(folder)
  const server = await createServer({ configFile, modules: [greeting(20)] })
  await server.start()
  const clients: TestClient[] = []
  t.after(() => {
    for (const client of clients) client.destroy()
    return server.stop()
  })
  const login = async (user: string): Promise<TestClient> => {
    await server.createAccount(`${user}@a.example`, PASSWORD)
    const port = server.ports('c2s')[0]!
    const client = await TestClient.login({
      address: '127.0.0.1',
      port,
      domain: 'a.example',
      user,
      password: PASSWORD,
      resource: 'test',
    })
    clients.push(client)
    return client
  }
  const romeo = await login('romeo')
  const juliet = await login('juliet')

  const set = await romeo.request('set', 'romeo@a.example', `<greeting xmlns='${GREETING}'>good morrow</greeting>`)
  assert.equal(set.attr('type'), 'result')
  const got = await juliet.request('get', 'romeo@a.example', `<greeting xmlns='${GREETING}'/>`)
  assert.equal(got.child('greeting', GREETING)?.text, 'good morrow')
  const long = await romeo.request('set', 'romeo@a.example', `<greeting xmlns='${GREETING}'>${'x'.repeat(21)}</greeting>`)
  assert.equal(long.attr('type'), 'error')
  const others = await juliet.request('set', 'romeo@a.example', `<greeting xmlns='${GREETING}'>mine</greeting>`)
  assert.equal(others.attr('type'), 'error', 'an account takes greetings from itself only')

  juliet.send("<message to='romeo@a.example' id='m1'><body>WHEREFORE ART THOU</body></message>")
  const refused = await juliet.message((m) => m.attr('id') === 'm1')
  assert.equal(refused.attr('type'), 'error')
})

function writeCertificate(folder: string): void {
  const { chainPem, keyPem } = TestAuthority.root({ nowMs: Date.now() }).issue({ dns: ['a.example'] })
  const certs = join(folder, 'certs')
  mkdirSync(certs)
  writeFileSync(join(certs, 'a.example.crt'), chainPem)
  writeFileSync(join(certs, 'a.example.key'), keyPem, { mode: 0o600 })
}
