import { randomBytes } from 'node:crypto'
import type { AccountProvider } from '../../src/core/accounts.ts'
import { Host } from '../../src/core/host.ts'
import { type Instance, loadModule, loadOrder } from '../../src/core/loader.ts'
import type { ModuleDeclaration } from '../../src/core/module.ts'
import { Rosters } from '../../src/core/rosters.ts'
import { Router } from '../../src/core/router.ts'
import { Session } from '../../src/core/session.ts'
import type { Source } from '../../src/core/source.ts'
import { createLog, type Line } from '../../src/obs/log.ts'
import { MODULES } from '../../src/server/modules.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import type { StreamError } from '../../src/xmpp/errors.ts'
import { authenticatedBudget, Framer } from '../../src/xmpp/framer.ts'
import { jid } from '../../src/xmpp/jid.ts'
import { NS } from '../../src/xmpp/ns.ts'
import type { Stanza } from '../../src/xmpp/stanza.ts'
import { FakeClock } from './fake-clock.ts'

/** Parses stanzas as they come over a stream. */
export function stanzas(xml: string): readonly Stanza[] {
  const found: Stanza[] = []
  const framer = new Framer(
    {
      header: () => {},
      stanza: (stanza) => found.push(stanza),
      element: (e) => {
        throw new Error(`no stanza: ${e}`)
      },
      end: () => {},
      fault: (condition, text) => {
        throw new Error(`${condition} ${text}`)
      },
    },
    authenticatedBudget(1_000_000),
  )
  framer.push(Buffer.from(`<stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}'>${xml}`))
  return found
}

/** A client without a socket: what it is sent is kept as text. */
export class Actor {
  readonly session: Session
  readonly heard: string[] = []
  readonly #stage: Stage
  paused = 0
  ended: StreamError | undefined
  isCongested = false

  constructor(stage: Stage, address: string) {
    this.#stage = stage
    const actor = this
    this.session = new Session(jid(address), stage.host, {
      id: address,
      pause: () => void this.paused++,
      resume: () => void this.paused--,
      write: (stanza) => void this.heard.push(String(stanza)),
      get isCongested() {
        return actor.isCongested
      },
      close: (error) => {
        this.ended = error
      },
    })
  }

  /** Says something, as its client stream would hand it on. */
  say(xml: string): void {
    for (const stanza of stanzas(xml)) this.#stage.router.fromClient(this.session, stanza.with({ from: this.session.jid }))
  }

  /** Takes what has been heard. */
  take(): readonly string[] {
    return this.heard.splice(0)
  }
}

export interface StageSetup {
  readonly modules?: readonly ModuleDeclaration[]
  readonly store?: Store
  readonly accounts?: readonly string[]
}

/** One host, `a.example`, with the real router, the real modules and a store in memory; what leaves for other domains is kept. */
export class Stage {
  readonly clock = new FakeClock()
  readonly log: Line[] = []
  readonly remote: string[] = []
  readonly router = new Router({ send: (stanza) => void this.remote.push(String(stanza)) })
  readonly store: Store
  readonly host: Host
  readonly instances = new Map<string, Instance>()
  readonly accounts: Set<string>

  constructor(setup: StageSetup = {}) {
    this.store = setup.store ?? openMemoryStore()
    this.accounts = new Set(setup.accounts ?? [])
    const known = new Map([...(setup.modules ?? MODULES)].map((m) => [m.name, m]))
    this.host = new Host({
      domain: 'a.example',
      kind: 'virtual',
      enabled: new Set(known.keys()),
      accounts: { exists: async (local: string) => this.accounts.has(local) } as AccountProvider, // all that the core asks
      remoteAccess: 'allowed',
      rosters: new Rosters(this.store, 'a.example'),
      services: () => [],
      log: createLog([
        { accepts: () => true, write: (line) => void this.log.push(line), reopen: () => {}, close: () => {} },
      ]).child('a.example'),
    })
    for (const declaration of loadOrder(known.keys(), known)) this.load(declaration)
    this.router.hosts.set('a.example', this.host)
  }

  load(declaration: ModuleDeclaration): Instance {
    const instance = loadModule(declaration, this.host, {
      router: this.router,
      store: this.store,
      clock: this.clock,
      randomBytes,
      option: () => {
        throw new Error('no options here')
      },
    })
    this.instances.set(declaration.name, instance)
    return instance
  }

  /** A session of an account, which is made when it is not there. */
  enter(address: string): Actor {
    this.accounts.add(jid(address).local)
    const actor = new Actor(this, address)
    this.router.open(actor.session)
    return actor
  }

  /** Stanzas from a remote domain. */
  fromRemote(xml: string, source: Source = REMOTE): void {
    for (const stanza of stanzas(xml)) this.router.fromRemote(stanza, source)
  }

  /** Everything that waits for the store has been done. */
  settle(): Promise<void> {
    return this.clock.advance(0)
  }

  takeRemote(): readonly string[] {
    return this.remote.splice(0)
  }
}

const REMOTE: Source = { id: 'remote', pause: () => {}, resume: () => {} }
