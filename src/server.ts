import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Accounts } from './admin/accounts.ts'
import type { Operations, ReloadOutcome, Status } from './admin/commands.ts'
import { answerControl } from './admin/control.ts'
import type { Explanation } from './admin/explain.ts'
import type { Config } from './config/config.ts'
import { formatProblem, type Problem } from './config/problem.ts'
import { Links } from './core/links.ts'
import { Router } from './core/router.ts'
import { SOFTWARE } from './core/software.ts'
import { type Disposable, systemClock } from './net/clock.ts'
import { type ControlSocket, openControlSocket } from './net/control-socket.ts'
import { Outbox } from './net/outbox.ts'
import { createEvents, type Events } from './obs/events.ts'
import { RemoteHistory } from './obs/history.ts'
import { createLog, type Log } from './obs/log.ts'
import { watchLoopLag } from './obs/loop-lag.ts'
import { createMetrics, type Family } from './obs/metrics.ts'
import { readConfig, restartOnly, type ServerOptions } from './server/configuration.ts'
import { controlSocketPath, type DataFolder, openDataFolder, warnings } from './server/data-folder.ts'
import { Decisions } from './server/decisions.ts'
import { Dns } from './server/dns.ts'
import { ConfigError, StartError } from './server/errors.ts'
import { FederationControl } from './server/federation-control.ts'
import { registerGauges } from './server/gauges.ts'
import { Hosts } from './server/hosts.ts'
import { Listeners, type ServiceName } from './server/listeners.ts'
import { liveAccounts } from './server/live-accounts.ts'
import { openSinks } from './server/logging.ts'
import { MODULES } from './server/modules.ts'
import { PeerMemory } from './server/peer-memory.ts'
import { PeerTls } from './server/peer-tls.ts'
import { PidFile } from './server/pid-file.ts'
import { Policies } from './server/policies.ts'
import { Providers } from './server/providers.ts'
import { chosenSecret } from './server/rotating-secret.ts'
import { TlsStore } from './server/tls-store.ts'
import { Clients } from './streams/clients.ts'
import { Peers } from './streams/peers.ts'

export { ConfigError, type ServerOptions, StartError }

/** How long the whole shutdown may take before everything left is cut off; `network_settings.shutdown_deadline`. */
const SHUTDOWN_MS = 5000
const QUEUE_BYTES = 32 * 1024 * 1024
const GOODBYE = 'this server is shutting down'
const LEVEL_OF = { error: 'error', warning: 'warn', notice: 'info' } as const

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

function refuse([problem]: readonly string[]): void {
  if (problem !== undefined) throw new Error(problem)
}

function tellStandardError(why: string): void {
  process.stderr.write(`entente: ${why}\n`)
}

/** A server: every part of it made, joined and ended here. */
export class Server implements Operations {
  readonly #options: ServerOptions
  readonly #log: Log
  readonly #metrics = createMetrics()
  readonly #events: Events
  readonly #outbox = new Outbox()
  readonly #router: Router
  readonly #links: Links
  readonly #tls: TlsStore
  readonly #clients: Clients
  readonly #peers: Peers
  readonly #hosts: Hosts
  readonly #providers: Providers
  readonly #memory: PeerMemory
  readonly #listeners: Listeners
  readonly #decisions = new Decisions()
  readonly federation: FederationControl
  readonly #accounts: Accounts
  readonly #ended = Promise.withResolvers<void>()
  #config: Config
  #policies: Policies
  #dns: Dns | undefined
  #data: DataFolder | undefined
  #control: ControlSocket | undefined
  #pidFile: PidFile | undefined
  #startedMono = 0
  #looking: Disposable | undefined
  #lag: Disposable | undefined
  #turn = Promise.resolve()
  #stopping: Promise<void> | undefined

