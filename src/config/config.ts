import { type ModuleLists, modulesOf } from './modules.ts'
import { OPTIONS, type OptionName, type OptionValue } from './options.ts'
import type { Position, Problem } from './problem.ts'
import type { RuleSetting } from './rules-kind.ts'
import { mergeTls } from './tls.ts'
import type { TlsOptions } from './tls-kind.ts'

/** A domain that this server serves. */
export interface Host {
  readonly kind: 'virtual' | 'component'
  readonly domain: string
  /** A component's module; undefined for a VirtualHost. */
  readonly module: string | undefined
  readonly at: Position
}

/** A domain of the file that is not served, and why. */
export interface IdleHost extends Host {
  readonly reason: string
}

/** An option's value with the place of its name in the file. */
export interface Held {
  readonly value: unknown
  readonly at: Position
}

export type Service = 'c2s' | 's2s' | 'c2s_direct_tls' | 's2s_direct_tls'

/** What the parts of {@link Config} are made from; only `load.ts` and tests need it. */
export interface ConfigParts {
  readonly path: string
  readonly folder: string
  readonly files: readonly string[]
  readonly problems: readonly Problem[]
  readonly hosts: readonly Host[]
  readonly idle: readonly IdleHost[]
  /** Values as read, by section; the global one has the key ''. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, Held>>
  readonly modules: ReadonlySet<string>
}

/** A configuration after every check. It never changes; a reload makes a new one. */
export class Config {
  /** The main file, as it was named. */
  readonly path: string
  /** Its folder, absolute: where relative paths start. */
  readonly folder: string
  /** Every file that was read, the main one first. */
  readonly files: readonly string[]
  /** Everything that was found, in reading order; with an `error` among them the server must not start. */
  readonly problems: readonly Problem[]
  /** The domains to serve, in the file's order. */
  readonly hosts: readonly Host[]
  readonly idle: readonly IdleHost[]
  readonly #values: ConfigParts['values']
  readonly #modules: ReadonlySet<string>

  constructor(parts: ConfigParts) {
    this.path = parts.path
    this.folder = parts.folder
    this.files = parts.files
    this.problems = parts.problems
    this.hosts = parts.hosts
    this.idle = parts.idle
    this.#values = parts.values
    this.#modules = parts.modules
  }

  get hasErrors(): boolean {
    return this.problems.some((p) => p.severity === 'error')
  }

  /** A host's value of an option: its own, else the global one, else the default. Without a host: global, else default. */
  get<N extends OptionName>(host: string | undefined, name: N): OptionValue<N> {
    const held = this.#find(host, name)
    const { fallback } = OPTIONS[name]
    const value = held !== undefined ? held.value : typeof fallback === 'function' ? fallback(this.folder) : fallback
    return value as OptionValue<N> // the option's own kind made the value, and its own default has the same type
  }

  /** True when the file sets the option, in the host's section or globally. */
  isSet(host: string | undefined, name: OptionName): boolean {
    return this.#find(host, name) !== undefined
  }

  /** Where the value that `get` returns was written; undefined when it is the default. */
  source(host: string | undefined, name: OptionName): Position | undefined {
    return this.#find(host, name)?.at
  }

  /** A host's rules about remote domains, its own before the global ones: the one option that adds up. */
  peerRules(host: string): readonly RuleSetting[] {
    return [...(this.#own(host, 's2s_rules') ?? []), ...(this.#own('', 's2s_rules') ?? [])]
  }

  /** Which modules run on a host: those listed or automatic that this server has. */
  enabledModules(domain: string): ReadonlySet<string> {
    const host = [...this.hosts, ...this.idle].find((h) => h.domain === domain)
    const modules = modulesOf(this.#lists(domain), host?.module).intersection(this.#modules)
    return this.get(domain, 'disallow_s2s') ? modules.difference(new Set(['s2s'])) : modules
  }

  /**
   * The TLS options of a service on a host, the strongest last: global `ssl` and `SERVICE_ssl`, the parent domain's and
   * the host's `certificate` and `ssl`, then their `SERVICE_ssl`. Without a host: for a peer that names none.
   */
  tls(host: string | undefined, service: Service): TlsOptions {
    const general = service.startsWith('c2s') ? 'c2s_ssl' : 's2s_ssl'
    const direct = service === 'c2s_direct_tls' || service === 's2s_direct_tls' ? service : undefined
    const parent = host?.slice(host.indexOf('.') + 1)
    const sections = parent === undefined || parent === host ? [host] : [parent, host]
    const own = sections.flatMap((domain) => (domain === undefined ? [] : [this.#pair(domain), this.#own(domain, 'ssl')]))
    const ownService = sections.map((domain) => (domain === undefined ? undefined : this.#own(domain, general)))
    return mergeTls([
      this.#pair(''),
      direct === undefined ? undefined : this.#directPair(direct),
      this.#own('', 'ssl'),
      this.#own('', general),
      direct === undefined ? undefined : this.#own('', `${direct}_ssl`),
      ...own,
      ...ownService,
    ])
  }

  #find(host: string | undefined, name: OptionName): Held | undefined {
    const own = host === undefined ? undefined : this.#values.get(host)?.get(name)
    return own ?? this.#values.get('')?.get(name)
  }

  #own<N extends OptionName>(section: string, name: N): OptionValue<N> | undefined {
    return this.#values.get(section)?.get(name)?.value as OptionValue<N> | undefined // made by the option's kind
  }

  #pair(section: string): TlsOptions {
    const certificate = this.#own(section, 'certificate')
    const key = this.#own(section, 'key')
    return { ...(certificate === undefined ? {} : { certificate }), ...(key === undefined ? {} : { key }) }
  }

  #directPair(service: 'c2s_direct_tls' | 's2s_direct_tls'): TlsOptions {
    const certificate = this.#own('', `${service}_certificate`)
    return certificate === undefined ? {} : { certificate }
  }

  #lists(domain: string): ModuleLists {
    return {
      globalEnabled: this.#own('', 'modules_enabled') ?? [],
      globalDisabled: this.#own('', 'modules_disabled') ?? [],
      enabled: this.#own(domain, 'modules_enabled') ?? [],
      disabled: this.#own(domain, 'modules_disabled') ?? [],
    }
  }
}
