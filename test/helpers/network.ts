import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from '../../src/server.ts'
import { type IssueOptions, TestAuthority } from '../../src/testing/certificate-authority.ts'
import { TestDns } from '../../src/testing/dns-server.ts'
import { TestClient, TestStream } from './test-client.ts'

/** What a test server may differ in. */
export interface ServerSetup {
  /** Its own loopback address; the next free one of 127.1.0.x when absent. */
  readonly address?: string
  /** Lua lines for the global section. */
  readonly global?: string
  /** Lua lines for the host's section. */
  readonly host?: string
  /** Further sections, as Lua text. */
  readonly more?: string
  /** 'ca': by the network's authority. 'self-signed', 'none'; or what to issue instead. */
  readonly certificate?: 'ca' | 'self-signed' | 'none' | IssueOptions
  readonly modules?: readonly string[]
  /** Lua for `log`; only errors, on the console, unless told otherwise. */
  readonly log?: string
  readonly users?: readonly string[]
  /** Publish SRV and A records; true unless said otherwise. */
  readonly dns?: boolean
}

/** Every user of a test server has this password. */
export const PASSWORD = 'secret'

/**
 * A small internet on loopback: a name server, a certificate authority, and real servers on real sockets. Dispose it
 * (`await using`) and everything is gone.
 */
export class Network implements AsyncDisposable {
  readonly dns: TestDns
  readonly ca: TestAuthority
  readonly folder: string
  readonly servers = new Map<string, Server>()
  readonly #clients: TestStream[] = []
  readonly #dnsAddress: string
  #next = 1

  private constructor(dns: TestDns, dnsAddress: string) {
    this.dns = dns
    this.#dnsAddress = dnsAddress
    this.ca = TestAuthority.root({ nowMs: Date.now() })
    this.folder = mkdtempSync(join(tmpdir(), 'entente-test-'))
    writeFileSync(join(this.folder, 'ca.pem'), this.ca.caPem)
  }

  static async create(): Promise<Network> {
    const dns = new TestDns({})
    const { address, port } = await dns.start('127.0.0.1')
    return new Network(dns, `${address}:${port}`)
  }

  /** The configuration file that a server of this domain has or would have. */
  configFile(domain: string): string {
    return join(this.folder, domain, 'entente.cfg.lua')
  }

  /** Writes configuration and certificate of a domain, without starting anything. Returns the file. */
  prepare(domain: string, setup: ServerSetup = {}): string {
    const folder = join(this.folder, domain)
    mkdirSync(join(folder, 'certs'), { recursive: true })
    this.writeCertificate(domain, setup.certificate ?? 'ca')
    const modules = setup.modules ?? ['tls', 'saslauth', 'dialback', 'roster', 'disco', 'ping', 'version']
    const address = setup.address ?? `127.1.0.${this.#next++}`
    writeFileSync(
      this.configFile(domain),
      `interfaces = { "${address}" }
c2s_ports = { 0 }
s2s_ports = { 0 }
run_as_root = true
dns_servers = { "${this.#dnsAddress}" }
data_path = "data"
certificates = "certs"
log = ${setup.log ?? '{ error = "*console" }'}
ssl = { cafile = "${join(this.folder, 'ca.pem')}" }
modules_enabled = { ${modules.map((m) => `"${m}"`).join(', ')} }
${setup.global ?? ''}
VirtualHost "${domain}"
${setup.host ?? ''}
${setup.more ?? ''}
`,
    )
    return this.configFile(domain)
  }

  writeCertificate(domain: string, which: NonNullable<ServerSetup['certificate']>): void {
    const certs = join(this.folder, domain, 'certs')
    rmSync(certs, { recursive: true, force: true })
    mkdirSync(certs)
    if (which === 'none') return
    const options = typeof which === 'string' ? { dns: [domain, `*.${domain}`], selfSigned: which === 'self-signed' } : which
    const issued = this.ca.issue(options)
    writeFileSync(join(certs, `${domain}.crt`), issued.chainPem)
    writeFileSync(join(certs, `${domain}.key`), issued.keyPem, { mode: 0o600 })
  }

  /** Starts a server for a domain, makes its users and publishes it in DNS. */
  async server(domain: string, setup: ServerSetup = {}): Promise<Server> {
    const server = await createServer({ configFile: this.prepare(domain, setup) })
    await server.start()
    this.servers.set(domain, server)
    for (const user of setup.users ?? []) await server.createAccount(`${user}@${domain}`, PASSWORD)
    if (setup.dns !== false) this.publish(domain, server)
    return server
  }

  /** SRV and address records that lead to a server. */
  publish(domain: string, server: Server): void {
    const [port] = server.ports('s2s')
    const [address] = server.config.get(undefined, 'interfaces')
    if (port !== undefined) this.dns.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: `xmpp.${domain}`, port }] })
    this.dns.set(`xmpp.${domain}`, { A: [address!] })
  }

  /** Stops the server of a domain and starts it again on the same data and ports. */
  async restart(domain: string): Promise<Server> {
    const before = this.servers.get(domain)!
    const file = this.configFile(domain)
    let text = readFileSync(file, 'utf8')
    for (const service of ['c2s', 's2s'] as const) {
      const ports = before.ports(service).join(', ')
      text = text.replace(`${service}_ports = { 0 }`, `${service}_ports = { ${ports} }`)
    }
    writeFileSync(file, text)
    await before.stop()
    const server = await createServer({ configFile: this.configFile(domain) })
    await server.start()
    this.servers.set(domain, server)
    this.publish(domain, server)
    return server
  }

  /** A connection to a service of a server that nothing was said on. Disposed with the network. */
  async connect(domain: string, service: 'c2s' | 'c2s_direct_tls' | 's2s' = 'c2s'): Promise<TestStream> {
    const server = this.servers.get(domain)!
    const [address] = server.config.get(undefined, 'interfaces')
    const stream = await TestStream.connect(address!, server.ports(service)[0]!)
    this.#clients.push(stream)
    return stream
  }

  /**
   * Logs a user in (for a mere domain: a guest), over STARTTLS where it is offered, and sends initial presence unless told
   * not to. Own presence that comes back is dropped.
   */
  async client(
    account: string,
    options: { resource?: string; presence?: boolean; lang?: string; password?: string } = {},
  ): Promise<TestClient> {
    const [user, domain] = account.includes('@') ? (account.split('@') as [string, string]) : [undefined, account]
    const server = this.servers.get(domain)!
    const [address] = server.config.get(undefined, 'interfaces')
    const client = await TestClient.login({
      address: address!,
      port: server.ports('c2s')[0]!,
      domain,
      user,
      password: options.password ?? PASSWORD,
      resource: options.resource ?? 'test',
      ...(options.lang === undefined ? {} : { lang: options.lang }),
    })
    this.#clients.push(client)
    if (options.presence !== false) {
      client.send('<presence/>')
      client.putBack(await client.heard((e) => !(e.name === 'presence' && e.attr('from') === client.jid)))
    }
    return client
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await Promise.all([...this.servers.values()].map((server) => server.stop()))
    await this.dns.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
