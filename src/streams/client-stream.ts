import type { Host } from '../core/host.ts'
import type { Router } from '../core/router.ts'
import { Session, type SessionStream } from '../core/session.ts'
import type { Driver, Port } from '../net/driver.ts'
import type { TlsSetup } from '../net/wire.ts'
import type { Events } from '../obs/events.ts'
import type { C2sAnswer, C2sEvent, C2sQuestion, C2sState } from '../protocol/c2s.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import { type Jid, makeJid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { answerSasl } from './sasl-answers.ts'

/** What every client stream of a server shares. */
export interface ClientStreamSetup {
  readonly router: Router
  readonly events: Events
  host(domain: string): Host | undefined
  /** For STARTTLS: the host that the stream's `to` named. For direct TLS: undefined, SNI decides. */
  tls(domain: string | undefined): TlsSetup
  forget(stream: ClientStream): void
}

export type C2sDriver = Driver<C2sState, C2sAnswer, C2sQuestion, C2sEvent>

/** One client's stream: serves its machine's questions and, once a resource is bound, hands its stanzas to the router. */
export class ClientStream implements SessionStream, Port<C2sAnswer, C2sQuestion, C2sEvent> {
  readonly id: string
  readonly #setup: ClientStreamSetup
  #driver!: C2sDriver // set by `drive`, right after construction
  /** Whose stream it is, from authentication on. */
  #account: Jid | undefined
  /** From the bound resource to the end of the stream. */
  #session: Session | undefined
  #jid = ''
  #lang: string | undefined
  #pauses = 0

  constructor(id: string, setup: ClientStreamSetup) {
    this.id = id
    this.#setup = setup
  }

  drive(driver: C2sDriver): void {
    this.#driver = driver
  }

  /** Bare; undefined until somebody has authenticated. */
  get account(): Jid | undefined {
    return this.#account
  }

  // SessionStream: what the core sees

  write(stanza: Stanza): void {
    stanza.writeTo(this.#driver.wire)
  }

  get isCongested(): boolean {
    return this.#driver.wire.isCongested
  }

  pause(): void {
    if (this.#pauses++ === 0) this.#driver.pause()
  }

  resume(): void {
    if (--this.#pauses === 0) this.#driver.resume()
  }

  close(error: StreamError): void {
    this.#driver.feed({ on: 'close', condition: error.condition, text: error.text })
  }

  // Port: what the driver asks

  ask(question: C2sQuestion, answer: (a: C2sAnswer) => void): void {
    if (question.kind === 'bind') {
      void this.#bind(question.account, question.wanted ?? question.generated).then(answer)
      return
    }
    const state = this.#driver.state
    const domain = 'host' in state ? state.host.domain : ''
    void answerSasl(this.#setup.host(domain)?.accounts, question).then(answer)
  }

  /** A resource that is taken goes to the newcomer (RFC 6120 §7.7.2.2): it is most often the same client, back again. */
  async #bind(account: Jid, resource: string): Promise<C2sAnswer> {
    const host = this.#setup.host(account.domain)
    const full = makeJid(account.local, account.domain, resource)
    if (host === undefined || full === undefined) return { kind: 'refused', error: new StanzaError('bad-request') }
    try {
      // it may have been deleted while its client was logging in
      const isGuest = host.accounts?.anonymous !== undefined
      if (!isGuest && !(await host.accounts?.exists(account.local))) return NO_ACCOUNT
    } catch {
      return { kind: 'refused', error: new StanzaError('internal-server-error') }
    }
    host.sessions.get(full.local, full.resource)?.stream.close(CONFLICT)
    return { kind: 'resource', resource: full.resource }
  }

  tell(event: C2sEvent): void {
    const { events } = this.#setup
    const address = this.#driver.wire.remoteAddress
    switch (event.kind) {
      case 'login-failed':
        events.clientRefused(this.id, address, `${event.username ?? ''}@${event.domain}`, event.mechanism, event.condition)
        return
      case 'login':
        this.#account = event.login.account
        return
      case 'bound': {
        const host = this.#setup.host(event.jid.domain)
        if (host === undefined) {
          this.close(new StreamError('host-gone'))
          return
        }
        this.#session = new Session(event.jid, host, this)
        this.#jid = event.jid.toString()
        this.#lang = event.lang
        events.clientLoggedIn(this.id, event.jid.toString(), event.login.mechanism, this.#driver.wire.tls?.version ?? 'none')
        this.#setup.router.open(this.#session)
        return
      }
      default:
        event satisfies never
    }
  }

  stanza(stanza: Stanza): void {
    const session = this.#session
    if (session === undefined) return
    const from = stanza.from
    if (stanza.malformed === 'from' || (from !== undefined && !from.equals(session.jid) && !from.equals(session.jid.bare))) {
      this.#driver.feed({ on: 'close', condition: 'invalid-from', text: `you are ${session.jid}` })
      return
    }
    // RFC 6120 §4.7.4: what has no language of its own is in the stream's
    const stamped = stanza.with({ from: session.jid, lang: stanza.lang ?? this.#lang })
    if (stanza.malformed === 'to') this.#setup.router.refuse(stamped, new StanzaError('jid-malformed'))
    else if (isLegacySession(stamped)) session.send(stamped.result())
    else this.#setup.router.fromClient(session, stamped)
  }

  tls(): TlsSetup {
    const state = this.#driver.state
    return this.#setup.tls('host' in state ? state.host.domain : undefined)
  }

  bug(error: unknown): void {
    this.#setup.events.bug(`client stream ${this.id}`, error)
  }

  drained(): void {
    this.#session?.drained()
  }

  /** The stream is over: nothing can be delivered here any more, and nothing that still arrives is the user's. */
  finishing(): void {
    const session = this.#session
    this.#session = undefined
    if (session !== undefined) void this.#setup.router.close(session)
  }

  closed(why: string): void {
    this.finishing()
    this.#setup.forget(this)
    if (this.#jid !== '') this.#setup.events.clientClosed(this.id, this.#jid, why)
  }
}

const NO_ACCOUNT: C2sAnswer = { kind: 'refused', error: new StanzaError('not-authorized', 'this account is gone') }

const CONFLICT = new StreamError('conflict', 'replaced by a new connection of the same resource')

/** RFC 3921's session request, which old clients still send after binding: it asks for nothing. */
function isLegacySession(stanza: Stanza): boolean {
  return stanza.kind === 'iq' && stanza.type === 'set' && stanza.has('session', NS.session)
}
