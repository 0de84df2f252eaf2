import type { ModuleContext } from '../../core/module.ts'
import type { Roster } from '../../core/rosters.ts'
import type { Session } from '../../core/session.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { type Jid, jid } from '../../xmpp/jid.ts'
import { Stanza } from '../../xmpp/stanza.ts'

/** Initial and later presence of a client (RFC 6121 §4.2, §4.4). */
export function available(ctx: ModuleContext, stanza: Stanza, session: Session): Promise<void> | undefined {
  const priority = readPriority(stanza)
  const roster = ctx.host.rosters.of(session.jid.local)
  if (roster instanceof Promise) return roster.then((r) => becomeAvailable(ctx, stanza, session, priority, r))
  becomeAvailable(ctx, stanza, session, priority, roster)
  return undefined
}

function becomeAvailable(ctx: ModuleContext, stanza: Stanza, session: Session, priority: number, roster: Roster): void {
  if (session.ended) return // it went while we read
  const initial = !session.isAvailable
  const took = session.takesMessages
  session.presence = stanza.settled()
  session.priority = priority
  broadcast(ctx, stanza, session, roster)
  if (initial) introduce(ctx, session, roster)
  if (!took && session.takesMessages) for (const { run } of ctx.host.available) run(session)
}

/** RFC 6121 §4.7.2.3: an integer from -128 to 127. */
function readPriority(stanza: Stanza): number {
  const text = stanza.has('priority') ? stanza.child('priority')!.text.trim() : ''
  if (text === '') return 0
  const priority = /^[+-]?[0-9]{1,3}$/.test(text) ? Number(text) : Number.NaN
  if (!(priority >= -128 && priority <= 127)) throw new StanzaError('bad-request', 'the priority is an integer from -128 to 127')
  return priority
}

/** To those who may see the account, and to its resources, the sender among them (§4.2.2, §4.4.2, §4.5.2). */
function broadcast(ctx: ModuleContext, stanza: Stanza, session: Session, roster: Roster): void {
  for (const item of roster.items.values()) {
    if (item.subscription === 'from' || item.subscription === 'both') ctx.send(stanza.with({ to: item.jid }), session.stream)
  }
  for (const own of ctx.host.sessions.of(session.jid.local)) {
    if (own === session || own.isAvailable) own.send(stanza.with({ to: own.jid }))
  }
}

/** What a resource gets when it comes: the presence of its own others, of its contacts, and requests without an answer. */
function introduce(ctx: ModuleContext, session: Session, roster: Roster): void {
  const account = session.jid.bare
  for (const other of ctx.host.sessions.of(session.jid.local)) {
    if (other !== session && other.isAvailable) session.send(other.presence!.with({ to: session.jid, from: other.jid }))
  }
  for (const item of roster.items.values()) {
    if (item.subscription === 'to' || item.subscription === 'both') {
      ctx.send(Stanza.of('presence', { to: item.jid.bare, from: account, type: 'probe', id: ctx.randomId() }), session.stream)
    }
    // §3.1.2: a request without an answer is asked again
    if (item.ask) {
      const again = Stanza.of('presence', { to: item.jid.bare, from: account, type: 'subscribe', id: ctx.randomId() })
      ctx.send(again, session.stream)
    }
  }
  for (const [from, xml] of roster.requests) session.send(storedRequest(xml, jid(from), account))
}

/** A kept subscription request as a stanza again; its inside was proven when it came. */
function storedRequest(xml: string, from: Jid, to: Jid): Stanza {
  return Stanza.stored('presence', { to, from, type: 'subscribe' }, xml)
}

/** RFC 6121 §4.5: to those who saw it, and to whoever got directed presence. */
export function unavailable(ctx: ModuleContext, stanza: Stanza, session: Session): Promise<void> | undefined {
  if (!session.isAvailable && session.directed.size === 0) return undefined
  const wasAvailable = session.isAvailable
  session.presence = undefined
  const directedTo = [...session.directed.values()]
  session.directed.clear()
  const tell = (roster: Roster): void => {
    if (wasAvailable) broadcast(ctx, stanza, session, roster)
    for (const to of directedTo) {
      // whoever saw the broadcast knows it already (§4.6.3)
      if (!wasAvailable || !roster.sharesWith(to)) ctx.send(stanza.with({ to }), session.stream)
    }
  }
  const roster = ctx.host.rosters.of(session.jid.local)
  if (roster instanceof Promise) return roster.then(tell)
  tell(roster)
  return undefined
}

/** Presence to one address (RFC 6121 §4.6): remembered, so that the end of the session is told there too. */
export function directed(ctx: ModuleContext, stanza: Stanza, session: Session): undefined {
  const to = stanza.to!
  if (session.ended) return undefined // nobody would take it back
  if (stanza.type === 'unavailable') session.directed.delete(to.toString())
  else if (session.directed.size < MOST_DIRECTED) session.directed.set(to.toString(), to)
  else throw new StanzaError('resource-constraint', 'directed presence was sent to too many addresses')
  ctx.send(stanza, session.stream)
  return undefined
}
const MOST_DIRECTED = 5000

/** The session is gone without a word, or by the server's will: contacts learn it (§4.5.2). */
export function sessionEnded(ctx: ModuleContext, session: Session): Promise<void> | undefined {
  return unavailable(ctx, Stanza.of('presence', { from: session.jid, type: 'unavailable' }), session)
}
