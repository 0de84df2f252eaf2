import type { ModuleContext } from '../../core/module.ts'
import { pushRoster } from '../../core/roster-push.ts'
import type { Roster } from '../../core/rosters.ts'
import type { Session } from '../../core/session.ts'
import type { Source } from '../../core/source.ts'
import { subscriptionStep, type subscriptionType } from '../../core/subscription.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { type Jid, jid, makeJid } from '../../xmpp/jid.ts'
import { Stanza } from '../../xmpp/stanza.ts'

type SubscriptionType = NonNullable<ReturnType<typeof subscriptionType>>

/** How many requests may wait for one account's answer; what comes beyond is dropped (security: subscription floods). */
const MOST_REQUESTS = 200
/** Bytes inside a request that are kept with it; of a longer one only the fact. */
const LONGEST_REQUEST = 16 * 1024

/** A client asks, grants, takes back or leaves (RFC 6121 §3, outbound). */
export async function sendSubscription(
  ctx: ModuleContext,
  type: SubscriptionType,
  stanza: Stanza,
  session: Session,
): Promise<void> {
  if (stanza.to === undefined) throw new StanzaError('bad-request', 'a subscription needs an address')
  const local = session.jid.local
  const contact = stanza.to.bare
  if (contact.equals(session.jid.bare)) return // one always sees oneself
  const roster = await ctx.host.rosters.of(local)
  const { outcome, changes, item } = subscriptionStep('out', type, roster, contact, '')
  if (roster.isFull && changes.some((change) => 'put' in change) && roster.item(contact) === undefined) {
    throw new StanzaError('resource-constraint', 'your roster is full')
  }
  if (changes.length > 0) await ctx.host.rosters.change(local, roster, changes)
  const source = session.stream
  if (outcome.presence === 'hide') tellPresence(ctx, local, contact, 'hide', source)
  // §3.1.2: stamped with the bare address, to the bare address
  if (outcome.pass) ctx.send(stanza.with({ to: contact, from: session.jid.bare }), source)
  if (outcome.push && item !== undefined) pushRoster(ctx.host, local, item, ctx.randomId())
  if (outcome.presence === 'show') tellPresence(ctx, local, contact, 'show', source)
}

/** A contact asks, grants, takes back or leaves (RFC 6121 §3, inbound). Nothing tells it whether the account exists. */
export async function receiveSubscription(ctx: ModuleContext, type: SubscriptionType, stanza: Stanza): Promise<void> {
  const { local } = stanza.to!
  const account = stanza.to!.bare
  const contact = stanza.from!.bare
  const exists = ctx.host.sessions.has(local) || ((await ctx.host.accounts?.exists(local)) ?? false)
  if (!exists || contact.equals(account)) return
  const bare = stanza.with({ to: account, from: contact })
  const roster = await ctx.host.rosters.of(local)
  if (type === 'subscribe' && roster.requests.size >= MOST_REQUESTS && !roster.requests.has(contact.toString())) {
    ctx.log.warn('too many subscription requests wait: one more was dropped', { account: account.toString() })
    return
  }
  const kept = bare.inside.length > LONGEST_REQUEST ? '' : Buffer.from(bare.inside).toString()
  const { outcome, changes, item } = subscriptionStep('in', type, roster, contact, kept)
  if (changes.length > 0) await ctx.host.rosters.change(local, roster, changes)
  if (outcome.reply !== undefined)
    ctx.send(Stanza.of('presence', { to: contact, from: account, type: outcome.reply, id: stanza.id }))
  // §3.1.6: the answer, then the push
  if (outcome.pass) deliver(ctx, bare, type)
  if (outcome.push && item !== undefined) pushRoster(ctx.host, local, item, ctx.randomId())
  if (outcome.presence !== undefined) tellPresence(ctx, local, contact, outcome.presence, undefined)
}

/** A request goes to every available resource, an answer to those that follow the roster (RFC 6121 §3.1.3, §3.1.6). */
function deliver(ctx: ModuleContext, stanza: Stanza, type: SubscriptionType): void {
  for (const session of ctx.host.sessions.of(stanza.to!.local)) {
    if (type === 'subscribe' ? session.isAvailable : session.interested) session.send(stanza)
  }
}

/** An account is deleted: nobody is subscribed to it or asks it any more, nor it to anybody. */
export function takeLeave(ctx: ModuleContext, local: string, roster: Roster): void {
  const from = makeJid(local, ctx.host.domain)
  const say = (to: Jid, type: SubscriptionType): void => ctx.send(Stanza.of('presence', { to: to.bare, from, type }))
  for (const { jid: contact, subscription, ask } of roster.items.values()) {
    if (subscription === 'to' || subscription === 'both' || ask) say(contact, 'unsubscribe')
    if (subscription === 'from' || subscription === 'both') say(contact, 'unsubscribed')
  }
  for (const asker of roster.requests.keys()) say(jid(asker), 'unsubscribed')
}

function tellPresence(ctx: ModuleContext, local: string, contact: Jid, how: 'show' | 'hide', source: Source | undefined): void {
  for (const session of ctx.host.sessions.of(local)) {
    if (!session.isAvailable) continue
    const presence = how === 'show' ? session.presence! : Stanza.of('presence', { type: 'unavailable' })
    ctx.send(presence.with({ to: contact, from: session.jid }), source)
  }
}
