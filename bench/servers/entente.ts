import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { internalHashed } from '../../src/auth/internal-hashed.ts'
import { createKeyDerivation } from '../../src/auth/scram-keys.ts'
import { serverSecret } from '../../src/store/secrets.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { ChildServer } from '../../test/peers/child-server.ts'
import type { Contender, Setup, Started } from './contender.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const COMMAND = join(ROOT, 'bin', 'entente')
const MODULES = ['tls', 'saslauth', 'dialback', 'roster', 'disco', 'ping', 'version']

/** @param nodeOptions for the server's process, for example to profile it */
export function entente(nodeOptions = ''): Contender {
  return {
    name: 'entente',
    srvTargets: 'names',
    version: () => (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version,
    start: (setup) => start(setup, nodeOptions),
  }
}

async function start(setup: Setup, nodeOptions: string): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'entente-bench-'))
  const file = join(folder, 'entente.cfg.lua')
  mkdirSync(join(folder, 'certificates'), { mode: 0o700 })
  writeFileSync(file, configuration(setup, folder))
  writeFileSync(join(folder, 'ca.pem'), setup.ca)
  writeFileSync(join(folder, 'certificates', `${setup.domain}.crt`), setup.cert.chainPem)
  writeFileSync(join(folder, 'certificates', `${setup.domain}.key`), setup.cert.keyPem, { mode: 0o600 })
  await writeAccounts(setup, join(folder, 'data'))
  const path = `${join(ROOT, 'node_modules', '.bin')}:/usr/bin:/bin`
  return new ChildServer([COMMAND, 'start', '--config', file], folder, { PATH: path, NODE_OPTIONS: nodeOptions })
}

/** As `entente adduser` does, without a process for each. */
async function writeAccounts({ domain, users }: Setup, data: string): Promise<void> {
  mkdirSync(data, { mode: 0o700 })
  const store = openSqliteStore(data)
  const secret = await serverSecret(store, 'scram', randomBytes)
  const accounts = internalHashed({ store, host: domain, random: randomBytes, derive: createKeyDerivation(1), secret })
  for (const [user, password] of Object.entries(users)) await accounts.create(user, password)
  await store.close()
}

function configuration({ domain, address, dns }: Setup, folder: string): string {
  return `run_as_root = true
data_path = "${folder}/data"
certificates = "${folder}/certificates"
log = { info = "${folder}/entente.log" }
interfaces = { "${address}" }
local_interfaces = { "${address}" }
c2s_ports = { 5222 }
s2s_ports = { 5269 }
dns_servers = { "${dns.address}:${dns.port}" }
authentication = "internal_hashed"
modules_enabled = { ${MODULES.map((name) => `"${name}"`).join(', ')} }
ssl = { cafile = "${folder}/ca.pem" }
s2s_secure_auth = true
s2s_require_encryption = true
c2s_require_encryption = true
VirtualHost "${domain}"
`
}
