/** What the author of a module needs: `import { defineModule } from 'entente/module'`. */
export type { Host } from './core/host.ts'
export {
  type Claims,
  type Direction,
  defineModule,
  type Identity,
  type IqRegistration,
  type IqRequest,
  type ModuleContext,
  type ModuleDeclaration,
  type Passage,
  type Published,
  type Selector,
} from './core/module.ts'
export type { Session } from './core/session.ts'
export type { Source } from './core/source.ts'
export type { Logger } from './obs/log.ts'
export type { Collection, Entry, Key, Operation } from './store/store.ts'
export { StoreError } from './store/store.ts'
export { Element, el, type Node } from './xmpp/element.ts'
export { type StanzaCondition, StanzaError } from './xmpp/errors.ts'
export { Jid, jid, makeJid, parseJid } from './xmpp/jid.ts'
export { NS } from './xmpp/ns.ts'
export { Stanza, type StanzaKind } from './xmpp/stanza.ts'
