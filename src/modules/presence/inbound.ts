import type { ModuleContext } from '../../core/module.ts'
import type { Source } from '../../core/source.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { Stanza } from '../../xmpp/stanza.ts'

/** Presence of somebody else: to the resource it names, or to every available one (RFC 6121 §8.5). */
export function toAccount(ctx: ModuleContext, stanza: Stanza, source: Source | undefined): undefined {
  const { local, resource } = stanza.to!
  if (stanza.type !== undefined && stanza.type !== 'unavailable' && stanza.type !== 'error') throw new StanzaError('bad-request')
  if (resource !== '') {
    ctx.host.sessions.get(local, resource)?.send(stanza, source)
    return undefined
  }
  for (const session of ctx.host.sessions.of(local)) if (session.isAvailable) session.send(stanza, source)
  return undefined
}

/**
 * RFC 6121 §4.3.2. Whoever may not see the account gets the same `unsubscribed`, whether it exists or not, is online or
 * not, and has been asked or not: silence for one of them would tell (RFC 6120 §13.10.2).
 */
export async function answerProbe(ctx: ModuleContext, probe: Stanza): Promise<void> {
  const { local, resource } = probe.to!
  const account = probe.to!.bare
  const watcher = probe.from!
  const roster = await ctx.host.rosters.of(local)
  if (!roster.sharesWith(watcher) && !watcher.bare.equals(account)) {
    ctx.send(Stanza.of('presence', { to: watcher.bare, from: account, type: 'unsubscribed' }))
    return
  }
  const sessions = ctx.host.sessions.of(local).filter((s) => s.isAvailable && (resource === '' || s.jid.resource === resource))
  for (const session of sessions) ctx.send(session.presence!.with({ to: watcher, from: session.jid }))
  // a full address that is not there tells nothing of the others (§4.3.2)
  if (sessions.length === 0) ctx.send(Stanza.of('presence', { to: watcher, from: probe.to, type: 'unavailable' }))
}
