import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ChildServer } from '../../test/peers/child-server.ts'
import type { Contender, Setup, Started } from './contender.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const COMMAND = join(ROOT, 'bin', 'entente')
const MODULES = ['tls', 'saslauth', 'dialback', 'roster', 'disco', 'ping', 'version', 'smacks']

/** @param nodeOptions for the server's process, for example to profile it */
export function entente(nodeOptions = ''): Contender {
  return {
    name: 'entente',
    srvTargets: 'names',
    version: () => (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version,
    start: async (setup) => start(setup, nodeOptions),
  }
}

function start(setup: Setup, nodeOptions: string): Started {
  const folder = mkdtempSync(join(tmpdir(), 'entente-bench-'))
  const file = join(folder, 'entente.cfg.lua')
  mkdirSync(join(folder, 'certificates'), { mode: 0o700 })
  writeFileSync(file, configuration(setup, folder))
  writeFileSync(join(folder, 'ca.pem'), setup.ca)
  writeFileSync(join(folder, 'certificates', `${setup.domain}.crt`), setup.cert.chainPem)
  writeFileSync(join(folder, 'certificates', `${setup.domain}.key`), setup.cert.keyPem, { mode: 0o600 })
  for (const [user, password] of Object.entries(setup.users)) addUser(file, `${user}@${setup.domain}`, password)
  const path = `${join(ROOT, 'node_modules', '.bin')}:/usr/bin:/bin`
  return new ChildServer([COMMAND, 'start', '--config', file], folder, { PATH: path, NODE_OPTIONS: nodeOptions })
}

function addUser(config: string, jid: string, password: string): void {
  const { status, stderr } = spawnSync(COMMAND, ['adduser', '--config', config, jid, password], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`adduser ${jid}: ${stderr}`)
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
