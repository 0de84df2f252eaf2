import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Operations, Status } from './admin/commands.ts'
import { answerControl } from './admin/control.ts'
import type { Config } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { formatProblem, type Problem } from './config/problem.ts'
import { Links } from './core/links.ts'
import type { ModuleDeclaration } from './core/module.ts'
import { Router } from './core/router.ts'
import { SOFTWARE } from './core/software.ts'
import { systemClock } from './net/clock.ts'
import { type ControlSocket, openControlSocket } from './net/control-socket.ts'
import { resolveEndpoints } from './net/endpoints.ts'
import { Outbox } from './net/outbox.ts'
import { openResolver, type Resolver } from './net/resolver.ts'
import { createEvents } from './obs/events.ts'
import { createLog, type Log } from './obs/log.ts'
import { createMetrics } from './obs/metrics.ts'
import { accountOperations } from './server/account-operations.ts'
import { controlSocketPath, type DataFolder, openDataFolder, warnings } from './server/data-folder.ts'
import { Hosts } from './server/hosts.ts'
import { Listeners, type ServiceName } from './server/listeners.ts'
import { sinksOf } from './server/logging.ts'
import { MODULES, moduleFacts } from './server/modules.ts'
import { PidFile } from './server/pid-file.ts'
import { Policies } from './server/policies.ts'
import { Providers } from './server/providers.ts'
import { TlsStore } from './server/tls-store.ts'
import { Clients } from './streams/clients.ts'
import { Peers } from './streams/peers.ts'
import { StreamError } from './xmpp/errors.ts'

/** The configuration has errors: nothing was opened or changed. Exit code 78 of the command. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(
      problems
        .filter((p) => p.severity === 'error')
        .map(formatProblem)
        .join('\n'),
    )
    this.problems = problems
  }
}

/** The server cannot run here: a port or the data folder is not to be had. The message is one plain sentence. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

export interface ServerOptions {
  readonly configFile: string
  /** What `os.getenv` and `ENV_NAME` of the configuration see; the process's own environment when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Modules beside those that come with the server; enabled by name in the configuration. */
  readonly modules?: readonly ModuleDeclaration[]
}

/** How long the whole shutdown may take before everything left is cut off. */
const SHUTDOWN_MS = 5000
const QUEUE_BYTES = 32 * 1024 * 1024

/**
 * Reads and checks a configuration and makes a server of it that has opened nothing yet.
 *
 * @throws ConfigError with every problem that was found
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const config = await readConfig(options)
  if (config.hasErrors) throw new ConfigError(config.problems)
  return new Server(options, config)
}

function readConfig({ configFile, env, modules }: ServerOptions): Promise<Config> {
  return loadConfig({ path: configFile, env: env ?? process.env, modules: moduleFacts(modules) })
}

/** A server: every part of it made, joined and ended here. */
export class Server implements Operations {
  readonly #options: ServerOptions
  readonly #log: Log
  readonly #metrics = createMetrics()
  readonly #outbox = new Outbox()
  readonly #router: Router
  readonly #links: Links
  readonly #tls: TlsStore
  readonly #clients: Clients
  readonly #peers: Peers
  readonly #hosts: Hosts
  readonly #providers: Providers
  readonly #listeners: Listeners
  readonly #ended = Promise.withResolvers<void>()
  #config: Config
  #policies: Policies
  #resolver: Resolver | undefined
  #data: DataFolder | undefined
  #control: ControlSocket | undefined
  #pidFile: PidFile | undefined
  #startedMono = 0
  #stopping: Promise<void> | undefined

