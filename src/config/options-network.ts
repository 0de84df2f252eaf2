import { resolve } from 'node:path'
import { either, fieldsOf, listOf, setOf } from './kind.ts'
import { flag, interfaceAddress, ipAddress, nameServer, oneOf, path, period, port, size, text, whole } from './kinds.ts'
import { optional, withDefault } from './option.ts'
import { tlsOptions } from './tls-kind.ts'

const ports = setOf(port)
const interfaces = setOf(interfaceAddress)

const networkSettings = fieldsOf({
  read_timeout: period(1000),
  send_timeout: period(1000),
  connect_timeout: period(1000),
  ssl_handshake_timeout: period(1000),
  tcp_backlog: whole(1, 65_535),
  max_send_buffer_size: size(4096),
  nagle: flag,
  shutdown_deadline: period(0),
})

const unbound = fieldsOf({
  resolvconf: either(flag, ['boolean'], path),
  hoststxt: either(flag, ['boolean'], path),
})

const listen = 'Which addresses to listen on'

/** Listeners, addresses, DNS and TLS. Periods are milliseconds and sizes are bytes once read. */
export const NETWORK_OPTIONS = {
  interfaces: withDefault(interfaces, new Set(['*', '::']), { where: 'global', help: `${listen}, for all public services.` }),
  local_interfaces: withDefault(interfaces, new Set(['127.0.0.1', '::1']), {
    where: 'global',
    help: `${listen}, for private services.`,
  }),
  c2s_ports: withDefault(ports, new Set([5222]), { where: 'global', help: 'Ports for clients (STARTTLS).' }),
  c2s_interfaces: optional(interfaces, { where: 'global', help: `${listen} for clients; unset: interfaces.` }),
  c2s_direct_tls_ports: withDefault(ports, new Set<number>(), {
    where: 'global',
    help: 'Ports for clients that start with TLS (XEP-0368).',
  }),
  c2s_direct_tls_interfaces: optional(interfaces, { where: 'global', help: `${listen} there; unset: interfaces.` }),
  s2s_ports: withDefault(ports, new Set([5269]), { where: 'global', help: 'Ports for other servers (STARTTLS).' }),
  s2s_interfaces: optional(interfaces, { where: 'global', help: `${listen} for other servers; unset: interfaces.` }),
  s2s_direct_tls_ports: withDefault(ports, new Set<number>(), {
    where: 'global',
    help: 'Ports for servers that start with TLS (XEP-0368).',
  }),
  s2s_direct_tls_interfaces: optional(interfaces, { where: 'global', help: `${listen} there; unset: interfaces.` }),
  use_ipv4: withDefault(flag, true, { where: 'global', help: 'Listen on and connect to IPv4 addresses.' }),
  use_ipv6: withDefault(flag, true, { where: 'global', help: 'Listen on and connect to IPv6 addresses.' }),
  tcp_keepalives: withDefault(flag, true, {
    where: 'global',
    help: 'TCP keepalives on every connection that has no option of its own.',
  }),
  c2s_tcp_keepalives: optional(flag, { where: 'global', help: 'TCP keepalives to clients; unset: tcp_keepalives.' }),
  s2s_tcp_keepalives: optional(flag, { where: 'global', help: 'TCP keepalives to servers; unset: tcp_keepalives.' }),
  network_settings: withDefault(networkSettings, {}, { where: 'global', help: 'Time-outs and buffers of sockets.' }),
  external_addresses: withDefault(setOf(interfaceAddress), new Set<string>(), {
    where: 'global',
    help: 'The public addresses of this machine, when it does not know them itself; only checks read it.',
  }),
  dns_servers: optional(listOf(nameServer), {
    where: 'global',
    help: 'Name servers to ask, in order, each with or without a port; unset: those of the system.',
  }),
  dns_trusted_servers: optional(setOf(ipAddress), {
    where: 'global',
    help: 'Name servers whose word about DNSSEC is believed; unset: those on this machine.',
  }),
  unbound: withDefault(
    unbound,
    {},
    {
      where: 'global',
      help: 'resolvconf: another resolv.conf to take name servers from; hoststxt: a hosts file to look into first.',
    },
  ),

  certificates: withDefault(path, (folder) => resolve(folder, 'certs'), {
    where: 'global',
    help: 'The folder in which certificates are found by the names they contain.',
  }),
  certificate: optional(path, { help: "A host's certificate, when it is not found in certificates." }),
  key: optional(path, { help: 'The key of certificate; unset: the file beside it with the ending .key, or privkey.pem.' }),
  c2s_direct_tls_certificate: optional(path, { where: 'global', help: 'For clients that name no host in TLS.' }),
  s2s_direct_tls_certificate: optional(path, { where: 'global', help: 'For servers that name no host in TLS.' }),
  ssl: optional(tlsOptions, { help: 'TLS options (LuaSec): key, certificate, cafile, capath, protocol, ciphers and more.' }),
  c2s_ssl: optional(tlsOptions, { help: 'The same for clients only; goes before ssl.' }),
  s2s_ssl: optional(tlsOptions, { help: 'The same for servers only; goes before ssl.' }),
  c2s_direct_tls_ssl: optional(tlsOptions, { where: 'global', help: 'The same for c2s_direct_tls_ports only.' }),
  s2s_direct_tls_ssl: optional(tlsOptions, { where: 'global', help: 'The same for s2s_direct_tls_ports only.' }),
  s2s_crl_files: withDefault(setOf(path), new Set<string>(), {
    where: 'global',
    help: 'Lists of revoked certificates (CRL, PEM or DER) of the authorities that other servers use.',
  }),
  tls_profile: withDefault(oneOf('intermediate', 'modern', 'old', 'legacy'), 'intermediate', {
    where: 'global',
    help: "Mozilla's sets of TLS versions and ciphers; ssl goes before it.",
  }),
  use_dane: withDefault(flag, false, {
    help: 'Judge servers by DANE records too (RFC 7712); needs a name server that validates.',
  }),
  tls_server_end_point_hash: optional(text, { status: 'later', help: 'The hash of tls-server-end-point behind a proxy.' }),
}
