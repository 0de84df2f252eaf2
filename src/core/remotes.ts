import type { Clock } from '../net/clock.ts'
import type { LinkFailure } from './link-failure.ts'

const FIRST_DELAY_MS = 2_000
const LONGEST_DELAY_MS = 300_000
/** A stream that was lost sooner than this was not worth much. */
const STABLE_MS = 10_000
/** DNS is not asked for a change more often, and nobody waits longer for its answer. */
const LOOK_EVERY_MS = 10_000
const LOOK_MS = 2_000
/** How long a failure counts after a new attempt was possible: whoever fails then begins anew. */
const FORGET_MS = 600_000
/** Remote domains of which failures are remembered; the one that failed longest ago goes first. */
export const MOST_TROUBLED = 10_000

/** When to try next after failures in a row: within 2 s, then twice as long each time, at most 5 min. */
class BackOff {
  #failures = 0
  #failedMono = Number.NEGATIVE_INFINITY
  #dueMono = Number.NEGATIVE_INFINITY
  #failure: LinkFailure | undefined

  /** @param startedMono when the attempt began: those that were under way together count once */
  note(failure: LinkFailure, startedMono: number, nowMono: number, random: number): void {
    this.#failure = failure
    if (startedMono <= this.#failedMono) return
    if (nowMono > this.#dueMono + FORGET_MS) this.#failures = 0
    const longestMs = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS)
    this.#failures++
    this.#failedMono = nowMono
    this.#dueMono = nowMono + longestMs * (0.75 + random / 4)
  }

  get failure(): LinkFailure | undefined {
    return this.#failure
  }

  get dueMono(): number {
    return this.#dueMono
  }

  /** An attempt is possible now; if it fails, the delay goes on growing. */
  release(nowMono: number): void {
    this.#dueMono = Math.min(this.#dueMono, nowMono)
  }
}

/** What is remembered of a remote domain that has given trouble. */
interface Trouble {
  /** It was not found or took no connection: that concerns every domain of ours. */
  unreachable: BackOff | undefined
  /** What came later (TLS, certificates, authentication, streams that did not last) concerns one domain of ours. */
  readonly refused: Map<string, BackOff>
  /** Whose short-lived stream was made anew at once: the next one counts as a failure. */
  readonly spared: Set<string>
  /** The domain of ours that tries for all. */
  probing: string | undefined
  looking: Promise<void> | undefined
  lookedMono: number
  /** When it last gave trouble. */
  troubledMono: number
}

/** `open`: try now. `probed`: another domain of ours is trying, wait for what comes of it. Otherwise: not before. */
export type Outlook = 'open' | 'probed' | { readonly failure: LinkFailure; readonly inMs: number }

export interface RemotesSetup {
  readonly clock: Clock
  /** Uniform in [0, 1): spreads attempts. */
  readonly random: () => number
  /** Where DNS leads a host of ours now; see `Connector`. */
  places(local: string, remote: string): Promise<string>
}

/** Which remote domains have failed, and when each may be tried again. */
export class Remotes {
  readonly #setup: RemotesSetup
  readonly #troubled = new Map<string, Trouble>()

  constructor(setup: RemotesSetup) {
    this.#setup = setup
  }

  get size(): number {
    return this.#troubled.size
  }

  outlook(local: string, remote: string): Outlook {
    const trouble = this.#troubled.get(remote)
    if (trouble === undefined) return 'open'
    const nowMono = this.#setup.clock.mono()
    const later = laterOf(trouble.unreachable, trouble.refused.get(local))
    if (later !== undefined && later.dueMono > nowMono) return { failure: later.failure!, inMs: later.dueMono - nowMono }
    return trouble.probing === undefined || trouble.probing === local ? 'open' : 'probed'
  }

  /** An attempt begins. After a failure it is the only one until its outcome is known. */
  began(local: string, remote: string): void {
    const trouble = this.#troubled.get(remote)
    if (trouble?.unreachable !== undefined) trouble.probing ??= local
  }

  /** An attempt was given up without an outcome. */
  ended(local: string, remote: string): void {
    const trouble = this.#troubled.get(remote)
    if (trouble?.probing === local) trouble.probing = undefined
  }

  /** The remote domain was reached, and it took us. */
  succeeded(local: string, remote: string): void {
    this.ended(local, remote)
    const trouble = this.#troubled.get(remote)
    if (trouble === undefined) return
    trouble.unreachable = undefined
    this.#tidy(remote, trouble)
  }

