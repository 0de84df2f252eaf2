import type { Element } from '../xmpp/element.ts'
import type { SaslCondition, StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Exchange } from './sasl/exchange.ts'
import type { ChannelBinding, SaslAnswer, SaslMechanism, SaslQuestion } from './sasl/mechanism.ts'
import type { Effect, Next, TlsFacts } from './step.ts'

/** What a client may be offered on its stream as it is now. Decided by policy/client.ts. */
export interface ClientOffer {
  readonly starttls: 'none' | 'optional' | 'required'
  /** In the order they are offered. */
  readonly mechanisms: readonly SaslMechanism[]
  /** Mechanisms that the client could use if the stream were encrypted. */
  readonly afterTls: readonly SaslMechanism[]
  /** Named to the client as usable with a -PLUS mechanism (XEP-0440). */
  readonly bindings: readonly ChannelBinding[]
}

export interface ClientFacts {
  readonly encrypted: boolean
  /** The channel bindings that this TLS session can give. */
  readonly bindings: readonly ChannelBinding[]
}

/** One of our domains, as a client's stream sees it. */
export interface ClientHost {
  readonly domain: string
  offer(facts: ClientFacts): ClientOffer
  /** Features of others for an authenticated stream, beside resource binding: `rosterver`, `sub`, ... */
  features(): readonly Element[]
  /** c2s_stanza_size_limit. */
  readonly stanzaBytes: number
}

export interface C2sContext {
  /** The host of an enforced domain; undefined when clients are not served there. */
  host(domain: string): ClientHost | undefined
  /** A domain of ours, to answer as when a client asks for none or for a foreign one. */
  readonly anyDomain: string
  /** c2s_timeout: from the opened connection until a resource is bound. */
  readonly negotiationMs: number
  /** From a CSPRNG. */
  random(lengthBytes: number): Uint8Array
}

/**
 * Wanted: which resource the session gets. The owner resolves conflicts and registers the session; it writes nothing to
 * the stream before `bound` is told. A stream that ends in between frees what was registered.
 */
export interface BindQuestion {
  readonly kind: 'bind'
  /** Bare. */
  readonly account: Jid
  /** Enforced; undefined when the client leaves it to us. */
  readonly wanted: string | undefined
  /** Random, for when `wanted` is undefined or taken. */
  readonly generated: string
}

export type C2sQuestion = SaslQuestion | BindQuestion
export type BindAnswer =
  | { readonly kind: 'resource'; readonly resource: string }
  | { readonly kind: 'refused'; readonly error: StanzaError }
export type C2sAnswer = SaslAnswer | BindAnswer

/** How a client has shown who it is. */
export interface Login {
  /** Bare. */
  readonly account: Jid
  readonly mechanism: SaslMechanism
  readonly binding: ChannelBinding | undefined
  readonly encrypted: boolean
}

export type C2sEvent =
  | {
      readonly kind: 'login-failed'
      readonly domain: string
      readonly mechanism: string
      readonly username: string | undefined
      readonly condition: SaslCondition
      readonly text: string
    }
  | { readonly kind: 'login'; readonly login: Login }
  /** Comes right before `ready`. `lang`: the stream's xml:lang, which its stanzas inherit (RFC 6120 §4.7.4). */
  | { readonly kind: 'bound'; readonly jid: Jid; readonly login: Login; readonly lang: string | undefined }

/** What stays true from one stream to the next on the same connection. */
export interface Connection {
  readonly tls: TlsFacts | undefined
  /** Failed attempts to authenticate; restarts do not forget them. */
  readonly failures: number
  /** The id of the next question. */
  readonly nextId: number
}

/** An opened stream on which nobody has authenticated. */
interface Open extends Connection {
  readonly host: ClientHost
  readonly offer: ClientOffer
}

export type C2sState =
  | (Connection & { readonly at: 'start' }) // no wire yet
  | (Connection & { readonly at: 'header'; readonly login: Login | undefined }) // theirs is awaited, ours is not sent
  | (Open & { readonly at: 'features' }) // STARTTLS or authentication is awaited
  | (Connection & { readonly at: 'securing' }) // handshake running: any byte before it ends is an attack
  | (Open & { readonly at: 'responding'; readonly mechanism: SaslMechanism; readonly exchange: Exchange }) // we challenged
  | (Open & {
      readonly at: 'checking' // the accounts are asked
      readonly mechanism: SaslMechanism
      readonly exchange: Exchange
      readonly asked: number
    })
  | (Connection & {
      readonly at: 'bind'
      readonly host: ClientHost
      readonly login: Login
      readonly lang: string | undefined
    })
  | (Connection & {
      readonly at: 'binding' // the owner is asked for the resource
      readonly host: ClientHost
      readonly login: Login
      readonly lang: string | undefined
      readonly asked: number
      readonly iqId: string | undefined
    })
  | { readonly at: 'ready' }
  | { readonly at: 'closed' }

export type At<S extends C2sState['at']> = Extract<C2sState, { at: S }>
export type C2sEffect = Effect<C2sQuestion, C2sEvent>
export type C2sNext = Next<C2sState, C2sQuestion, C2sEvent>
