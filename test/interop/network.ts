import { setDefaultCACertificates } from 'node:tls'
import { type Issued, TestAuthority } from '../../src/testing/certificate-authority.ts'
import { TestDns } from '../../src/testing/dns-server.ts'
import type { PeerOptions } from '../peers/peer.ts'

/** How a server of a test proves who it is. */
export type Proof = 'external' | 'dialback' | 'plain'

/**
 * Whether SRV records name their targets, or give addresses in the place of names. The latter is for ejabberd, which
 * has the C library look targets up, where no test can say which name server to ask; that one knows a literal by sight.
 */
export type View = 'names' | 'literals'

/** Domains with addresses, a name server and a certification authority of their own, all on one loopback net. */
export class TestNetwork {
  readonly #names = new TestDns()
  readonly #literals = new TestDns()
  readonly #ca = TestAuthority.root({ cn: 'Interop Test Root', nowMs: Date.now() })
  readonly #net: string
  #views: Readonly<Record<View, PeerOptions['dns']>> | undefined
  #hosts = 0

  /** @param net the first three bytes of its addresses, such as "127.20.1"; no other test may use them */
  private constructor(net: string) {
    this.#net = net
  }

  static async open(net: string): Promise<TestNetwork> {
    const network = new TestNetwork(net)
    const [names, literals] = [await network.#names.start(`${net}.53`), await network.#literals.start(`${net}.54`)]
    network.#views = { names, literals }
    return network
  }

  /**
   * What a server of this domain needs to start: with 'external' a certificate of the authority that all servers trust,
   * with 'dialback' a self-signed one, with 'plain' none.
   */
  join(domain: string, proof: Proof, view: View = 'names'): PeerOptions {
    this.#hosts += 1
    const address = `${this.#net}.${this.#hosts}`
    this.#names.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: `xmpp.${domain}`, port: 5269 }] })
    this.#names.set(`xmpp.${domain}`, { A: [address] })
    this.#literals.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: address, port: 5269 }] })
    return { domain, address, dns: this.#views![view], ca: this.#ca.caPem, cert: this.#certificate(domain, proof) }
  }

  /** From now on this process's TLS clients trust these certificates and no others. */
  trust(...members: readonly PeerOptions[]): void {
    const selfSigned = members.flatMap(({ cert }) => (cert ? [cert.chainPem] : []))
    setDefaultCACertificates([this.#ca.caPem, ...selfSigned])
  }

  async close(): Promise<void> {
    await Promise.all([this.#names.stop(), this.#literals.stop()])
  }

  #certificate(domain: string, proof: Proof): Issued | undefined {
    if (proof === 'plain') return undefined
    return this.#ca.issue({ cn: domain, dns: [domain], selfSigned: proof === 'dialback' })
  }
}
