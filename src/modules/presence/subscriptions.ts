import type { ModuleContext } from '../../core/module.ts'
import { pushRoster } from '../../core/roster-push.ts'
import type { Session } from '../../core/session.ts'
import { subscriptionStep, type subscriptionType } from '../../core/subscription.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { Stanza } from '../../xmpp/stanza.ts'

type SubscriptionType = NonNullable<ReturnType<typeof subscriptionType>>

/** How many requests may wait for one account's answer; what comes beyond is dropped (security: subscription floods). */
const MOST_REQUESTS = 200

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
  if (changes.length > 0) await ctx.host.rosters.change(local, roster, changes)
  if (outcome.presence === 'hide') tellPresence(ctx, local, contact, 'hide')
  // §3.1.2: stamped with the bare address, to the bare address
  if (outcome.pass) ctx.send(stanza.with({ to: contact, from: session.jid.bare }))
  if (outcome.push && item !== undefined) pushRoster(ctx.host, local, item, ctx.randomId())
  if (outcome.presence === 'show') tellPresence(ctx, local, contact, 'show')
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
  const { outcome, changes, item } = subscriptionStep('in', type, roster, contact, Buffer.from(bare.inside).toString())
  if (changes.length > 0) await ctx.host.rosters.change(local, roster, changes)
  if (outcome.reply !== undefined)
    ctx.send(Stanza.of('presence', { to: contact, from: account, type: outcome.reply, id: stanza.id }))
  if (outcome.push && item !== undefined) pushRoster(ctx.host, local, item, ctx.randomId())
  if (outcome.pass) deliver(ctx, bare, type)
  if (outcome.presence !== undefined) tellPresence(ctx, local, contact, outcome.presence)
}

/** A request goes to every available resource, an answer to those that follow the roster (RFC 6121 §3.1.3, §3.1.6). */
function deliver(ctx: ModuleContext, stanza: Stanza, type: SubscriptionType): void {
  for (const session of ctx.host.sessions.of(stanza.to!.local)) {
    if (type === 'subscribe' ? session.isAvailable : session.interested) session.send(stanza)
  }
}

function tellPresence(ctx: ModuleContext, local: string, contact: Jid, how: 'show' | 'hide'): void {
  for (const session of ctx.host.sessions.of(local)) {
    if (!session.isAvailable) continue
    const presence = how === 'show' ? session.presence! : Stanza.of('presence', { type: 'unavailable' })
    ctx.send(presence.with({ to: contact, from: session.jid }))
  }
}
