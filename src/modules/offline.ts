import { type Collection, defineModule, type ModuleContext } from '../core/module.ts'
import type { Session } from '../core/session.ts'
import { el } from '../xmpp/element.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Jid, parseJid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { Stanza } from '../xmpp/stanza.ts'

/** One kept message: its start tag and its inside as XML. */
interface Kept {
  readonly from: string
  readonly to: string
  readonly type?: string
  readonly id?: string
  readonly lang?: string
  readonly inside: string
}

/** XEP-0160 leaves the bound to the server; what comes beyond it goes back to the sender. */
const MOST_KEPT = 1000
/** How many are read into memory at a time. */
const AT_ONCE = 50

export const offline = defineModule({
  name: 'offline',
  summary: 'Keeps messages for accounts that are away and hands them over when they come.',
  implements: [
    { xep: 160, version: '1.0.1' },
    { xep: 203, version: '2.0' },
  ],
  setup(ctx) {
    if (ctx.host.kind !== 'virtual') return
    const kept = ctx.collection<Kept>('offline', 'account')
    const order = sequence(ctx)
    ctx.advertise(NS.offline)
    ctx.claim('offline', async (stanza) => {
      if (!worthKeeping(stanza)) return
      const { local } = stanza.to!
      if ((await kept.count([local])) >= MOST_KEPT)
        throw new StanzaError('resource-constraint', 'the mailbox of the recipient is full')
      await kept.put([local, order()], keep(stamped(ctx, stanza)))
      // somebody may have come while it was being stored, and found nothing
      const come = ctx.host.sessions.of(local).find((session) => session.takesMessages)
      if (come !== undefined) handOver(ctx, kept, come)
    })
    ctx.sessionAvailable((session) => handOver(ctx, kept, session))
  },
})

/** Gives what is kept to a session, behind what is being given already; messages that come meanwhile wait (RFC 6120 §10.1). */
function handOver(ctx: ModuleContext, kept: Collection<Kept>, session: Session): void {
  const { handovers } = ctx.host
  const { local } = session.jid
  const before = handovers.get(local) ?? Promise.resolve()
  const done = before
    .then(() => giveAll(ctx, kept, session))
    .catch((error: unknown) => {
      ctx.log.warn('offline messages could not be handed over; they are kept', { account: local, why: String(error) })
    })
    .then(() => void (handovers.get(local) === done && handovers.delete(local)))
  handovers.set(local, done)
}

/** A message is deleted only when it was written to the client. */
async function giveAll(ctx: ModuleContext, kept: Collection<Kept>, session: Session): Promise<void> {
  for (let full = true; full && session.takesMessages; ) {
    const entries = await kept.list([session.jid.local], { limit: AT_ONCE })
    if (entries.length === 0 || !session.takesMessages) return
    for (const { value } of entries) {
      const stanza = restore(value)
      if (stanza !== undefined) session.send(stanza)
    }
    await ctx.transact(entries.map(({ key }) => kept.deleting(key)))
    full = entries.length === AT_ONCE
  }
}

/** Keys that sort by arrival, also across restarts within one millisecond. */
function sequence(ctx: ModuleContext): () => string {
  let last = 0
  return () => {
    last = Math.max(last + 1, ctx.clock.now() * 1000)
    return String(last).padStart(17, '0')
  }
}

/** XEP-0160 §3, XEP-0334, XEP-0085: no bare chat states, nothing whose sender says that it must not be stored. */
function worthKeeping(stanza: Stanza): boolean {
  if (stanza.has('no-store', NS.hints)) return false
  if (stanza.has('store', NS.hints) || stanza.has('body')) return true
  return stanza.entries.some((e) => e.ns !== NS.chatStates && e.ns !== NS.hints && e.name !== 'thread')
}

/** XEP-0203: when we took it, in our name; a stamp that claims to be ours already is none. */
function stamped(ctx: ModuleContext, stanza: Stanza): Stanza {
  const domain = ctx.host.domain
  // entries and elements stand in the same order
  const elements = stanza.has('delay', NS.delay) ? stanza.nodes.filter((n) => typeof n !== 'string') : []
  const forged = new Set(stanza.entries.filter((e, i) => e.ns === NS.delay && elements[i]?.attr('from') === domain))
  const honest = stanza.without((e) => forged.has(e))
  return honest.append(el('delay', NS.delay, { from: domain, stamp: new Date(ctx.clock.now()).toISOString() }, 'Offline Storage'))
}

function keep(stanza: Stanza): Kept {
  return {
    from: stanza.from!.toString(),
    to: stanza.to!.toString(),
    ...(stanza.type === undefined ? {} : { type: stanza.type }),
    ...(stanza.id === undefined ? {} : { id: stanza.id }),
    ...(stanza.lang === undefined ? {} : { lang: stanza.lang }),
    inside: Buffer.from(stanza.inside).toString(),
  }
}

function restore(kept: Kept): Stanza | undefined {
  const from = parseJid(kept.from)
  const to: Jid | undefined = parseJid(kept.to)
  if (from === undefined || to === undefined) return undefined
  return Stanza.stored('message', { to, from, type: kept.type, id: kept.id, lang: kept.lang }, kept.inside)
}
