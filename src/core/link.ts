import type { Clock, Disposable } from '../net/clock.ts'
import type { Logger } from '../obs/log.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { type LinkFailure, notBefore, tooOld } from './link-failure.ts'
import { LinkQueue, type QueueBounds, type QueueTotal } from './link-queue.ts'
import type { Remotes } from './remotes.ts'
import { type Source, Valve } from './source.ts'

/** An authenticated stream as a link sees it. */
export interface RemoteStream {
  write(stanza: Stanza): void
  readonly isCongested: boolean
}

/** What comes back from a connector: `ready` or `failed` once; after `ready`, `drained` any number of times and `lost` once. */
export interface LinkEvents {
  ready(stream: RemoteStream): void
  failed(failure: LinkFailure): void
  drained(): void
  /** @param isUrgent something that was sent is not confirmed: it waits for the next stream */
  lost(why: string, isUrgent?: boolean): void
}

/** What becomes of a stream that a link has adopted: `drained` any number of times, `lost` once. */
export type AdoptedEvents = Pick<LinkEvents, 'drained' | 'lost'>

/** Makes streams. It tries every endpoint of the remote domain before it says `failed`. */
export interface Connector {
  connect(local: string, remote: string, events: LinkEvents): void
  /** Where DNS leads that host of ours now, as a word that is the same as long as the answer is; a failed look-up has one too. */
  places(local: string, remote: string): Promise<string>
}

/** What a link needs of all links. */
export interface LinkOwner {
  readonly connector: Connector
  readonly clock: Clock
  readonly log: Logger
  readonly remotes: Remotes
  readonly total: QueueTotal
  bounds(local: string): QueueBounds
  bounce(stanza: Stanza, failure: LinkFailure): void
  forget(local: string, remote: string): void
  lost(local: string, remote: string): void
  /** An attempt is over. `failure`: it concerns every domain of ours. */
  settled(remote: string, failure: LinkFailure | undefined): void
}

/** A pair of domains, and what waits for its stream. */
export interface LinkFacts {
  readonly local: string
  readonly remote: string
  readonly state: State['at']
  readonly queued: number
  readonly bytes: number
  readonly oldestSeconds: number
  /** How many addresses they are from. */
  readonly senders: number
}

/** `waiting`: for the time of the next attempt, for DNS, or for what comes of another link's attempt. */
type State =
  | { readonly at: 'idle' }
  | { readonly at: 'waiting'; readonly timer: Disposable | undefined }
  | { readonly at: 'connecting'; readonly sinceMono: number }
  | { readonly at: 'ready'; readonly stream: RemoteStream; readonly sinceMono: number }

const IDLE: State = { at: 'idle' }
/** Stanzas wait for an attempt that is possible so soon; otherwise they go back at once. */
const PATIENCE_MS = 10_000

/** What one pair of local and remote domain needs: its stream, what waits for it, and the way back when it fails. */
export class Link {
  readonly #local: string
  readonly #remote: string
  readonly #owner: LinkOwner
  readonly #valve = new Valve()
  readonly #queue: LinkQueue
  #state: State = IDLE
  /** Tells the events of an older attempt from those of this one. */
  #attempt = 0
  #aging: Disposable | undefined

  constructor(local: string, remote: string, owner: LinkOwner) {
    this.#local = local
    this.#remote = remote
    this.#owner = owner
    this.#queue = new LinkQueue(owner.total)
  }

  get state(): State['at'] {
    return this.#state.at
  }

