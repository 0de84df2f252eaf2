import type { Logger } from '../obs/log.ts'
import type { Element } from '../xmpp/element.ts'
import { type Jid, jid } from '../xmpp/jid.ts'
import type { AccountProvider } from './accounts.ts'
import { Lanes } from './lanes.ts'
import type { Claims, Identity, IqRegistration, Published } from './module.ts'
import { Registry } from './registry.ts'
import type { Roster, Rosters } from './rosters.ts'
import type { Session } from './session.ts'
import { Sessions } from './sessions.ts'

/** What decides whether users of a host may talk to remote domains. */
export type RemoteAccess = 'allowed' | 's2s-disabled' | 'anonymous'

export interface HostSetup {
  readonly domain: string
  readonly kind: 'virtual' | 'component'
  /** Every module and stream feature that is on here: the one answer to `enabled(name)`. */
  readonly enabled: ReadonlySet<string>
  /** undefined for a component. */
  readonly accounts: AccountProvider | undefined
  readonly remoteAccess: RemoteAccess
  readonly rosters: Rosters
  /** Domains of the services that belong to this host, for service discovery. */
  readonly services: () => readonly string[]
  readonly log: Logger
}

type Place = 'host' | 'account'

/** One virtual host or component: its accounts' sessions and what its modules have registered. */
export class Host {
  readonly domain: string
  readonly jid: Jid
  readonly kind: 'virtual' | 'component'
  readonly log: Logger
  enabledNames: ReadonlySet<string>
  accounts: AccountProvider | undefined
  remoteAccess: RemoteAccess
  readonly rosters: Rosters
  readonly services: () => readonly string[]
  readonly sessions = new Sessions()
  readonly lanes = new Lanes()
  readonly registry = new Registry()
  readonly claims = new Map<keyof Claims, { readonly module: string; readonly handle: Claims[keyof Claims] }>()
  readonly published = new Map<keyof Published, { readonly module: string; readonly value: Published[keyof Published] }>()
  readonly features: Readonly<Record<Place, Map<string, string>>> = { host: new Map(), account: new Map() }
  readonly identities: Readonly<Record<Place, { readonly module: string; readonly identity: Identity }[]>> = {
    host: [],
    account: [],
  }
  readonly extensions: { readonly module: string; readonly form: () => Element | undefined }[] = []
  readonly streamFeatures: { readonly module: string; readonly feature: Element }[] = []
  readonly opened: { readonly module: string; readonly run: (session: Session) => void }[] = []
  readonly available: { readonly module: string; readonly run: (session: Session) => void }[] = []
  readonly closed: { readonly module: string; readonly run: (session: Session) => Promise<void> | undefined }[] = []
  readonly accountRemoved: { readonly module: string; readonly run: (local: string, roster: Roster) => void }[] = []
  readonly remoteLost: { readonly module: string; readonly run: (remote: string) => void }[] = []
  /** Accounts to which something that was kept is being handed over: messages that come meanwhile go after it. */
  readonly handovers = new Map<string, Promise<void>>()
  readonly #iq = new Map<string, { readonly module: string; readonly registration: IqRegistration }>()

  constructor(setup: HostSetup) {
    this.domain = setup.domain
    this.jid = jid(setup.domain)
    this.kind = setup.kind
    this.enabledNames = setup.enabled
    this.accounts = setup.accounts
    this.remoteAccess = setup.remoteAccess
    this.rosters = setup.rosters
    this.services = setup.services
    this.log = setup.log
  }

  enabled(name: string): boolean {
    return this.enabledNames.has(name)
  }

  claimed<K extends keyof Claims>(key: K): Claims[K] | undefined {
    // the map is filled by `claim` only, which pairs key and handler
    return this.claims.get(key)?.handle as Claims[K] | undefined
  }

  claim<K extends keyof Claims>(module: string, key: K, handle: Claims[K]): void {
    const owner = this.claims.get(key)
    if (owner !== undefined) throw new Error(`${this.domain}: both ${owner.module} and ${module} claim ${key}`)
    this.claims.set(key, { module, handle })
  }

  addIq(module: string, registration: IqRegistration): void {
    const key = iqKey(registration.to, registration.type, registration.ns, registration.name)
    const owner = this.#iq.get(key)
    if (owner !== undefined) throw new Error(`${this.domain}: both ${owner.module} and ${module} answer iq ${key}`)
    this.#iq.set(key, { module, registration })
  }

  iqHandler(to: Place, type: string, ns: string, name: string): IqRegistration | undefined {
    return this.#iq.get(iqKey(to, type, ns, name))?.registration
  }

  use<K extends keyof Published>(name: K): Published[K] | undefined {
    // the map is filled by `publish` only, which pairs name and value
    return this.published.get(name)?.value as Published[K] | undefined
  }

  /** Forgets all that a module has registered. */
  removeModule(module: string): void {
    this.registry.removeOf(module)
    for (const [key, owner] of this.claims) if (owner.module === module) this.claims.delete(key)
    for (const [key, owner] of this.#iq) if (owner.module === module) this.#iq.delete(key)
    for (const [name, owner] of this.published) if (owner.module === module) this.published.delete(name)
    for (const place of ['host', 'account'] as const) {
      for (const [feature, owner] of this.features[place]) if (owner === module) this.features[place].delete(feature)
      drop(this.identities[place], module)
    }
    drop(this.extensions, module)
    drop(this.streamFeatures, module)
    drop(this.opened, module)
    drop(this.available, module)
    drop(this.closed, module)
    drop(this.accountRemoved, module)
    drop(this.remoteLost, module)
  }
}

function iqKey(to: Place, type: string, ns: string, name: string): string {
  return `${to} ${type} ${ns} ${name}`
}

function drop(list: { readonly module: string }[], module: string): void {
  for (let i = list.length - 1; i >= 0; i--) if (list[i]!.module === module) list.splice(i, 1)
}
