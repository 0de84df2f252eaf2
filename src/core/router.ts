import { bugFields } from '../obs/bug-fields.ts'
import type { QuarantineVerdict } from '../policy/quarantine.ts'
import { StoreError } from '../store/store.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { Stanza } from '../xmpp/stanza.ts'
import type { Host } from './host.ts'
import { answerIq, validIq } from './iq.ts'
import type { Passage } from './module.ts'
import { quarantined } from './quarantine.ts'
import type { Roster } from './rosters.ts'
import type { Session } from './session.ts'
import type { Source } from './source.ts'

/** Where stanzas for domains that are not ours go. */
export interface RemoteRoute {
  /** Takes a stanza whose `from` is a host of ours and whose `to` is not; answers by an error stanza when it cannot be sent. */
  send(stanza: Stanza, source: Source | undefined): void
}

const BAD_IQ = 'an iq has an id, a type, and one child in a request'
const CONTACTS_ONLY = 'Between these domains only contacts may exchange messages'
const SERVER: Passage = { session: undefined, source: undefined }

/** The waist: every stanza of the server passes here once, from where it came in to where it goes. */
export class Router {
  readonly hosts = new Map<string, Host>()
  readonly #remote: RemoteRoute
  readonly #isQuarantined: (local: string, remote: string) => boolean

  /** @param isQuarantined whether only contacts pass between this host and that remote domain */
  constructor(remote: RemoteRoute, isQuarantined: (local: string, remote: string) => boolean = () => false) {
    this.#remote = remote
    this.#isQuarantined = isQuarantined
  }

  /** From a client: `from` is already its full address (RFC 6120 §8.1.2.1). */
  fromClient(session: Session, stanza: Stanza): void {
    const host = session.host
    const passage: Passage = { session, source: session.stream }
    let current = stanza
    if (!host.registry.isEmpty('outbound', stanza.kind)) {
      const passed = this.#pass(host, 'outbound', stanza, passage)
      if (passed === undefined) return
      current = passed
    }
    const { to } = current
    if (to !== undefined && !this.hosts.has(to.domain) && this.#isQuarantined(host.domain, to.domain)) {
      const own = session.jid.bare.toString()
      this.#quarantine(host, 'out', current, session.stream, own, () => this.#clientStanza(host, session, current, passage))
    } else this.#clientStanza(host, session, current, passage)
  }

  #clientStanza(host: Host, session: Session, stanza: Stanza, passage: Passage): void {
    let current = stanza
    if (current.kind === 'presence') {
      this.#clientPresence(host, session, current)
      return
    }
    if (current.kind === 'iq' && !validIq(current)) {
      this.refuse(current, new StanzaError('bad-request', BAD_IQ))
      return
    }
    // RFC 6120 §10.3: without `to` it is for the account itself
    if (current.to === undefined) current = current.with({ to: session.jid.bare })
    const own = session.jid.bare
    if (host.lanes.size === 0 || current.to!.bare.equals(own)) this.#dispatch(current, passage)
    // what the account still works on (presence, subscriptions) may be for the same recipient: it goes first (§10.1)
    else host.lanes.behind(session.stream, own.toString(), () => this.#dispatch(current, passage))
  }

