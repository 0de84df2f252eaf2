import type { Logger } from '../obs/log.ts'
import { type StanzaCondition, StanzaError } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { RemoteRoute } from './router.ts'
import { type Source, Valve } from './source.ts'

/** Why a remote domain cannot be reached, in words for the sender; the text names the stage and no address. */
export interface LinkFailure {
  readonly stage: 'lookup' | 'connect' | 'tls' | 'certificate' | 'stream' | 'auth' | 'policy' | 'queue' | 'stanza' | 'shutdown'
  readonly condition: StanzaCondition
  readonly text: string
}

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
}

/** How much may wait for one pair of domains. */
export interface QueueBounds {
  readonly stanzas: number
  readonly bytes: number
}

type State = { readonly at: 'idle' } | { readonly at: 'connecting' } | { readonly at: 'ready'; readonly stream: RemoteStream }

const IDLE: State = { at: 'idle' }
const CONNECTING: State = { at: 'connecting' }

/** What one pair of local and remote domain needs: its stream, what waits for it, and the way back when it fails. */
class Link {
  readonly #local: string
  readonly #remote: string
  readonly #owner: LinkOwner
  readonly #valve = new Valve()
  #state: State = IDLE
  #queue: Stanza[] = []
  #queueBytes = 0
  /** Tells the events of an older attempt from those of this one. */
  #attempt = 0

  constructor(local: string, remote: string, owner: LinkOwner) {
    this.#local = local
    this.#remote = remote
    this.#owner = owner
  }

  get queued(): number {
    return this.#queue.length
  }

  get state(): State['at'] {
    return this.#state.at
  }

  send(stanza: Stanza, source: Source | undefined): void {
    if (this.#state.at === 'ready' && this.#queue.length === 0 && !this.#state.stream.isCongested) {
      this.#state.stream.write(stanza)
      return
    }
    if (!this.#keep(stanza)) {
      this.#owner.bounce(stanza, { stage: 'queue', condition: 'resource-constraint', text: 'Outgoing stanza queue full' })
      return
    }
    // a stream that does not keep up slows whoever fills it; one that is not there yet must not stall a client
    if (this.#state.at === 'ready' && source !== undefined) this.#valve.hold(source)
    if (this.#state.at === 'idle') this.#connect()
  }

  #keep(stanza: Stanza): boolean {
    const { stanzas, bytes } = this.#owner.bounds(this.#local)
    const size = queuedBytes(stanza)
    if (this.#queue.length >= stanzas || this.#queueBytes + size > bytes) return false
    this.#queue.push(stanza.settled())
    this.#queueBytes += size
    return true
  }

  #connect(): void {
    this.#state = CONNECTING
    const attempt = ++this.#attempt
    const current = (): boolean => attempt === this.#attempt
    this.#owner.connector.connect(this.#local, this.#remote, {
      ready: (stream) => current() && this.#ready(stream),
      failed: (failure) => current() && this.fail(failure),
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
      lost: (why) => current() && this.#lost(why, false),
    }
  }

  #ready(stream: RemoteStream): void {
    this.#state = { at: 'ready', stream }
    this.#flush()
  }

  /** Writes what waits, in order, as far as the stream has room. */
  #flush(): void {
    if (this.#state.at !== 'ready') return
    const { stream } = this.#state
    let sent = 0
    while (sent < this.#queue.length && !stream.isCongested) {
      const stanza = this.#queue[sent++]!
      this.#queueBytes -= queuedBytes(stanza)
      stream.write(stanza)
    }
    this.#queue = sent === this.#queue.length ? [] : this.#queue.slice(sent)
    if (this.#queue.length === 0) this.#valve.release()
  }

  #lost(why: string, isUrgent: boolean): void {
    this.#state = IDLE
    this.#valve.release()
    this.#owner.log.info('stream to a remote domain lost', {
      local: this.#local,
      remote: this.#remote,
      why,
      queued: this.#queue.length,
    })
    if (this.#queue.length > 0 || isUrgent) this.#connect()
    else this.#owner.forget(this.#local, this.#remote)
  }

  /** Everything that waits goes back to its senders, with the reason. */
  fail(failure: LinkFailure): void {
    this.#state = IDLE
    this.#attempt++
    const queue = this.#queue
    this.#queue = []
    this.#queueBytes = 0
    this.#valve.release()
    this.#owner.forget(this.#local, this.#remote)
    for (const stanza of queue) this.#owner.bounce(stanza, failure)
  }
}

