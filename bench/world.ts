import { TestAuthority } from '../src/testing/certificate-authority.ts'
import { TestDns } from '../src/testing/dns-server.ts'
import type { Identity, Place } from './load/orders.ts'
import type { SrvTargets } from './servers/contender.ts'

// not .test: libunbound, which Prosody asks, answers for that itself
export const DOMAIN = 'bench.example'
export const PASSWORD = 'bench-password'
const REMOTE_DOMAINS = 400
const USERS = 40

/** What the servers find around them: an authority, a name server, and remote domains, each with its certificate. */
export interface World {
  readonly ca: string
  readonly cert: { readonly chainPem: string; readonly keyPem: string }
  readonly dns: { readonly address: string; readonly port: number }
  readonly remotes: readonly Identity[]
  readonly users: readonly string[]
  /** A loopback address of this run's own. */
  address(host: number): string
  /** Lets names of the remote domains lead to the generator. */
  pointRemotesTo(place: Place, targets: SrvTargets): void
  close(): Promise<void>
}

export async function createWorld(): Promise<World> {
  // two runs at a time do not meet
  const address = (host: number): string => `127.${100 + (process.pid % 100)}.${process.pid & 0xff}.${host}`
  const authority = TestAuthority.root({ cn: 'Bench Root', nowMs: Date.now() })
  const zone = new TestDns()
  const domains = Array.from({ length: REMOTE_DOMAINS }, (_, i) => `r${i + 1}.remote.example`)
  return {
    ca: authority.caPem,
    cert: authority.issue({ cn: DOMAIN, dns: [DOMAIN] }),
    dns: await zone.start(address(53)),
    remotes: domains.map((domain) => {
      const { chainPem, keyPem } = authority.issue({ cn: domain, dns: [domain] })
      return { domain, certificate: chainPem, key: keyPem }
    }),
    users: Array.from({ length: USERS }, (_, i) => `user${i + 1}`),
    address,
    pointRemotesTo({ address: host, port }, targets) {
      const target = targets === 'names' ? 'xmpp.remote.example' : host
      zone.set('xmpp.remote.example', { A: [host] })
      for (const domain of domains) zone.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target, port }] })
    },
    close: () => zone.stop(),
  }
}