  /** Use {@link createServer}. */
  constructor(options: ServerOptions, config: Config) {
    this.#options = options
    this.#config = config
    const { sinks, problems } = openSinks(config, tellStandardError)
    for (const problem of problems) tellStandardError(problem)
    this.#log = createLog(sinks)
    this.#memory = new PeerMemory(systemClock, this.#log)
    const history = new RemoteHistory()
    const events = this.#memory.observe(createEvents(this.#log, this.#metrics, history), () => this.#policies)
    this.#events = events
    this.#tls = new TlsStore(config, systemClock.now)
    this.#router = new Router({ send: (stanza, source) => this.#links.send(stanza, source) }, (local, remote) =>
      this.#policies.isQuarantined(local, remote),
    )
    this.#policies = this.#policiesOf(config)
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
      tls: new PeerTls({
        tls: this.#tls,
        policies: () => this.#policies,
        evidence: this.#memory.evidence,
        now: systemClock.now,
        callerTlsa: (local, remote) => this.#dns!.callerTlsa(local, remote),
      }),
      resolve: (domain, local) => this.#memory.lookUp(domain, () => this.#dns!.endpoints(domain, local)),
      options: (local) => this.#policies.peer(local),
      secrets: (local) => chosenSecret(this.#config.get(local, 'dialback_secret')) ?? this.#data!.dialback,
      returned: (stanza, failure) => this.#links.returned(stanza, failure),
      proven: (remote) => this.#links.released(remote),
      mayDial: (address, port) => (this.#listeners.isOwn(address, port) ? 'this is our own address' : undefined),
      management: (local) => this.#policies.management(local),
      idleMs: () => this.#config.get(undefined, 's2s_idle_timeout'),
      silenceMs: () => this.#policies.silenceMs,
      bidi: (local) => this.#config.enabledModules(local).has('s2s_bidi'),
      adopt: (local, remote, stream) => this.#links.adopt(local, remote, stream),
      stanzaBytes: () => this.#config.get(undefined, 's2s_stanza_size_limit'),
      negotiationMs: () => this.#policies.serverNegotiationMs,
      patience: () => this.#policies.patience('s2s'),
      preAuthBudget: () => this.#policies.preAuthBudget('s2s'),
      connectTimeoutMs: () => this.#config.get(undefined, 'network_settings').connect_timeout ?? 20_000,
    })
    this.#links = new Links({
      connector: this.#peers,
      clock: systemClock,
      random: Math.random, // spreads attempts; nothing secret
      log: this.#log.child('s2s'),
      bounds: () => ({
        stanzas: this.#config.get(undefined, 's2s_send_queue_size'),
        bytes: QUEUE_BYTES,
        ageMs: this.#config.get(undefined, 's2s_queue_age'),
      }),
      lost: (local, remote) => this.#router.remoteLost(local, remote),
      bounced: (stanza, failure) =>
        events.stanzaBounced(stanza.from!.domain, stanza.to!.domain, failure.condition, failure.stage),
      answer: (stanza) => this.#router.send(stanza),
    })
    this.#listeners = new Listeners(this.#log, (service, socket) => this.#accept(service, socket))
    const parts = { router: this.#router, links: this.#links, clients: this.#clients, peers: this.#peers }
    registerGauges(this.#metrics, parts)
    const domains = () => this.#config.hosts.filter((h) => h.kind === 'virtual').map((h) => h.domain)
    this.#accounts = liveAccounts(domains, this.#router, this.#clients)
    this.federation = new FederationControl({
      ...parts,
      history,
      decisions: this.#decisions,
      decided: () => {
        this.#policies = this.#policiesOf(this.#config)
      },
      local: () => this.#anyDomain(),
      log: this.#log.child('s2s'),
    })
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

  #policiesOf(config: Config): Policies {
    const isLocal = (domain: string) => this.#router.hosts.has(domain)
    return new Policies(config, this.#tls, isLocal, (domain) => this.#memory.trust.of(domain)?.best, this.#decisions.rules)
  }

  #accept(service: ServiceName, socket: Socket): void {
    const direct = service.endsWith('direct_tls')
    try {
      if (service.startsWith('c2s')) this.#clients.accept(socket, direct)
      else this.#peers.accept(socket, direct)
    } catch (error) {
      this.#events.bug(`accepting a connection (${service})`, error)
      socket.destroy()
    }
  }

  /**
   * Opens storage, hosts and modules, then the ports.
   *
   * @throws StartError; everything that was opened is closed again
   */
  start(): Promise<void> {
    return this.#inTurn(() => this.#start())
  }

  async #start(): Promise<void> {
    process.on('uncaughtExceptionMonitor', this.#crashing)
    try {
      this.#data = await openDataFolder(this.#config, randomBytes, (error) =>
        this.#log.warn('storage failed', { why: String(error) }),
      )
      this.#providers.use(this.#data)
      await this.#decisions.load(this.#data.internal)
      this.#policies = this.#policiesOf(this.#config) // what was decided by command counts too
      await this.#memory.trust.open(this.#data.internal)
      this.#dns = new Dns(this.#config)
      refuse(await this.#hosts.arrange(this.#config))
      this.#peers.start()
      this.#control = await openControlSocket(controlSocketPath(this.#config), (request) => answerControl(this, request))
      refuse(await this.#listeners.arrange(this.#config, this.#services()))
      this.#pidFile = PidFile.write(this.#config.get(undefined, 'pidfile'))
    } catch (error) {
      await this.#dispose()
      this.#log.close()
      throw error instanceof Error ? new StartError(error.message, { cause: error }) : error
    }
    this.#startedMono = systemClock.mono()
    this.#lag = watchLoopLag(systemClock, this.#metrics)
    this.#tell(this.#config.problems)
    for (const warning of warnings(this.#config, process.getuid?.())) this.#log.warn(warning)
    this.#tellTls()
    if (this.#decisions.sentence !== undefined) this.#log.info(this.#decisions.sentence)
    const hosts = this.#config.hosts.map((h) => h.domain).join(', ')
    this.#log.info('ready', {
      version: SOFTWARE.version,
      config: this.#config.path,
      hosts,
      listening: this.#listeners.describe().join(', '),
    })
  }

  #tell(problems: readonly Problem[]): void {
    for (const problem of problems) this.#log[LEVEL_OF[problem.severity]](formatProblem(problem))
  }

  #tellTls(): readonly { readonly line: string; readonly isError: boolean }[] {
    return this.#tls.takeProblems().map(({ severity, message, file }) => {
      const line = file === undefined ? message : `${file}: ${message}`
      this.#log[severity === 'error' ? 'error' : 'warn'](line)
      return { line, isError: severity === 'error' }
    })
  }

  /** One after the other: the start, each reload, the end. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = result.then(
      () => {},
      () => {},
    )
    return result
  }

  /** Something was thrown where nothing expects it: the process ends, and this is its last word. */
  readonly #crashing = (error: Error): void => {
    this.#events.bug('the process ends', error)
    this.#log.close()
  }

  /** Which services have somebody to serve. */
  #services(): readonly ServiceName[] {
    const hosts = [...this.#router.hosts.values()]
    const clients = hosts.some((h) => h.kind === 'virtual' && h.enabled('c2s'))
    const peers = hosts.some((h) => h.enabled('s2s'))
    return [...(clients ? (['c2s', 'c2s_direct_tls'] as const) : []), ...(peers ? (['s2s', 's2s_direct_tls'] as const) : [])]
  }

  // Operations

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

  explain(local: string | undefined, remote: string): Explanation {
    return this.#memory.explain(this.#config, this.#policies, local, remote)
  }

  forget(remote: string): boolean {
    return this.#memory.forget(remote)
  }

  /** The ports that are open for a service, for tests and for those who asked for any port (0). */
  ports(service: ServiceName): readonly number[] {
    return this.#listeners.ports(service)
  }

  /** Counters, as `name{label="value"}` -> value. */
  metrics(): ReadonlyMap<string, number> {
    return this.#metrics.read()
  }

  /** Every number that is declared, with its values. */
  families(): readonly Family[] {
    return this.#metrics.families()
  }

  reopenLogs(): void {
    this.#log.reopen()
  }

  /** Never rejects: what cannot be done goes on as it was, and a line says why. */
  async reload(): Promise<ReloadOutcome> {
    try {
      return await this.#inTurn(() => this.#reload())
    } catch (error) {
      this.#events.bug('reload', error)
      return { done: false, lines: ['the reload has failed for a reason that the log tells'] }
    }
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#stopping !== undefined) return { done: false, lines: ['the server is stopping'] }
    const next = await readConfig(this.#options)
    const lines = next.problems.map(formatProblem)
    this.#tell(next.problems)
    if (next.hasErrors) {
      this.#log.error('reload refused: the configuration has errors, so that everything stays as it was')
      return { done: false, lines }
    }
    const kept = await this.#adopt(next)
    const tls = this.#tellTls()
    lines.push(...kept, ...tls.map(({ line }) => line))
    for (const line of kept) this.#log.error(line)
    const partly = kept.length > 0 || tls.some(({ isError }) => isError)
    const listening = this.#listeners.describe().join(', ')
    if (partly) this.#log.error('configuration reloaded, but for what is said above, which goes on as it was', { listening })
    else this.#log.info('configuration reloaded', { listening })
    return { done: !partly, partly, lines }
  }

  /** Puts a configuration into use, each part as far as possible. Returns one sentence for each that is not. */
  async #adopt(next: Config): Promise<readonly string[]> {
    const before = this.#config
    const problems: string[] = restartOnly(before, next)
    this.#config = next
    problems.push(...this.#adoptLog(next))
    this.#tls.reload(next)
    this.#policies = this.#policiesOf(next)
    this.#dns?.dispose()
    this.#dns = new Dns(next)
    problems.push(...(await this.#hosts.arrange(next)))
    this.#clients.recheck()
    this.#peers.recheck()
    this.#links.releasedAll()
    problems.push(...(await this.#listeners.arrange(next, this.#services())))
    return problems
  }

  #adoptLog(next: Config): readonly string[] {
    const { sinks, problems } = openSinks(next, tellStandardError)
    if (problems.length === 0) this.#log.use(sinks)
    else for (const sink of sinks) sink.close()
    return problems
  }

  /** Ends in order: everybody is told, everything is stored. Settles within 6 s even when peers do not answer. */
  stop(reason = 'asked to'): Promise<void> {
    this.#stopping ??= this.#inTurn(() => this.#stop(reason))
    return this.#stopping
  }

  async #stop(reason: string): Promise<void> {
    this.#log.info('stopping', { reason })
    this.#listeners.close()
    this.#control?.close()
    this.#links.closing()
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const deadlineMs = this.#config.get(undefined, 'network_settings').shutdown_deadline ?? SHUTDOWN_MS
    const deadline = systemClock.after(deadlineMs, resolve)
    await Promise.race([this.#sayGoodbye(), over])
    deadline.dispose()
    await this.#dispose()
    this.#log.info('stopped')
    this.#log.close()
    this.#ended.resolve()
  }

  async #sayGoodbye(): Promise<void> {
    // contacts learn that the users go, over the streams that are there
    const sessions = [...this.#router.hosts.values()].flatMap((host) => [...host.sessions.all()])
    await Promise.all(sessions.map((session) => this.#router.close(session)))
    this.#links.stop()
    this.#clients.stop(GOODBYE)
    this.#peers.stop(GOODBYE)
    await this.#drained()
  }

  /** Resolves when every stream is gone. */
  #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (this.#clients.size + this.#peers.size === 0) resolve()
    }
    this.#looking = systemClock.every(20, look)
    look()
    return promise
  }

  async #dispose(): Promise<void> {
    process.off('uncaughtExceptionMonitor', this.#crashing)
    this.#looking?.dispose()
    this.#lag?.dispose()
    this.#listeners.close()
    this.#control?.close()
    this.#clients.destroy()
    this.#peers.destroy()
    this.#hosts.dispose()
    this.#dns?.dispose()
    this.#pidFile?.remove()
    try {
      await this.#data?.close()
    } catch (error) {
      this.#log.error('the data folder could not be closed in order', {
        why: error instanceof Error ? error.message : String(error),
      })
    }
    this.#data = undefined
  }
}
