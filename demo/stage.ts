import { Resolver } from 'node:dns/promises'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Issued, TestAuthority, TestDns } from 'entente/testing'
import { ServerProcess } from './server-process.ts'

/** What an act changes in a server's configuration. */
export interface Policy {
  /** `s2s_secure_auth`: other servers must have a valid certificate. */
  readonly secureAuth: boolean
  /** The certificate that other servers see; clients always see the authority's. */
  readonly shows: 'of the authority' | 'self-signed'
}

/** A server that is up and published in DNS. */
export interface Running {
  readonly domain: string
  readonly process: ServerProcess
  readonly c2s: number
  readonly s2s: number
}

export const ADDRESS = '127.0.0.1'
export const AUTHORITY = 'Entente demo CA'

/** A small internet on loopback, with all its files in one temporary folder: name server, authority, servers. */
export class Stage implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'entente-demo-'))
  readonly authority = TestAuthority.root({ cn: AUTHORITY, nowMs: Date.now() })
  readonly #failure = Promise.withResolvers<never>()
  readonly #dns = new TestDns()
  readonly #running = new Map<string, ServerProcess>()
  /** Whatever happens to this process, no server outlives it and no file is left. */
  readonly #atExit = () => this.#clear()
  #nameServer = ''
  #closed = false

  private constructor() {
    writeFileSync(this.authorityFile, this.authority.caPem)
    process.on('exit', this.#atExit)
    this.#failure.promise.catch(() => {}) // whoever awaits it is told
  }

  static async open(): Promise<Stage> {
    const stage = new Stage()
    const { address, port } = await stage.#dns.start(ADDRESS)
    stage.#nameServer = `${address}:${port}`
    return stage
  }

  /** Rejects when a server ends by itself; never resolves. */
  get failed(): Promise<never> {
    return this.#failure.promise
  }

  get authorityFile(): string {
    return join(this.folder, 'ca.pem')
  }

  get nameServer(): string {
    return this.#nameServer
  }

  /** Starts the server of a domain, or starts it again under another policy; its accounts stay. */
  async serve(domain: string, policy: Policy): Promise<Running> {
    await this.#running.get(domain)?.stop()
    this.#dns.queries.length = 0
    if (this.#closed) throw new Error('the demo is over')
    const server = new ServerProcess(domain, this.#configure(domain, policy), this.#failure.reject)
    this.#running.set(domain, server)
    const { c2s, s2s } = await server.ports()
    this.#dns.set(`_xmpp-server._tcp.${domain}`, { SRV: [{ target: `xmpp.${domain}`, port: s2s }] })
    this.#dns.set(`xmpp.${domain}`, { A: [ADDRESS] })
    return { domain, process: server, c2s, s2s }
  }

  #configure(domain: string, { secureAuth, shows }: Policy): string {
    const folder = join(this.folder, domain)
    mkdirSync(join(folder, 'certificates'), { recursive: true })
    const names = { dns: [domain], nowMs: Date.now() }
    save(join(folder, 'certificates', domain), this.authority.issue(names))
    if (shows === 'self-signed') save(join(folder, 'self-signed'), this.authority.issue({ ...names, selfSigned: true }))
    const file = join(folder, 'entente.cfg.lua')
    writeFileSync(
      file,
      `interfaces = { "${ADDRESS}" }
c2s_ports = { 0 } -- any free port
s2s_ports = { 0 }
dns_servers = { "${this.#nameServer}" }
data_path = "data"
certificates = "certificates"
ssl = { cafile = "${this.authorityFile}" }
run_as_root = true
modules_enabled = { "tls", "saslauth", "dialback", "roster", "disco", "ping", "version" }
s2s_require_encryption = true
s2s_secure_auth = ${secureAuth}

VirtualHost "${domain}"
${shows === 'self-signed' ? '  s2s_ssl = { certificate = "self-signed.crt", key = "self-signed.key" }' : ''}
`,
    )
    return file
  }

  /** What a server was told about a domain; rejects when none has asked in this act. */
  async lookUp(domain: string): Promise<{ readonly query: string; readonly answer: string }> {
    const query = `_xmpp-server._tcp.${domain}`
    if (!this.#dns.queries.some(({ name, type }) => name === query && type === 'SRV'))
      throw new Error(`nobody asked for ${query}`)
    const resolver = new Resolver()
    resolver.setServers([this.#nameServer])
    const [srv] = await resolver.resolveSrv(query)
    const [address] = await resolver.resolve4(srv!.name)
    return { query, answer: `${srv!.name} port ${srv!.port}, at ${address}` }
  }

  /** What the servers said last: for when something went wrong. */
  get lastWords(): readonly string[] {
    return [...this.#running].flatMap(([domain, server]) => [`--- log of ${domain}`, ...server.lastWords])
  }

  /** Ends the servers, the name server, and removes every file. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#running.values()].map((server) => server.stop()))
    await this.#dns.stop()
    this.#clear()
    process.off('exit', this.#atExit)
  }

  #clear(): void {
    for (const server of this.#running.values()) server.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function save(path: string, { chainPem, keyPem }: Issued): void {
  writeFileSync(`${path}.crt`, chainPem)
  writeFileSync(`${path}.key`, keyPem, { mode: 0o600 })
}
