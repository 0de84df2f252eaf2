import type { Clock, Disposable } from '../net/clock.ts'
import type { Collection, Store } from '../store/store.ts'

/** What is kept; secrets in hex. */
interface Kept {
  readonly secret: string
  readonly former: string | undefined
  /** When `secret` came, ms since 1970. */
  readonly sinceMs: number
}

const SECRET_BYTES = 32
const KEY = ['dialback']
const LIFE_MS = 24 * 3_600_000
const LOOK_MS = 600_000
/** No key is asked about later after it was given out: the other side's whole negotiation takes half a minute. */
const OVERLAP_MS = 600_000

export interface RotatingSecretSetup {
  readonly store: Store
  readonly clock: Clock
  /** From the CSPRNG. */
  readonly random: (bytes: number) => Uint8Array
  /** The store would not take the new secret: the old one goes on. */
  failed(error: unknown): void
}

/**
 * The secret behind dialback keys where the configuration names none (XEP-0185 §3): kept, so that keys outlive a restart,
 * and another one each day, so that a leaked one is worth little. Dispose it before the store is closed.
 */
export class RotatingSecret implements Disposable {
  readonly #setup: RotatingSecretSetup
  readonly #collection: Collection<Kept>
  readonly #timer: Disposable
  #kept: Kept
  #rotating = Promise.resolve()

  private constructor(setup: RotatingSecretSetup, collection: Collection<Kept>, kept: Kept) {
    this.#setup = setup
    this.#collection = collection
    this.#kept = kept
    this.#timer = setup.clock.every(LOOK_MS, () => {
      if (this.#isOld) this.#rotating = this.#rotate().catch((error: unknown) => setup.failed(error))
    })
  }

  static async open(setup: RotatingSecretSetup): Promise<RotatingSecret> {
    const collection = setup.store.collection<Kept>('', 'rotating_secrets')
    const found = await collection.get(KEY)
    const kept = found ?? { secret: fresh(setup), former: undefined, sinceMs: setup.clock.now() }
    if (found === undefined) await collection.put(KEY, kept)
    const secret = new RotatingSecret(setup, collection, kept)
    if (secret.#isOld) await secret.#rotate()
    return secret
  }

  /** For keys that are given out now. */
  get current(): string {
    return this.#kept.secret
  }

  /** The one before, while keys made with it may still be asked about. */
  get former(): string | undefined {
    const ageMs = this.#setup.clock.now() - this.#kept.sinceMs
    return ageMs >= 0 && ageMs < OVERLAP_MS ? this.#kept.former : undefined
  }

  /** Settles when a change that has begun is stored. */
  get settled(): Promise<void> {
    return this.#rotating
  }

  dispose(): void {
    this.#timer.dispose()
  }

  /** Also when the clock was set back: what is dated in the future would stay for who knows how long. */
  get #isOld(): boolean {
    const ageMs = this.#setup.clock.now() - this.#kept.sinceMs
    return ageMs < 0 || ageMs >= LIFE_MS
  }

  async #rotate(): Promise<void> {
    const next = { secret: fresh(this.#setup), former: this.#kept.secret, sinceMs: this.#setup.clock.now() }
    await this.#collection.put(KEY, next) // stored first: a restart must know what was given out
    this.#kept = next
  }
}

const fresh = ({ random }: RotatingSecretSetup): string => Buffer.from(random(SECRET_BYTES)).toString('hex')

/** A secret of the configuration in the same shape: it changes when the operator changes it. */
export const chosenSecret = (secret: string | undefined) =>
  secret === undefined ? undefined : { current: secret, former: undefined }