/** What a waiting stanza counts for: its bytes, and a round figure for its start tag and the objects around it. */
function queuedBytes(stanza: Stanza): number {
  return stanza.inside.length + 200
}

interface LinkOwner {
  readonly connector: Connector
  readonly log: Logger
  bounds(local: string): QueueBounds
  bounce(stanza: Stanza, failure: LinkFailure): void
  forget(local: string, remote: string): void
}

/** Every pair of a domain of ours and a remote one that has something to say. */
export class Links implements RemoteRoute {
  readonly #links = new Map<string, Map<string, Link>>()
  readonly #owner: LinkOwner
  #closing = false
  #stopped = false

  /** @param answer routes an error back to the sender of a stanza that could not be sent */
  constructor(setup: {
    connector: Connector
    log: Logger
    bounds: (local: string) => QueueBounds
    /** Told of everything that goes back or, being an answer itself, is dropped. */
    bounced: (stanza: Stanza, failure: LinkFailure) => void
    answer: (stanza: Stanza) => void
  }) {
    this.#owner = {
      connector: setup.connector,
      log: setup.log,
      bounds: setup.bounds,
      bounce: (stanza, failure) => {
        setup.bounced(stanza, failure)
        if (stanza.isAnswer) return // an error or result is never answered: it ends here
        const ours = failure.stage === 'queue' || failure.stage === 'stanza' // nothing is wrong with the connection
        const text = ours ? failure.text : `Server-to-server connection failed: ${failure.text}`
        setup.answer(stanza.error(new StanzaError(failure.condition, text)))
      },
      forget: (local, remote) => {
        const remotes = this.#links.get(local)
        remotes?.delete(remote)
        if (remotes?.size === 0) this.#links.delete(local)
      },
    }
  }

  send(stanza: Stanza, source: Source | undefined): void {
    const { domain } = stanza.to!
    if (this.#stopped || (this.#closing && !this.#links.get(stanza.from!.domain)?.has(domain))) {
      this.#owner.bounce(stanza, SHUTDOWN)
      return
    }
    this.#link(stanza.from!.domain, domain).send(stanza, source)
  }

  /** A remote domain takes our stanzas on a stream that it has opened (XEP-0288). undefined: its link has one already. */
  adopt(local: string, remote: string, stream: RemoteStream): AdoptedEvents | undefined {
    return this.#stopped ? undefined : this.#link(local, remote).adopt(stream)
  }

  /** A stanza that a stream was given and could not bring over goes back to its sender. */
  returned(stanza: Stanza, failure: LinkFailure): void {
    this.#owner.bounce(stanza, failure)
  }

  #link(local: string, remote: string): Link {
    let remotes = this.#links.get(local)
    if (remotes === undefined) this.#links.set(local, (remotes = new Map()))
    let link = remotes.get(remote)
    if (link === undefined) remotes.set(remote, (link = new Link(local, remote, this.#owner)))
    return link
  }

  /** Every link, for `status` and tests. */
  list(): readonly { readonly local: string; readonly remote: string; readonly state: State['at']; readonly queued: number }[] {
    return [...this.#links].flatMap(([local, remotes]) =>
      [...remotes].map(([remote, link]) => ({ local, remote, state: link.state, queued: link.queued })),
    )
  }

  /** Makes no new streams; those that are there still carry. What waits for others goes back while its senders are there. */
  closing(): void {
    this.#closing = true
    this.#failAll((link) => link.state !== 'ready')
  }

  /** Sends back what waits and takes nothing more. */
  stop(): void {
    this.#stopped = true
    this.#failAll(() => true)
  }

  #failAll(which: (link: Link) => boolean): void {
    const links = [...this.#links.values()].flatMap((remotes) => [...remotes.values()])
    for (const link of links.filter(which)) link.fail(SHUTDOWN)
  }
}

const SHUTDOWN: LinkFailure = {
  stage: 'shutdown',
  condition: 'remote-server-timeout',
  text: 'this server is shutting down',
}
