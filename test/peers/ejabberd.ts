import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch } from './child-server.ts'
import { CLIENT_PORT, type Peer, type PeerOptions, S2S_PORT } from './peer.ts'

const MODULES = ['mod_roster', 'mod_disco', 'mod_ping', 'mod_version', 'mod_offline', 'mod_s2s_dialback']

/**
 * Starts Debian's ejabberd; resolves when it accepts connections. Without a node name, so that no epmd is started, and
 * not through ejabberdctl, which wants the package's own user and folders. Its name server must give addresses as SRV
 * targets: ejabberd asks it for SRV records only, and has the C library look the targets up.
 */
export async function startEjabberd(options: PeerOptions): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'entente-ejabberd-'))
  writeFileSync(join(folder, 'ejabberd.yml'), configuration(options, folder))
  writeFileSync(join(folder, 'inetrc'), resolverConfiguration(options))
  writeFileSync(join(folder, 'ca.pem'), options.ca)
  if (options.cert) writeFileSync(join(folder, 'cert.pem'), options.cert.chainPem + options.cert.keyPem, { mode: 0o600 })
  const command = ['erl', '-noinput', '-mnesia', 'dir', `"${folder}/spool"`, '-s', 'ejabberd', '-eval', registration(options)]
  const env = {
    EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'),
    EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
    ERL_INETRC: join(folder, 'inetrc'),
    ERL_CRASH_DUMP: '/dev/null',
    ERL_LIBS: erlangLibraries(),
  }
  return launch(options, { command, folder, env, ready: [/users registered/] })
}

function configuration(
  { domain, address, cert, options = '', modules = [], production = false }: PeerOptions,
  folder: string,
): string {
  return `hosts: ["${domain}"]
loglevel: ${production ? 'info' : 'debug'}
${cert ? `certfiles: ["${folder}/cert.pem"]` : ''}
ca_file: "${folder}/ca.pem"
s2s_use_starttls: ${cert ? (production ? 'required' : 'optional') : 'false'}
listen:
  - { port: ${CLIENT_PORT}, ip: "${address}", module: ejabberd_c2s, starttls: ${cert !== undefined} }
  - { port: ${S2S_PORT}, ip: "${address}", module: ejabberd_s2s_in }
modules:
${[...MODULES, ...modules].map((name) => `  ${name}: {}`).join('\n')}
${options}
`
}

function resolverConfiguration({ dns }: PeerOptions): string {
  return `{lookup, [dns]}.
{resolv_conf, ""}.
{hosts_file, ""}.
{nameserver, {${dns.address.replaceAll('.', ',')}}, ${dns.port}}.
`
}

function registration({ domain, users = {} }: PeerOptions): string {
  const calls = Object.entries(users).map(
    ([user, password]) => `ok = ejabberd_auth:try_register(<<"${user}">>, <<"${domain}">>, <<${JSON.stringify(password)}>>), `,
  )
  return `${calls.join('')}io:format("users registered~n").`
}

/** Where Debian puts them: /usr/lib/<architecture>. */
function erlangLibraries(): string {
  const folders = readdirSync('/usr/lib').map((name) => join('/usr/lib', name))
  return folders.find((folder) => existsSync(folder) && hasEjabberd(folder)) ?? '/usr/lib'
}

function hasEjabberd(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.startsWith('ejabberd-'))
  } catch {
    return false // a file, or not for us
  }
}
