import type { IqRequest, ModuleContext } from '../core/module.ts'
import { defineModule } from '../core/module.ts'
import { pushRoster, rosterItemElement } from '../core/roster-push.ts'
import type { RosterItem } from '../core/rosters.ts'
import type { Source } from '../core/source.ts'
import { type Element, el } from '../xmpp/element.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Jid, parseJid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { Stanza } from '../xmpp/stanza.ts'

/** Bounds of what a client may store; RFC 6121 §2.1.5 leaves them to the server. */
const LONGEST_TEXT = 1023
const MOST_GROUPS = 100

export const roster = defineModule({
  name: 'roster',
  summary: 'Keeps each account’s contacts and tells its clients of every change.',
  implements: [{ rfc: 6121 }],
  setup(ctx) {
    ctx.streamFeature(el('sub', NS.preApproval))
    ctx.iq({ type: 'get', ns: NS.roster, name: 'query', to: 'account', from: 'self', handle: (iq) => read(ctx, iq) })
    ctx.iq({ type: 'set', ns: NS.roster, name: 'query', to: 'account', from: 'self', handle: (iq) => write(ctx, iq) })
    // only an account's own server pushes to its clients; not every client looks who a push is from
    const pushed = { direction: 'inbound', kind: 'iq', type: ['set'], child: { name: 'query', ns: NS.roster } } as const
    ctx.gate(pushed, ({ from, to }) => (from?.bare.equals(to?.bare) ? 'pass' : new StanzaError('service-unavailable')))
  },
})

async function read(ctx: ModuleContext, iq: IqRequest): Promise<Stanza> {
  const current = await ctx.host.rosters.of(iq.account!)
  if (iq.session !== undefined) iq.session.interested = true
  return iq.result(el('query', NS.roster, {}, ...[...current.items.values()].map(rosterItemElement)))
}

async function write(ctx: ModuleContext, iq: IqRequest): Promise<Stanza> {
  const [item, ...more] = iq.payload.children
  if (item === undefined || more.length > 0 || !item.is('item', NS.roster)) throw new StanzaError('bad-request')
  const address = item.attr('jid')
  if (address === undefined) throw new StanzaError('bad-request', 'an item has an address')
  const contact = parseJid(address)
  if (contact === undefined) throw new StanzaError('jid-malformed')
  if (contact.equals(iq.from.bare)) throw new StanzaError('not-allowed', 'you cannot be your own contact')
  return item.attr('subscription') === 'remove' ? remove(ctx, iq, contact) : put(ctx, iq, contact, item)
}

async function put(ctx: ModuleContext, iq: IqRequest, contact: Jid, item: Element): Promise<Stanza> {
  const local = iq.account!
  const current = await ctx.host.rosters.of(local)
  const old = current.item(contact)
  if (old === undefined && current.isFull) throw new StanzaError('resource-constraint', 'your roster is full')
  const name = item.attr('name') ?? ''
  const groups = readGroups(item)
  if (name.length > LONGEST_TEXT) throw new StanzaError('not-acceptable', 'the name is too long')
  const next: RosterItem = {
    jid: contact,
    name,
    groups,
    subscription: old?.subscription ?? 'none',
    ask: old?.ask ?? false,
    approved: old?.approved ?? false,
  }
  await ctx.host.rosters.change(local, current, [{ put: next }])
  pushRoster(ctx.host, local, next, ctx.randomId())
  return iq.result()
}

/** RFC 6121 §2.3.3: a group that is named twice, empty or too long is refused. */
function readGroups(item: Element): readonly string[] {
  const groups = item.childrenNamed('group').map((g) => g.text)
  if (groups.length > MOST_GROUPS) throw new StanzaError('not-acceptable', `at most ${MOST_GROUPS} groups`)
  if (groups.some((g) => g === '' || g.length > LONGEST_TEXT))
    throw new StanzaError('not-acceptable', 'a group name is empty or too long')
  if (new Set(groups).size !== groups.length) throw new StanzaError('bad-request', 'a group is named twice')
  return groups
}

/** RFC 6121 §2.5: the contact is also told, and no longer sees us. */
async function remove(ctx: ModuleContext, iq: IqRequest, contact: Jid): Promise<Stanza> {
  const local = iq.account!
  const current = await ctx.host.rosters.of(local)
  const old = current.item(contact)
  if (old === undefined) throw new StanzaError('item-not-found')
  const from = iq.from.bare
  const sees = old.subscription === 'to' || old.subscription === 'both' || old.ask
  const isSeen = old.subscription === 'from' || old.subscription === 'both'
  const waits = current.requests.has(contact.toString())
  await ctx.host.rosters.change(local, current, [{ remove: contact }, ...(waits ? [{ answered: contact }] : [])])
  const source = iq.session?.stream
  if (isSeen) hidePresence(ctx, local, contact, source)
  if (sees) ctx.send(Stanza.of('presence', { to: contact.bare, from, type: 'unsubscribe' }), source)
  if (isSeen || waits) ctx.send(Stanza.of('presence', { to: contact.bare, from, type: 'unsubscribed' }), source)
  pushRoster(ctx.host, local, { removed: contact }, ctx.randomId())
  return iq.result()
}

function hidePresence(ctx: ModuleContext, local: string, contact: Jid, source: Source | undefined): void {
  for (const session of ctx.host.sessions.of(local)) {
    if (session.isAvailable) ctx.send(Stanza.of('presence', { to: contact.bare, from: session.jid, type: 'unavailable' }), source)
  }
}
