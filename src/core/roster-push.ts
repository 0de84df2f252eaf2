import { type Element, el } from '../xmpp/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { Stanza } from '../xmpp/stanza.ts'
import type { Host } from './host.ts'
import type { RosterItem } from './rosters.ts'

/** `<item/>` of a roster result or push (RFC 6121 §2.1.2). */
export function rosterItemElement(item: RosterItem): Element {
  return el(
    'item',
    NS.roster,
    {
      jid: item.jid.toString(),
      name: item.name === '' ? undefined : item.name,
      subscription: item.subscription,
      ask: item.ask ? 'subscribe' : undefined,
      approved: item.approved ? 'true' : undefined,
    },
    ...item.groups.map((group) => el('group', NS.roster, {}, group)),
  )
}

/** Tells every interested session of an account what has become of a contact (RFC 6121 §2.1.6). */
export function pushRoster(host: Host, local: string, item: RosterItem | { readonly removed: Jid }, id: string): void {
  const element =
    'removed' in item ? el('item', NS.roster, { jid: item.removed.toString(), subscription: 'remove' }) : rosterItemElement(item)
  for (const session of host.sessions.of(local)) {
    if (!session.interested) continue
    session.send(
      Stanza.of('iq', { to: session.jid, from: session.jid.bare, type: 'set', id }, el('query', NS.roster, {}, element)),
    )
  }
}