  /** From a remote domain, over a stream on which this pair of domains is proven. */
  fromRemote(stanza: Stanza, source: Source): void {
    if (stanza.kind === 'iq' && !validIq(stanza)) this.refuse(stanza, new StanzaError('bad-request', BAD_IQ))
    else {
      const go = () => this.#dispatch(stanza, { session: undefined, source })
      const host = this.hosts.get(stanza.to!.domain)
      if (host === undefined || !this.#isQuarantined(host.domain, stanza.from!.domain)) go()
      else this.#quarantine(host, 'in', stanza, source, stanza.to!.bare.toString(), go)
    }
  }

  /** Lets a stanza from or to a domain in quarantine go on, or not, in the order of its lane. */
  #quarantine(host: Host, direction: 'in' | 'out', stanza: Stanza, source: Source, lane: string, go: () => void): void {
    const apply = (verdict: QuarantineVerdict): undefined => {
      if (verdict === 'pass') go()
      else if (verdict === 'error') this.refuse(stanza, new StanzaError('not-allowed', CONTACTS_ONLY))
    }
    host.lanes.run(source, lane, () =>
      this.#guard(host, stanza, () => {
        const verdict = quarantined(host, stanza, direction)
        return verdict instanceof Promise ? verdict.then(apply) : apply(verdict)
      }),
    )
  }

  /**
   * From the server itself or one of its modules.
   *
   * @param source the stream on whose behalf: its order is kept, and it waits where the target is full
   */
  send(stanza: Stanza, source?: Source): void {
    this.#dispatch(stanza, source === undefined ? SERVER : { session: undefined, source })
  }

  #dispatch(stanza: Stanza, passage: Passage): void {
    const host = this.hosts.get(stanza.to!.domain)
    if (host !== undefined) this.#deliver(host, stanza, passage)
    else this.#sendRemote(stanza, passage)
  }

  #sendRemote(stanza: Stanza, passage: Passage): void {
    const host = this.hosts.get(stanza.from!.domain)
    if (host === undefined) return // only hosts of ours send to others: nothing of a remote domain is passed on
    if (host.remoteAccess === 'allowed') this.#remote.send(stanza, passage.source)
    else this.refuse(stanza, new StanzaError('not-allowed', 'Communication with remote domains is not enabled'))
  }

  /** Answers with an error, unless the stanza is itself an answer. */
  refuse(stanza: Stanza, error: StanzaError): void {
    if (stanza.isAnswer || stanza.from === undefined) return
    this.send(stanza.error(error))
  }

  #deliver(host: Host, stanza: Stanza, passage: Passage): void {
    let current = stanza
    if (!host.registry.isEmpty('inbound', stanza.kind)) {
      const passed = this.#pass(host, 'inbound', stanza, passage)
      if (passed === undefined) return
      current = passed
    }
    // the common case first: it waits for nothing and takes no closure
    if (host.lanes.size === 0) {
      const waits = this.#final(host, current, passage)
      if (waits !== undefined) host.lanes.run(passage.source, current.to!.bare.toString(), () => waits)
      return
    }
    host.lanes.run(passage.source, current.to!.bare.toString(), () => this.#final(host, current, passage))
  }

  #final(host: Host, stanza: Stanza, passage: Passage): Promise<void> | undefined {
    return this.#guard(host, stanza, () => {
      const { local, resource } = stanza.to!
      if (stanza.kind === 'iq' && (stanza.type === 'get' || stanza.type === 'set') && resource === '') {
        return answerIq(this, host, stanza, passage)
      }
      if (local === '') return this.#hostStanza(stanza)
      return this.#accountStanza(host, stanza, passage)
    })
  }

  #accountStanza(host: Host, stanza: Stanza, passage: Passage): Promise<void> | undefined {
    const key = stanza.kind === 'message' ? 'account-message' : stanza.kind === 'presence' ? 'account-presence' : 'account-iq'
    const owner = host.claimed(key)
    if (owner !== undefined) return owner(stanza, passage.source)
    if (stanza.kind !== 'presence') throw new StanzaError('service-unavailable')
    return undefined
  }

  /** A stanza to the host itself that nobody took. Presence is dropped, answers too. */
  #hostStanza(stanza: Stanza): undefined {
    if (stanza.kind !== 'presence') throw new StanzaError('service-unavailable')
    return undefined
  }

  #clientPresence(host: Host, session: Session, stanza: Stanza): void {
    const owner = host.claimed('client-presence')
    if (owner === undefined) return
    const work = () => this.#guard(host, stanza, () => owner(stanza, session))
    host.lanes.run(session.stream, session.jid.bare.toString(), work)
  }

  #pass(host: Host, direction: 'outbound' | 'inbound', stanza: Stanza, passage: Passage): Stanza | undefined {
    try {
      const passed = host.registry.pass(direction, stanza, passage)
      if (passed instanceof Stanza) return passed
      if (passed !== 'drop') this.refuse(stanza, passed)
    } catch (error) {
      this.#failed(host, stanza, error)
    }
    return undefined
  }

  /** Whatever a handler throws or rejects with becomes an answer to the sender; nothing reaches the caller. */
  #guard(host: Host, stanza: Stanza, run: () => Promise<void> | undefined): Promise<void> | undefined {
    try {
      return run()?.catch((error: unknown) => this.#failed(host, stanza, error))
    } catch (error) {
      this.#failed(host, stanza, error)
      return undefined
    }
  }

  #failed(host: Host, stanza: Stanza, error: unknown): void {
    if (error instanceof StanzaError) {
      this.refuse(stanza, error)
      return
    }
    if (error instanceof StoreError) host.log.warn('storage failed', { why: error.message })
    else host.log.error('this is a bug in Entente', { where: `${stanza.kind} handler`, ...bugFields(error) })
    this.refuse(stanza, new StanzaError('internal-server-error'))
  }

  /** Lists a bound session and tells the modules. */
  open(session: Session): void {
    const { host } = session
    host.sessions.add(session)
    for (const { module, run } of host.opened) void told(host, module, () => run(session))
  }

  /** Takes a session off the list and lets the modules end what hangs on it. Resolves when they have; never rejects. */
  async close(session: Session): Promise<void> {
    const { host } = session
    if (!host.sessions.remove(session)) return
    session.ended = true
    session.drained()
    await Promise.all(host.closed.map(({ module, run }) => told(host, module, () => run(session))))
    const { local } = session.jid
    const departed = host.accounts?.departed
    if (departed === undefined || host.sessions.has(local)) return
    host.rosters.forget(local)
    await told(host, 'accounts', () => departed(local))
  }

  /** An account was deleted: its sessions have ended, and modules take leave in its name. */
  accountRemoved(host: Host, local: string, roster: Roster): void {
    for (const { module, run } of host.accountRemoved) void told(host, module, () => run(local, roster))
    host.rosters.forget(local)
  }

  /** The stream from a host of ours to a remote domain was lost. */
  remoteLost(local: string, remote: string): void {
    const host = this.hosts.get(local)
    for (const { module, run } of host?.remoteLost ?? []) void told(host!, module, () => run(remote))
  }

  isLocal(address: Jid): boolean {
    return this.hosts.has(address.domain)
  }
}

/** Tells a module of something; when it fails, that is logged, and nobody else is concerned. */
async function told(host: Host, module: string, run: () => void | Promise<void> | undefined): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (error instanceof StoreError) host.log.warn('storage failed', { module, why: error.message })
    else host.log.error('this is a bug in Entente', { where: module, ...bugFields(error) })
  }
}