  get facts(): LinkFacts {
    const { length: queued, bytes, senders, sinceMono } = this.#queue
    const oldestSeconds = sinceMono === undefined ? 0 : (this.#owner.clock.mono() - sinceMono) / 1000
    return { local: this.#local, remote: this.#remote, state: this.#state.at, queued, bytes, oldestSeconds, senders }
  }

  send(stanza: Stanza, source: Source | undefined): void {
    if (this.#state.at === 'ready' && this.#queue.length === 0 && !this.#state.stream.isCongested) {
      this.#state.stream.write(stanza)
      return
    }
    this.#keep(stanza, source)
  }

  #keep(stanza: Stanza, source: Source | undefined): void {
    const refusal = this.#queue.push(stanza, this.#owner.clock.mono(), this.#owner.bounds(this.#local))
    // What does not keep up slows whoever fills it. A stream that is not there yet stalls no client, but the one that has
    // filled its share: what it sends next would only go back.
    const isFilled = this.#state.at === 'ready' || this.#queue.isShareFull(stanza.from!.bare.toString())
    if (isFilled && source !== undefined && this.#queue.length > 0) this.#valve.hold(source)
    if (refusal !== undefined) {
      this.#owner.bounce(stanza, refusal)
      if (this.#state.at === 'idle' && this.#queue.length === 0) this.#owner.forget(this.#local, this.#remote)
      return
    }
    this.#watchAge()
    if (this.#state.at === 'idle') this.#proceed()
  }

  /** Connects, waits or gives up, as the remote domain's past demands. */
  #proceed(): void {
    const outlook = this.#owner.remotes.outlook(this.#local, this.#remote)
    if (outlook === 'open') this.#connect()
    else if (outlook === 'probed') this.#wait(undefined)
    else if (outlook.inMs <= PATIENCE_MS) this.#wait(outlook.inMs)
    else {
      const looking = this.#owner.remotes.lookAgain(this.#local, this.#remote)
      if (looking === undefined) this.fail(notBefore(outlook.failure, outlook.inMs))
      else this.#waitFor(looking)
    }
  }

  #wait(ms: number | undefined): void {
    const timer = ms === undefined ? undefined : this.#owner.clock.after(ms, () => this.reconsider())
    this.#become({ at: 'waiting', timer })
  }

  #waitFor(look: Promise<void>): void {
    this.#wait(undefined)
    const waiting = this.#state
    void look.then(() => {
      if (this.#state === waiting) this.reconsider()
    })
  }

  #become(state: State): void {
    if (this.#state.at === 'waiting') this.#state.timer?.dispose()
    this.#state = state
  }

  /** Something has changed for the remote domain: whoever waits looks again at what to do. */
  reconsider(): void {
    if (this.#state.at !== 'waiting') return
    this.#become(IDLE)
    this.#proceed()
  }

  /** Another link has found out that the remote domain cannot be reached: what waits here goes back too. */
  learn(failure: LinkFailure): void {
    if (this.#state.at === 'waiting') this.fail(failure)
  }

  /** Makes a stream now, also when nothing waits for one. */
  retry(): void {
    if (this.#state.at === 'idle' || this.#state.at === 'waiting') this.#connect()
  }

  #connect(): void {
    const { clock, connector, remotes } = this.#owner
    this.#become({ at: 'connecting', sinceMono: clock.mono() })
    remotes.began(this.#local, this.#remote)
    const attempt = ++this.#attempt
    const current = (): boolean => attempt === this.#attempt
    connector.connect(this.#local, this.#remote, {
      ready: (stream) => current() && this.#ready(stream),
      failed: (failure) => current() && this.#failed(failure),
      drained: () => current() && this.#flush(),
      lost: (why, isUrgent) => current() && this.#lost(why, isUrgent === true),
    })
  }

  /** A stream of the remote that may carry our stanzas too. It is used where there is none, or none yet. */
  adopt(stream: RemoteStream): AdoptedEvents | undefined {
    if (this.#state.at === 'ready') return undefined
    const attempt = ++this.#attempt
    const current = (): boolean => attempt === this.#attempt
    this.#ready(stream)
    return {
      drained: () => current() && this.#flush(),
      lost: (why, isUrgent) => current() && this.#lost(why, isUrgent === true),
    }
  }

  #ready(stream: RemoteStream): void {
    this.#become({ at: 'ready', stream, sinceMono: this.#owner.clock.mono() })
    this.#owner.remotes.succeeded(this.#local, this.#remote)
    this.#flush()
    this.#owner.settled(this.#remote, undefined)
  }

  /** Writes what waits, in order, as far as the stream has room. */
  #flush(): void {
    if (this.#state.at !== 'ready') return
    const { stream } = this.#state
    while (this.#queue.length > 0 && !stream.isCongested) stream.write(this.#queue.shift())
    if (this.#queue.length === 0) this.#emptied()
  }

  #emptied(): void {
    this.#aging?.dispose()
    this.#aging = undefined
    this.#valve.release()
  }

  #watchAge(): void {
    const { sinceMono } = this.#queue
    if (this.#aging !== undefined || sinceMono === undefined) return
    const { ageMs } = this.#owner.bounds(this.#local)
    const inMs = Math.max(sinceMono + ageMs - this.#owner.clock.mono(), 0)
    this.#aging = this.#owner.clock.after(inMs, () => {
      this.#aging = undefined
      this.#expire(ageMs)
    })
  }

  #expire(ageMs: number): void {
    const old = this.#queue.takeOlder(this.#owner.clock.mono() - ageMs)
    this.#watchAge()
    if (this.#queue.length === 0) {
      this.#emptied()
      if (this.#state.at === 'waiting') this.#leave()
    }
    for (const stanza of old) this.#owner.bounce(stanza, tooOld(ageMs))
  }

  #lost(why: string, isUrgent: boolean): void {
    const { clock, log, remotes } = this.#owner
    const readyMono = this.#state.at === 'ready' ? this.#state.sinceMono : clock.mono()
    this.#become(IDLE)
    this.#attempt++
    this.#valve.release()
    const queued = this.#queue.length
    log.info('stream to a remote domain lost', { local: this.#local, remote: this.#remote, why, queued })
    const text = `The connection to the remote server was lost soon after it was made: ${why}`
    remotes.lost(this.#local, this.#remote, { stage: 'stream', condition: 'remote-server-timeout', text }, readyMono)
    if (queued > 0 || isUrgent) this.#proceed()
    else this.#owner.forget(this.#local, this.#remote)
    this.#owner.lost(this.#local, this.#remote)
  }

  #failed(failure: LinkFailure): void {
    const { remotes } = this.#owner
    const startedMono = this.#state.at === 'connecting' ? this.#state.sinceMono : this.#owner.clock.mono()
    const isShared = remotes.failed(this.#local, this.#remote, failure, startedMono)
    this.fail(failure)
    this.#owner.settled(this.#remote, isShared ? failure : undefined)
  }

  /** Everything that waits goes back to its senders, with the reason. */
  fail(failure: LinkFailure): void {
    const queue = this.#queue.takeAll()
    this.#emptied()
    this.#leave()
    for (const stanza of queue) this.#owner.bounce(stanza, failure)
  }

  #leave(): void {
    this.#become(IDLE)
    this.#attempt++
    this.#owner.remotes.ended(this.#local, this.#remote)
    this.#owner.forget(this.#local, this.#remote)
  }
}
