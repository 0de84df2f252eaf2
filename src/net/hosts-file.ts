import { isIP } from 'node:net'
import type { DnsServer } from './dns-transport.ts'

/** Lower-case name -> its addresses, in the order of the file. */
export type Hosts = ReadonlyMap<string, readonly string[]>

/** Reads `/etc/hosts` (hosts(5)); lines that make no sense are passed over. */
export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>()
  for (const [address = '', ...names] of lines(text, '#')) {
    if (isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, '')
      const known = hosts.get(key) ?? []
      if (!known.includes(address)) hosts.set(key, [...known, address])
    }
  }
  return hosts
}

const DNS_PORT = 53

/** The name servers of `/etc/resolv.conf` (resolv.conf(5)); the one on this machine when it names none. */
export function parseResolvConf(text: string): readonly DnsServer[] {
  const servers: DnsServer[] = []
  for (const [word, address = ''] of lines(text, '#', ';')) {
    if (word === 'nameserver' && isIP(address) !== 0) servers.push({ address, port: DNS_PORT })
  }
  return servers.length > 0 ? servers : [{ address: '127.0.0.1', port: DNS_PORT }]
}

/** The words of each line, what follows a comment sign left out. */
function lines(text: string, ...comments: readonly string[]): readonly (readonly string[])[] {
  return text.split('\n').map((line) => {
    const end = Math.min(...comments.map((sign) => `${line}${sign}`.indexOf(sign)))
    return line.slice(0, end).split(/\s/).filter(Boolean)
  })
}