  /** Use {@link createServer}. */
  constructor(options: ServerOptions, config: Config) {
    this.#options = options
    this.#config = config
    this.#log = createLog(sinksOf(config, (why) => process.stderr.write(`entente: ${why}\n`)))
    const events = createEvents(this.#log, this.#metrics)
    this.#tls = new TlsStore(config, systemClock.now)
    this.#router = new Router({ send: (stanza, source) => this.#links.send(stanza, source) })
    this.#policies = new Policies(config, this.#tls, (domain) => this.#router.hosts.has(domain))
    this.#providers = new Providers(randomBytes)
    this.#hosts = new Hosts({
      router: this.#router,
      clock: systemClock,
      log: this.#log,
      modules: [...MODULES, ...(options.modules ?? [])],
      randomBytes,
      store: (of, domain) => this.#providers.store(of, domain),
      accounts: (of, host) => this.#providers.accounts(of, host),
    })
    const shared = {
      router: this.#router,
      clock: systemClock,
      outbox: this.#outbox,
      events,
      randomBytes,
      anyDomain: () => this.#anyDomain(),
    }
    this.#clients = new Clients({
      ...shared,
      host: (domain) => this.#router.hosts.get(domain),
      policy: (host) => this.#policies.client(host),
      negotiationMs: () => this.#policies.clientNegotiationMs,
      patience: () => this.#policies.patience('c2s'),
      preAuthBudget: () => this.#policies.preAuthBudget('c2s'),
      tls: (domain) => this.#tls.acceptClient(domain),
    })
    this.#peers = new Peers({
      ...shared,
      tls: this.#tls,
      resolve: (domain) => this.#resolve(domain),
      options: (local) => this.#policies.peer(local),
      secret: (local) => this.#config.get(local, 'dialback_secret') ?? this.#data!.dialbackSecret,
      mayDial: (address, port) => (this.#listeners.isOwn(address, port) ? 'this is our own address' : undefined),
      stanzaBytes: () => this.#config.get(undefined, 's2s_stanza_size_limit'),
      negotiationMs: () => this.#policies.serverNegotiationMs,
      patience: () => this.#policies.patience('s2s'),
      preAuthBudget: () => this.#policies.preAuthBudget('s2s'),
      connectTimeoutMs: () => this.#config.get(undefined, 'network_settings').connect_timeout ?? 20_000,
    })
    this.#links = new Links({
      connector: this.#peers,
      log: this.#log.child('s2s'),
      bounds: () => ({ stanzas: this.#config.get(undefined, 's2s_send_queue_size'), bytes: QUEUE_BYTES }),
      bounced: (stanza, failure) =>
        events.stanzaBounced(stanza.from!.domain, stanza.to!.domain, failure.condition, failure.stage),
      answer: (stanza) => this.#router.send(stanza),
    })
    this.#listeners = new Listeners(this.#log, (service, socket) => this.#accept(service, socket))
  }

  get config(): Config {
    return this.#config
  }

  /** Settles when the server has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  #anyDomain(): string {
    return this.#config.hosts[0]!.domain
  }

  #resolve(domain: string) {
    return resolveEndpoints(domain, {
      resolver: this.#resolver!,
      clock: systemClock,
      random: Math.random, // spreads load over SRV weights; nothing secret
      ipv4: this.#config.get(undefined, 'use_ipv4'),
      ipv6: this.#config.get(undefined, 'use_ipv6'),
    })
  }

  #accept(service: ServiceName, socket: Socket): void {
    const direct = service.endsWith('direct_tls')
    if (service.startsWith('c2s')) this.#clients.accept(socket, direct)
    else this.#peers.accept(socket, direct)
  }

  /**
   * Opens storage, hosts and modules, then the ports.
   *
   * @throws StartError; everything that was opened is closed again
   */
  async start(): Promise<void> {
    try {
      this.#data = await openDataFolder(this.#config, randomBytes)
      this.#providers.use(this.#data)
      this.#resolver = this.#openResolver(this.#config)
      await this.#hosts.arrange(this.#config)
      this.#control = await openControlSocket(controlSocketPath(this.#config), (request) => answerControl(this, request))
      await this.#listeners.arrange(this.#config, this.#services())
      this.#pidFile = PidFile.write(this.#config.get(undefined, 'pidfile'))
    } catch (error) {
      await this.#dispose()
      throw error instanceof Error ? new StartError(error.message, { cause: error }) : error
    }
    this.#startedMono = systemClock.mono()
    this.#tell([...this.#config.problems.filter((p) => p.severity !== 'error').map(formatProblem)])
    for (const warning of warnings(this.#config, process.getuid?.())) this.#log.warn(warning)
    this.#tellTls()
    const hosts = this.#config.hosts.map((h) => h.domain).join(', ')
    this.#log.info('ready', {
      version: SOFTWARE.version,
      config: this.#config.path,
      hosts,
      listening: this.#listeners.describe().join(', '),
    })
  }

  #tell(lines: readonly string[]): void {
    for (const line of lines) this.#log.warn(line)
  }

  #tellTls(): readonly string[] {
    return this.#tls.takeProblems().map(({ severity, message, file }) => {
      const line = file === undefined ? message : `${file}: ${message}`
      this.#log[severity === 'error' ? 'error' : 'warn'](line)
      return line
    })
  }

  #openResolver(config: Config): Resolver {
    const servers = config.get(undefined, 'dns_servers')
    const { resolvconf, hoststxt } = config.get(undefined, 'unbound')
    return openResolver({
      clock: systemClock,
      ...(servers === undefined ? {} : { servers }),
      ...(typeof resolvconf === 'string' ? { resolvconf } : {}),
      ...(hoststxt === undefined ? {} : { hosts: hoststxt === true ? '/etc/hosts' : hoststxt }),
    })
  }

  /** Which services have somebody to serve. */
  #services(): readonly ServiceName[] {
    const hosts = [...this.#router.hosts.values()]
    const clients = hosts.some((h) => h.kind === 'virtual' && h.enabled('c2s'))
    const peers = hosts.some((h) => h.enabled('s2s'))
    return [...(clients ? (['c2s', 'c2s_direct_tls'] as const) : []), ...(peers ? (['s2s', 's2s_direct_tls'] as const) : [])]
  }

  // Operations

  readonly #accounts = accountOperations({
    domains: () => this.#config.hosts.filter((h) => h.kind === 'virtual').map((h) => h.domain),
    provider: (domain) => this.#router.hosts.get(domain)?.accounts,
    changed: (account, how) => {
      const host = this.#router.hosts.get(account.domain)
      if (host === undefined) return
      const text = how === 'removed' ? 'the account was deleted' : 'the password was changed'
      this.#clients.endAccount(host, account.local, new StreamError(how === 'removed' ? 'conflict' : 'reset', text))
      if (how === 'removed') host.rosters.forget(account.local)
    },
  })

  createAccount(address: string, password: string): Promise<void> {
    return this.#accounts.createAccount(address, password)
  }

  setPassword(address: string, password: string): Promise<void> {
    return this.#accounts.setPassword(address, password)
  }

  removeAccount(address: string): Promise<void> {
    return this.#accounts.removeAccount(address)
  }

  status(): Status {
    return {
      version: SOFTWARE.version,
      pid: process.pid,
      upSeconds: (systemClock.mono() - this.#startedMono) / 1000,
      hosts: [...this.#router.hosts.values()].map(({ domain, kind, sessions }) => ({ domain, kind, sessions: sessions.size })),
      listening: this.#listeners.describe(),
      clientStreams: this.#clients.size,
      serverStreams: this.#peers.list(),
      queues: this.#links.list(),
    }
  }

  /** The ports that are open for a service, for tests and for those who asked for any port (0). */
  ports(service: ServiceName): readonly number[] {
    return this.#listeners.ports(service)
  }

  /** Counters, as `name{label="value"}` -> value. */
  metrics(): ReadonlyMap<string, number> {
    return this.#metrics.read()
  }

  reopenLogs(): void {
    this.#log.reopen()
  }

  async reload(): Promise<{ readonly done: boolean; readonly lines: readonly string[] }> {
    const next = await readConfig(this.#options)
    const lines = next.problems.map(formatProblem)
    this.#tell(lines)
    if (next.hasErrors) {
      this.#log.error('the configuration has errors: everything stays as it was')
      return { done: false, lines }
    }
    try {
      await this.#adopt(next)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#log.error(why)
      return { done: false, lines: [...lines, why] }
    }
    const tls = this.#tellTls()
    this.#log.info('configuration reloaded')
    return { done: true, lines: [...lines, ...tls] }
  }

  async #adopt(next: Config): Promise<void> {
    this.#config = next
    this.#log.use(sinksOf(next, (why) => process.stderr.write(`entente: ${why}\n`)))
    this.#tls.reload(next)
    this.#policies = new Policies(next, this.#tls, (domain) => this.#router.hosts.has(domain))
    this.#resolver?.dispose()
    this.#resolver = this.#openResolver(next)
    await this.#hosts.arrange(next)
    await this.#listeners.arrange(next, this.#services())
  }

  /** Ends in order: everybody is told, everything is stored. Settles within 6 s even when peers do not answer. */
  stop(reason = 'this server is shutting down'): Promise<void> {
    this.#stopping ??= this.#stop(reason)
    return this.#stopping
  }

  async #stop(reason: string): Promise<void> {
    this.#log.info('stopping')
    this.#listeners.close()
    this.#control?.close()
    this.#links.closing()
    // contacts learn that the users go, over the streams that are there
    const sessions = [...this.#router.hosts.values()].flatMap((host) => [...host.sessions.all()])
    await Promise.allSettled(sessions.map((session) => this.#router.close(session)))
    this.#links.stop()
    this.#clients.stop(reason)
    this.#peers.stop(reason)
    await this.#drained()
    this.#clients.destroy()
    this.#peers.destroy()
    await this.#dispose()
    this.#log.info('stopped')
    this.#log.close()
    this.#ended.resolve()
  }

  /** Resolves when every stream is gone, or when the time for it is over. */
  #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const deadline = systemClock.after(SHUTDOWN_MS, resolve)
    const look = systemClock.every(20, () => this.#clients.size + this.#peers.size === 0 && resolve())
    if (this.#clients.size + this.#peers.size === 0) resolve()
    return promise.finally(() => {
      deadline.dispose()
      look.dispose()
    })
  }

  async #dispose(): Promise<void> {
    this.#listeners.close()
    this.#control?.close()
    this.#hosts.dispose()
    this.#resolver?.dispose()
    this.#pidFile?.remove()
    await this.#data?.close()
  }
}
