import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch } from './child-server.ts'
import { CLIENT_PORT, type Peer, type PeerOptions, S2S_PORT } from './peer.ts'

const COMMAND = join(import.meta.dirname, '..', '..', 'bin', 'entente')
const MODULES = ['saslauth', 'dialback', 'roster', 'disco', 'ping', 'version']

/** Starts this very Entente, by its command and a configuration file, as an operator does. */
export async function startEntente(options: PeerOptions): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'entente-entente-'))
  const file = join(folder, 'entente.cfg.lua')
  writeFileSync(file, configuration(options))
  writeFileSync(join(folder, 'ca.pem'), options.ca)
  if (options.cert) {
    mkdirSync(join(folder, 'certs'))
    writeFileSync(join(folder, 'certs', `${options.domain}.crt`), options.cert.chainPem)
    writeFileSync(join(folder, 'certs', `${options.domain}.key`), options.cert.keyPem, { mode: 0o600 })
  }
  for (const [user, password] of Object.entries(options.users ?? {})) {
    execFileSync(COMMAND, ['adduser', '--config', file, `${user}@${options.domain}`, password], { stdio: 'pipe' })
  }
  return launch(options, { command: [COMMAND, 'start', '--config', file], folder, ready: [/"event":"ready"/] })
}

function configuration({ domain, address, dns, cert, options = '', modules = [] }: PeerOptions): string {
  const enabled = [...MODULES, ...(cert ? ['tls'] : []), ...modules]
  return `run_as_root = true
data_path = "data"
certificates = "certs"
log = { debug = "*console" }
interfaces = { "${address}" }
local_interfaces = { "${address}" }
c2s_ports = { ${CLIENT_PORT} }
s2s_ports = { ${S2S_PORT} }
authentication = "internal_hashed"
dns_servers = { "${dns.address}:${dns.port}" }
modules_enabled = { ${enabled.map((name) => `"${name}"`).join(', ')} }
ssl = { cafile = "ca.pem" }
${options}
VirtualHost "${domain}"
`
}
