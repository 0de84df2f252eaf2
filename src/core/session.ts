import type { StreamError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Host } from './host.ts'
import { type Source, Valve } from './source.ts'

/** The stream under a session: written to, slowed, ended. */
export interface SessionStream extends Source {
  write(stanza: Stanza): void
  /** Its socket holds more than it should; whoever fills it waits. */
  readonly isCongested: boolean
  close(error: StreamError): void
}

/** A connected resource of a local account (RFC 6120 §7). */
export class Session {
  readonly jid: Jid
  readonly host: Host
  readonly stream: SessionStream
  /** The last available presence that it broadcast; undefined when it is not available (RFC 6121 §4.2). */
  presence: Stanza | undefined
  /** RFC 6121 §4.7.2.3; 0 unless the presence says otherwise. Meaningless while not available. */
  priority = 0
  /** It has asked for the roster, so it gets pushes (RFC 6121 §2.2). */
  interested = false
  /** It has been taken off the list: whoever still has it in hand does nothing more with it. */
  ended = false
  /** Whom it has sent directed presence to: full or bare address -> itself (RFC 6121 §4.6). */
  readonly directed = new Map<string, Jid>()
  readonly #valve = new Valve()

  constructor(jid: Jid, host: Host, stream: SessionStream) {
    this.jid = jid
    this.host = host
    this.stream = stream
  }

  get isAvailable(): boolean {
    return this.presence !== undefined
  }

  /** Does it get what is addressed to the account (RFC 6121 §8.5.2)? */
  get takesMessages(): boolean {
    return this.isAvailable && this.priority >= 0 && !this.ended
  }

  /** Writes to the client. A source that fills a congested stream waits until it has room. */
  send(stanza: Stanza, source?: Source): void {
    this.stream.write(stanza)
    if (source !== undefined && source !== this.stream && this.stream.isCongested) this.#valve.hold(source)
  }

  /** The stream has room again, or is gone. */
  drained(): void {
    this.#valve.release()
  }
}
