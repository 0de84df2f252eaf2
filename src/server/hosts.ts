import type { Config, Host as HostConfig } from '../config/config.ts'
import type { AccountProvider } from '../core/accounts.ts'
import { Host, type RemoteAccess } from '../core/host.ts'
import { type Instance, loadModule, loadOrder } from '../core/loader.ts'
import type { ModuleDeclaration } from '../core/module.ts'
import { Rosters } from '../core/rosters.ts'
import type { Router } from '../core/router.ts'
import type { Clock } from '../net/clock.ts'
import type { Logger } from '../obs/log.ts'
import type { Store } from '../store/store.ts'
import { StreamError } from '../xmpp/errors.ts'

export interface HostsSetup {
  readonly router: Router
  readonly clock: Clock
  readonly log: Logger
  readonly modules: readonly ModuleDeclaration[]
  readonly randomBytes: (length: number) => Uint8Array
  store(config: Config, domain: string): Store
  accounts(config: Config, host: HostConfig): AccountProvider | undefined
}

/** The hosts of the configuration with their modules, kept in step with it. */
export class Hosts {
  readonly #setup: HostsSetup
  readonly #known: ReadonlyMap<string, ModuleDeclaration>
  readonly #instances = new Map<string, Map<string, Instance>>()
  #config: Config | undefined

  constructor(setup: HostsSetup) {
    this.#setup = setup
    this.#known = new Map(setup.modules.map((m) => [m.name, m]))
  }

  /**
   * Makes hosts and modules what the configuration says: what is gone is ended, what is new is set up and started. A
   * host that cannot be made so is no hindrance for the others. Never rejects.
   *
   * @returns one sentence for each host that could not
   */
  async arrange(config: Config): Promise<readonly string[]> {
    const before = this.#config
    this.#config = config
    const wanted = new Map(config.hosts.map((h) => [h.domain, h]))
    for (const [domain, host] of [...this.#setup.router.hosts]) {
      const next = wanted.get(domain)
      if (next === undefined || next.kind !== host.kind) {
        await this.#remove(host, new StreamError('host-gone', `${domain} is no longer served here`))
      } else if (before !== undefined && this.#setup.store(before, domain) !== this.#setup.store(config, domain)) {
        await this.#remove(host, new StreamError('reset', `the storage of ${domain} has changed`))
      }
    }
    const problems: string[] = []
    for (const declared of config.hosts) {
      try {
        await this.#arrangeHost(config, declared)
      } catch (error) {
        problems.push(`${declared.domain}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    return problems
  }

  async #arrangeHost(config: Config, declared: HostConfig): Promise<void> {
    const { router } = this.#setup
    const enabled = config.enabledModules(declared.domain)
    const present = router.hosts.get(declared.domain)
    const host = present ?? this.#create(config, declared, enabled)
    host.enabledNames = enabled
    host.remoteAccess = remoteAccess(config, declared.domain, enabled)
    if (present !== undefined) host.accounts = this.#setup.accounts(config, declared)
    const added = this.#arrangeModules(config, host, enabled)
    for (const instance of added) await instance.start()
    router.hosts.set(declared.domain, host) // stanzas come only when its modules are there
  }

  #create(config: Config, declared: HostConfig, enabled: ReadonlySet<string>): Host {
    const { domain, kind } = declared
    return new Host({
      domain,
      kind,
      enabled,
      accounts: this.#setup.accounts(config, declared),
      remoteAccess: remoteAccess(config, domain, enabled),
      rosters: new Rosters(this.#setup.store(config, domain), domain),
      services: () =>
        this.#config?.hosts.filter((h) => h.kind === 'component' && isBelow(h.domain, domain)).map((h) => h.domain) ?? [],
      log: this.#setup.log.child(domain),
    })
  }

  #arrangeModules(config: Config, host: Host, enabled: ReadonlySet<string>): readonly Instance[] {
    let instances = this.#instances.get(host.domain)
    if (instances === undefined) this.#instances.set(host.domain, (instances = new Map()))
    const order = loadOrder(enabled, this.#known)
    const names = new Set(order.map((m) => m.name))
    for (const [name, instance] of instances) {
      if (names.has(name)) continue
      instance.dispose()
      instances.delete(name)
    }
    const added: Instance[] = []
    for (const declaration of order) {
      if (instances.has(declaration.name)) continue
      const instance = loadModule(declaration, host, {
        router: this.#setup.router,
        store: this.#setup.store(config, host.domain),
        clock: this.#setup.clock,
        randomBytes: this.#setup.randomBytes,
        option: (of, name) => (this.#config ?? config).get(of.domain, name),
      })
      instances.set(declaration.name, instance)
      added.push(instance)
    }
    return added
  }

  /** Contacts learn first that the users go, while there is still a host to say so. */
  async #remove(host: Host, why: StreamError): Promise<void> {
    const { router } = this.#setup
    const sessions = [...host.sessions.all()]
    await Promise.all(sessions.map((session) => router.close(session)))
    router.hosts.delete(host.domain)
    for (const session of [...sessions, ...host.sessions.all()]) session.stream.close(why)
    for (const instance of this.#instances.get(host.domain)?.values() ?? []) instance.dispose()
    this.#instances.delete(host.domain)
  }

  dispose(): void {
    for (const instances of this.#instances.values()) for (const instance of [...instances.values()].reverse()) instance.dispose()
    this.#instances.clear()
  }
}

function isBelow(domain: string, parent: string): boolean {
  return domain.endsWith(`.${parent}`)
}

/** May users of this host talk to remote domains? The mission page: guests may not unless allow_anonymous_s2s. */
function remoteAccess(config: Config, domain: string, enabled: ReadonlySet<string>): RemoteAccess {
  if (!enabled.has('s2s')) return 's2s-disabled'
  const anonymous = config.get(domain, 'authentication') === 'anonymous'
  return anonymous && !config.get(domain, 'allow_anonymous_s2s') ? 'anonymous' : 'allowed'
}
