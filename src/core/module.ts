import type { OptionName, OptionValue } from '../config/options.ts'
import type { Clock } from '../net/clock.ts'
import type { Logger } from '../obs/log.ts'
import type { Collection, Operation } from '../store/store.ts'
import type { Element, Node } from '../xmpp/element.ts'
import type { StanzaError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Stanza, StanzaKind } from '../xmpp/stanza.ts'
import type { Host } from './host.ts'
import type { Roster } from './rosters.ts'
import type { Session } from './session.ts'
import type { Source } from './source.ts'

export type { Collection } from '../store/store.ts'

/** `outbound`: from a client of this host, before it is routed. `inbound`: to this host or an account of it, before delivery. */
export type Direction = 'outbound' | 'inbound'

/** Which stanzas a registration wants; what is not named matches everything. */
export interface Selector {
  readonly direction: Direction
  readonly kind?: StanzaKind
  readonly type?: readonly (string | undefined)[]
  readonly child?: { readonly name: string; readonly ns: string }
}

/** Where a stanza stands: what a handler may know beside the stanza itself. */
export interface Passage {
  /** The session it came from, when it is a local client's. */
  readonly session: Session | undefined
  readonly source: Source | undefined
}

/** The final work on a kind of stanza: each has at most one owner on a host. */
export interface Claims {
  /** Presence that a client of ours sends, of every type, directed or not. */
  'client-presence': (stanza: Stanza, session: Session) => Promise<void> | undefined
  /** Presence to an account of this host, from anybody. */
  'account-presence': (stanza: Stanza, source: Source | undefined) => Promise<void> | undefined
  /** A message to an account of this host, from anybody. */
  'account-message': (stanza: Stanza, source: Source | undefined) => Promise<void> | undefined
  /** An iq to an account or resource that no handler took. */
  'account-iq': (stanza: Stanza, source: Source | undefined) => Promise<void> | undefined
  /** Keeps a message for an account with nobody to receive it, or throws StanzaError; what is not worth keeping is dropped. */
  offline: (stanza: Stanza) => Promise<void>
}

/** An iq request to the host or to an account of it. */
export interface IqRequest {
  readonly stanza: Stanza
  readonly payload: Element
  readonly from: Jid
  /** Addressed to an account (bare address) rather than to the host. */
  readonly account: string | undefined
  /** Comes from a session of that very account. */
  readonly own: boolean
  readonly session: Session | undefined
  result(...nodes: readonly (Node | undefined)[]): Stanza
}

export interface IqRegistration {
  readonly type: 'get' | 'set'
  readonly ns: string
  readonly name: string
  readonly to: 'host' | 'account'
  /** Who may ask an account: only itself, those it shares its presence with too, or anybody. */
  readonly from: 'self' | 'contacts' | 'anybody'
  /** Returns the answer; throws StanzaError to refuse. */
  readonly handle: (iq: IqRequest) => Stanza | Promise<Stanza>
}

export interface Identity {
  readonly category: string
  readonly type: string
  readonly name?: string
}

/** What modules publish for others: name of the module -> its interface. Extended by declaration merging. */
// biome-ignore lint/suspicious/noEmptyInterface: each module that publishes something adds to it
export interface Published {}

/** What a module's `setup` may do on one host. All registrations die with the module. */
export interface ModuleContext {
  readonly host: Host
  readonly clock: Clock
  readonly log: Logger
  /** Unpredictable bytes as lower-case hexadecimal. */
  randomId(bytes?: number): string
  option<K extends OptionName>(name: K): OptionValue<K>
  /** A service discovery feature of the host or of its accounts. */
  advertise(feature: string, where?: 'host' | 'account'): void
  identity(identity: Identity, where?: 'host' | 'account'): void
  /** A form in the host's disco#info answer (XEP-0128), made anew for each; undefined where there is nothing to tell. */
  extension(form: () => Element | undefined): void
  /** A stream feature that clients see after authentication. */
  streamFeature(feature: Element): void
  iq(registration: IqRegistration): void
  gate(selector: Selector, decide: (stanza: Stanza, passage: Passage) => 'pass' | 'drop' | StanzaError): void
  stamp(selector: Selector, change: (stanza: Stanza, passage: Passage) => Stanza): void
  observe(selector: Selector, look: (stanza: Stanza, passage: Passage) => void): void
  claim<K extends keyof Claims>(key: K, handle: Claims[K]): void
  sessionOpened(run: (session: Session) => void): void
  /** A session can take messages now: it became available with a priority that is not negative. */
  sessionAvailable(run: (session: Session) => void): void
  /** The session is no longer listed; its stream is gone or going. */
  sessionClosed(run: (session: Session) => Promise<void> | undefined): void
  /** An account is gone, with all that was stored; its sessions have ended. `roster` is what it was. */
  accountRemoved(run: (local: string, roster: Roster) => void): void
  /** The stream over which this host sent to a remote domain was lost; what was on its way may be too. */
  remoteLost(run: (remote: string) => void): void
  /**
   * Routes a stanza that the module made.
   *
   * @param source the stream on whose behalf, when there is one: order is kept with what it sends itself (RFC 6120 §10.1)
   */
  send(stanza: Stanza, source?: Source): void
  /** Values of this host under the module's own name; per account when the first key part is the account. */
  collection<T>(name: string, owner?: 'account' | 'host'): Collection<T>
  transact(operations: readonly Operation[]): Promise<boolean>
  publish<K extends keyof Published>(name: K, value: Published[K]): void
  /** What another module of this host publishes; undefined where it is not enabled. Ask when you need it, not in `setup`. */
  use<K extends keyof Published>(name: K): Published[K] | undefined
  start(run: () => Promise<void>): void
  stop(run: () => void): void
}

export interface ModuleDeclaration {
  /** Prosody's name where Prosody has the module. */
  readonly name: string
  readonly summary: string
  readonly implements?: readonly { readonly xep?: number; readonly rfc?: number; readonly version?: string }[]
  /** Modules that are set up before, and loaded with it where they are not enabled. */
  readonly needs?: readonly string[]
  readonly setup: (ctx: ModuleContext) => void
}

/** A module is a value; loading it is data until `setup` runs. */
export function defineModule(declaration: ModuleDeclaration): ModuleDeclaration {
  return declaration
}
