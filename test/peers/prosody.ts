import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch } from './child-server.ts'
import { CLIENT_PORT, type Peer, type PeerOptions, S2S_PORT } from './peer.ts'

const MODULES = ['saslauth', 'dialback', 'roster', 'disco', 'ping', 'version']

/** Starts Debian's Prosody; resolves when it accepts connections. */
export async function startProsody(options: PeerOptions): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'entente-prosody-'))
  writeFileSync(join(folder, 'prosody.cfg.lua'), configuration(options, folder))
  writeFileSync(join(folder, 'ca.pem'), options.ca)
  if (options.cert) {
    writeFileSync(join(folder, 'cert.pem'), options.cert.chainPem)
    writeFileSync(join(folder, 'key.pem'), options.cert.keyPem, { mode: 0o600 })
  }
  writeAccounts(options, join(folder, 'data'))
  return launch(options, {
    command: ['prosody', '-F', '--config', join(folder, 'prosody.cfg.lua')],
    folder,
    ready: [/Activated service 's2s' on [^\n]*\n/, /Activated service 'c2s' on [^\n]*\n/],
  })
}

function configuration(
  { domain, address, dns, cert, options = '', modules = [], production = false }: PeerOptions,
  folder: string,
): string {
  const enabled = [...MODULES, ...(cert ? ['tls'] : []), ...modules]
  const files = cert ? `key = "${folder}/key.pem", certificate = "${folder}/cert.pem", ` : ''
  return `run_as_root = true
data_path = "${folder}/data"
certificates = "${folder}"
log = { ${production ? 'info' : 'debug'} = "*console" }
interfaces = { "${address}" }
local_interfaces = { "${address}" }
c2s_ports = { ${CLIENT_PORT} }
s2s_ports = { ${S2S_PORT} }
authentication = "internal_plain"
unbound = { resolvconf = false, hoststxt = false, forward = "${dns.address}@${dns.port}", options = { ["do-not-query-localhost:"] = "no" } }
modules_enabled = { ${enabled.map((name) => `"${name}"`).join(', ')} }
ssl = { ${files}cafile = "${folder}/ca.pem" }
${options}
VirtualHost "${domain}"
`
}

/** Prosody's own file format, percent-encoding included; quicker than one prosodyctl a user. */
function writeAccounts({ domain, users = {} }: PeerOptions, data: string): void {
  const encode = (name: string): string => name.replace(/[^a-z0-9]/gi, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  const folder = join(data, encode(domain), 'accounts')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const [user, password] of Object.entries(users)) {
    writeFileSync(join(folder, `${encode(user)}.dat`), `return { ["password"] = ${JSON.stringify(password)} };\n`)
  }
}
