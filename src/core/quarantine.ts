import { judgeQuarantined, type QuarantineFacts, type QuarantineVerdict } from '../policy/quarantine.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Host } from './host.ts'
import type { Roster } from './rosters.ts'

/**
 * What becomes of a stanza between a host and a domain in quarantine. A promise only when the roster must be read;
 * rejects with StoreError.
 */
export function quarantined(host: Host, stanza: Stanza, direction: 'in' | 'out'): QuarantineVerdict | Promise<QuarantineVerdict> {
  const [own, other] = direction === 'in' ? [stanza.to!, stanza.from!] : [stanza.from!, stanza.to!]
  const judge = (relation: QuarantineFacts['relation']) =>
    judgeQuarantined({ direction, kind: stanza.kind, type: stanza.type, relation })
  if (own.local === '' || host.accounts === undefined) return judge('stranger')
  const roster = host.rosters.of(own.local)
  return roster instanceof Promise ? roster.then((read) => judge(relationOf(read, other))) : judge(relationOf(roster, other))
}

function relationOf(roster: Roster, other: Jid): QuarantineFacts['relation'] {
  const item = roster.item(other.bare)
  if (item === undefined) return 'stranger'
  if (item.subscription !== 'none') return 'contact'
  return item.ask ? 'asked' : 'stranger'
}