  /** @returns whether it concerns every domain of ours */
  failed(local: string, remote: string, failure: LinkFailure, startedMono: number): boolean {
    this.ended(local, remote)
    const isShared = failure.stage === 'lookup' || failure.stage === 'connect'
    if (failure.places === undefined) return false
    const trouble = this.#trouble(remote)
    if (isShared) trouble.unreachable ??= new BackOff()
    else trouble.unreachable = undefined
    const backOff = trouble.unreachable ?? refusedOf(trouble, local)
    backOff.note(failure, startedMono, this.#setup.clock.mono(), this.#setup.random())
    return isShared
  }

  /** A stream was lost. It may be made anew at once, unless the one before was short-lived too. */
  lost(local: string, remote: string, failure: LinkFailure, readyMono: number): void {
    const nowMono = this.#setup.clock.mono()
    if (nowMono - readyMono >= STABLE_MS) {
      const trouble = this.#troubled.get(remote)
      trouble?.spared.delete(local)
      trouble?.refused.delete(local)
      if (trouble !== undefined) this.#tidy(remote, trouble)
      return
    }
    const trouble = this.#trouble(remote)
    if (trouble.spared.has(local)) refusedOf(trouble, local).note(failure, readyMono, nowMono, this.#setup.random())
    else trouble.spared.add(local)
  }

  /** Something says that it works again: it connected to us, or the operator wants it. */
  released(remote: string): void {
    const trouble = this.#troubled.get(remote)
    if (trouble === undefined) return
    trouble.unreachable = undefined
    trouble.refused.clear()
    trouble.spared.clear()
    this.#tidy(remote, trouble)
  }

  releasedAll(): void {
    for (const remote of [...this.#troubled.keys()]) this.released(remote)
  }

  /**
   * Asks DNS whether it leads elsewhere than when the failure came about; then an attempt is possible now.
   *
   * @returns undefined when it was asked just before. Never rejects, takes 2 s at most
   */
  lookAgain(local: string, remote: string): Promise<void> | undefined {
    const trouble = this.#troubled.get(remote)
    if (trouble === undefined) return undefined
    if (trouble.looking !== undefined) return trouble.looking
    const nowMono = this.#setup.clock.mono()
    if (nowMono - trouble.lookedMono < LOOK_EVERY_MS) return undefined
    trouble.lookedMono = nowMono
    trouble.looking = this.#look(local, remote, trouble)
    return trouble.looking
  }

  async #look(local: string, remote: string, trouble: Trouble): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const deadline = this.#setup.clock.after(LOOK_MS, () => resolve(undefined))
    const places = await Promise.race([this.#setup.places(local, remote).catch(() => undefined), late])
    deadline.dispose()
    trouble.looking = undefined
    if (places === undefined) return
    const nowMono = this.#setup.clock.mono()
    for (const backOff of [trouble.unreachable, ...trouble.refused.values()]) {
      const before = backOff?.failure?.places
      if (before !== undefined && before !== places) backOff?.release(nowMono)
    }
  }

  #trouble(remote: string): Trouble {
    const nowMono = this.#setup.clock.mono()
    const known = this.#troubled.get(remote)
    const trouble = known ?? {
      unreachable: undefined,
      refused: new Map<string, BackOff>(),
      spared: new Set<string>(),
      probing: undefined,
      looking: undefined,
      lookedMono: nowMono,
      troubledMono: nowMono,
    }
    trouble.troubledMono = nowMono
    this.#troubled.delete(remote)
    this.#troubled.set(remote, trouble) // to the end: it has failed last
    if (known === undefined) this.#makeRoom(nowMono)
    return trouble
  }

  /** Forgets what is long past, oldest first, and more when there is too much. */
  #makeRoom(nowMono: number): void {
    for (const [remote, { probing, troubledMono }] of this.#troubled) {
      const isPast = probing === undefined && nowMono > troubledMono + LONGEST_DELAY_MS + FORGET_MS
      if (!isPast && this.#troubled.size <= MOST_TROUBLED) return
      this.#troubled.delete(remote)
    }
  }

  #tidy(remote: string, { unreachable, refused, spared, probing }: Trouble): void {
    if (unreachable === undefined && refused.size === 0 && spared.size === 0 && probing === undefined) {
      this.#troubled.delete(remote)
    }
  }
}

function refusedOf(trouble: Trouble, local: string): BackOff {
  let backOff = trouble.refused.get(local)
  if (backOff === undefined) trouble.refused.set(local, (backOff = new BackOff()))
  return backOff
}

function laterOf(one: BackOff | undefined, other: BackOff | undefined): BackOff | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.dueMono >= other.dueMono ? one : other
}
