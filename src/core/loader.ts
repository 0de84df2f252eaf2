import type { OptionName, OptionValue } from '../config/options.ts'
import type { Clock } from '../net/clock.ts'
import type { Collection, Operation, Store } from '../store/store.ts'
import type { Host } from './host.ts'
import type { ModuleContext, ModuleDeclaration } from './module.ts'
import type { Router } from './router.ts'

/** What every module instance of a server shares. */
export interface LoaderSetup {
  readonly router: Router
  readonly store: Store
  readonly clock: Clock
  readonly randomBytes: (bytes: number) => Uint8Array
  readonly option: <K extends OptionName>(host: Host, name: K) => OptionValue<K>
}

/** A module that runs on a host. */
export interface Instance {
  readonly name: string
  /** What it must do before listeners open. */
  start(): Promise<void>
  /** Ends it and removes all it has registered. */
  dispose(): void
}

/**
 * The modules to set up on a host, in order: what a module needs comes before it, otherwise by name.
 *
 * @param wanted names of enabled modules; names that are not in `known` are stream features or somebody else's
 */
export function loadOrder(wanted: Iterable<string>, known: ReadonlyMap<string, ModuleDeclaration>): readonly ModuleDeclaration[] {
  const order: ModuleDeclaration[] = []
  const seen = new Set<string>()
  const visit = (name: string): void => {
    const module = known.get(name)
    if (module === undefined || seen.has(name)) return
    seen.add(name)
    for (const need of [...(module.needs ?? [])].sort()) visit(need)
    order.push(module)
  }
  for (const name of [...wanted].sort()) visit(name)
  return order
}

/** Sets a module up on a host. Throws what `setup` throws, with nothing of it left behind. */
export function loadModule(declaration: ModuleDeclaration, host: Host, setup: LoaderSetup): Instance {
  const { name } = declaration
  const starts: (() => Promise<void>)[] = []
  const stops: (() => void)[] = []
  const dispose = (): void => {
    for (const stop of stops.splice(0).reverse()) stop()
    host.removeModule(name)
  }
  try {
    declaration.setup(context(name, host, setup, starts, stops))
  } catch (error) {
    dispose()
    throw error
  }
  return {
    name,
    start: async () => {
      for (const start of starts) await start()
    },
    dispose,
  }
}

function context(
  module: string,
  host: Host,
  setup: LoaderSetup,
  starts: (() => Promise<void>)[],
  stops: (() => void)[],
): ModuleContext {
  return {
    host,
    clock: setup.clock,
    log: host.log.child(module),
    randomId: (bytes = 12) => Buffer.from(setup.randomBytes(bytes)).toString('hex'),
    option: <K extends OptionName>(name: K) => setup.option(host, name),
    advertise: (feature, where = 'host') => void host.features[where].set(feature, module),
    identity: (identity, where = 'host') => void host.identities[where].push({ module, identity }),
    extension: (form) => void host.extensions.push({ module, form }),
    streamFeature: (feature) => void host.streamFeatures.push({ module, feature }),
    iq: (registration) => host.addIq(module, registration),
    gate: (selector, run) => host.registry.add({ phase: 'gate', selector, run, module }),
    stamp: (selector, run) => host.registry.add({ phase: 'stamp', selector, run, module }),
    observe: (selector, run) => host.registry.add({ phase: 'observe', selector, run, module }),
    claim: (key, handle) => host.claim(module, key, handle),
    sessionOpened: (run) => void host.opened.push({ module, run }),
    sessionAvailable: (run) => void host.available.push({ module, run }),
    sessionClosed: (run) => void host.closed.push({ module, run }),
    accountRemoved: (run) => void host.accountRemoved.push({ module, run }),
    remoteLost: (run) => void host.remoteLost.push({ module, run }),
    send: (stanza, source) => setup.router.send(stanza, source),
    collection: <T>(name: string, owner: 'account' | 'host' = 'host'): Collection<T> =>
      setup.store.collection<T>(host.domain, name, owner === 'account' ? { owner } : {}),
    transact: (operations: readonly Operation[]) => setup.store.transact(operations),
    publish: (name, value) => void host.published.set(name, { module, value }),
    use: (name) => host.use(name),
    start: (run) => void starts.push(run),
    stop: (run) => void stops.push(run),
  }
}
