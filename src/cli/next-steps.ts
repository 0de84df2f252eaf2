import type { Domain } from './init.ts'
import { programName } from './program-name.ts'
import type { Shell } from './shell.ts'

/** What to do after `init`: DNS records, a real certificate, an account, the start. */
export function nextSteps(domain: Domain, file: string, shell: Shell): readonly string[] {
  const entente = programName(shell)
  const flag = file === `${shell.cwd}/entente.cfg.lua` ? '' : ` --config ${quoted(file)}`
  return [
    '',
    'Next steps:',
    '',
    ...(isLocal(domain.ascii) ? localName(domain) : records(domain)),
    '',
    '2. Make an account (the server may run or not):',
    '',
    `   ${entente} adduser${flag} YOU@${domain.unicode}`,
    '',
    '3. Start the server:',
    '',
    `   ${entente} start${flag}`,
    '',
    ...(isLocal(domain.ascii) ? [] : certificate(domain)),
    `After a change of the configuration: ${entente} check config${flag}, then ${entente} reload${flag}.`,
  ]
}

function records({ ascii }: Domain): readonly string[] {
  const services = [
    ['_xmpp-client._tcp', 5222],
    ['_xmpps-client._tcp', 5223],
    ['_xmpp-server._tcp', 5269],
  ] as const
  const width = `_xmpps-client._tcp.${ascii}.`.length
  return [
    '1. Put these records into the DNS of your domain, with the addresses of this machine:',
    '',
    ...services.map(([service, port]) => `   ${`${service}.${ascii}.`.padEnd(width)}  3600 IN SRV  0 5 ${port} ${ascii}.`),
    `   ${`${ascii}.`.padEnd(width)}  3600 IN A     192.0.2.1`,
    `   ${`${ascii}.`.padEnd(width)}  3600 IN AAAA  2001:db8::1`,
    '',
    '   If another machine answers for the domain itself (a web site), name this one in the SRV records instead, for',
    `   example xmpp.${ascii}., and give that name the addresses. Let the firewall pass TCP 5222, 5223 and 5269.`,
  ]
}

function localName({ ascii }: Domain): readonly string[] {
  return [`1. No DNS records are needed: ${ascii} is a name for this machine or network only.`]
}

/** RFC 6761, RFC 6762: names that no public DNS has; and names of one label. */
function isLocal(ascii: string): boolean {
  return !ascii.includes('.') || /\.(?:localhost|local|test|internal)$/.test(ascii)
}

function certificate({ ascii }: Domain): readonly string[] {
  return [
    '4. Before you meet other servers: get a certificate from a certificate authority. The one made here is known to',
    `   nobody, and most servers and clients refuse it. Put it over certs/${ascii}.crt and certs/${ascii}.key, or put`,
    '   fullchain.pem and privkey.pem into a folder below certs, and reload.',
    '',
  ]
}

/** As a POSIX shell reads it back. */
function quoted(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
