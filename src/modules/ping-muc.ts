import { defineModule, type ModuleContext } from '../core/module.ts'
import type { Session } from '../core/session.ts'
import { el } from '../xmpp/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { Stanza } from '../xmpp/stanza.ts'

/** When a room that cannot be reached is asked, after its link was lost and then after each failure. */
const ASK_AFTER_MS = [1_000, 15_000, 60_000]
/** The first questions of many users are spread over this. */
const SPREAD_MS = 4_000
const ANSWER_MS = 30_000
/** Rooms of other servers of one session that are watched. */
const MOST_ROOMS = 1000

/** XEP-0410 §3.2: errors that a room passes on from an occupant, so that there is one. */
const STILL_THERE = ['service-unavailable', 'feature-not-implemented', 'item-not-found']
/** The room was not asked: these are of a server on the way, ours most often. */
const NOT_REACHED = ['remote-server-not-found', 'remote-server-timeout', 'resource-constraint']

/** A session of ours in a room of another server, from its self-presence until it leaves. */
interface Occupancy {
  readonly session: Session
  readonly nick: Jid
  /** While the room is being asked: how often that was done, the id of the question, and what is to happen next. */
  asked: number
  question: string | undefined
  timer: ReturnType<ModuleContext['clock']['after']> | undefined
}

/** Who is in which room, and what is asked when that is in doubt. */
class Rooms {
  readonly #ctx: ModuleContext
  readonly #joined = new Map<Session, Map<string, Occupancy>>()
  readonly #questions = new Map<string, Occupancy>()

  constructor(ctx: ModuleContext) {
    this.#ctx = ctx
  }

  /** Presence from a room with its own mark. XEP-0045 §7.2.3: status 110 says that it is about the recipient. */
  present(stanza: Stanza): void {
    const session = this.#sessionOf(stanza)
    const nick = stanza.from!
    // whoever is in a room has sent it directed presence: most presence of a room ends here
    if (session?.directed.has(nick.toString()) !== true || !saysSelf(stanza)) return
    const known = this.#joined.get(session)
    const before = known?.get(nick.bare.toString())
    if (before !== undefined) this.#leave(before)
    if ((known?.size ?? 0) >= MOST_ROOMS) return
    const rooms = this.#joined.get(session) ?? new Map<string, Occupancy>()
    this.#joined.set(session, rooms)
    rooms.set(nick.bare.toString(), { session, nick, asked: 0, question: undefined, timer: undefined })
  }

  /** The room says that the user is out, or that something is wrong. */
  absent(stanza: Stanza): void {
    const session = this.#sessionOf(stanza)
    const occupancy = session && this.#joined.get(session)?.get(stanza.from!.bare.toString())
    if (occupancy === undefined || !occupancy.nick.equals(stanza.from!)) return
    if (stanza.type === 'error' && NOT_REACHED.includes(conditionOf(stanza))) this.#doubt(occupancy)
    else this.#leave(occupancy)
  }

  /** The user leaves. */
  left(session: Session, stanza: Stanza): void {
    if (stanza.to === undefined) this.gone(session)
    else {
      const occupancy = this.#joined.get(session)?.get(stanza.to.bare.toString())
      if (occupancy?.nick.equals(stanza.to) === true) this.#leave(occupancy)
    }
  }

  gone(session: Session): void {
    for (const occupancy of [...(this.#joined.get(session)?.values() ?? [])]) this.#leave(occupancy)
  }

  /** The stream to a domain was lost: who is in its rooms may be out without knowing. */
  lost(remote: string): void {
    for (const rooms of this.#joined.values()) {
      for (const occupancy of rooms.values()) if (occupancy.nick.domain === remote) this.#doubt(occupancy)
    }
  }

  #doubt(occupancy: Occupancy): void {
    if (occupancy.timer !== undefined) return // it is being asked
    occupancy.asked = 0
    const spread = Number.parseInt(this.#ctx.randomId(2), 16) / 65_536
    this.#askAfter(occupancy, ASK_AFTER_MS[0]! + spread * SPREAD_MS)
  }

  #askAfter(occupancy: Occupancy, ms: number): void {
    occupancy.timer?.dispose()
    occupancy.timer = this.#ctx.clock.after(ms, () => this.#ask(occupancy))
  }

  /** XEP-0410 §3: a ping to the user's own nickname comes back to the user if the room knows it. */
  #ask(occupancy: Occupancy): void {
    const { session, nick } = occupancy
    const id = this.#ctx.randomId()
    occupancy.asked++
    occupancy.question = id
    this.#questions.set(id, occupancy)
    occupancy.timer = this.#ctx.clock.after(ANSWER_MS, () => this.#unreached(occupancy))
    this.#ctx.send(Stanza.of('iq', { to: nick, from: session.jid, type: 'get', id }, el('ping', NS.ping)))
  }

  /** @returns whether it is the answer to a question of ours, which the client did not ask */
  answered(stanza: Stanza): boolean {
    const occupancy = stanza.id === undefined ? undefined : this.#questions.get(stanza.id)
    if (occupancy === undefined) return false
    if (stanza.from?.equals(occupancy.nick) !== true || stanza.to?.equals(occupancy.session.jid) !== true) return false
    const condition = stanza.type === 'error' ? conditionOf(stanza) : undefined
    if (condition !== undefined && NOT_REACHED.includes(condition)) this.#unreached(occupancy)
    else if (condition === undefined || STILL_THERE.includes(condition)) this.#settle(occupancy)
    else this.#expel(occupancy, 'The room has lost you')
    return true
  }

  #unreached(occupancy: Occupancy): void {
    this.#settle(occupancy)
    const next = ASK_AFTER_MS[occupancy.asked]
    if (next === undefined) this.#expel(occupancy, "The room's server cannot be reached")
    else this.#askAfter(occupancy, next)
  }

  /** Tells the client what the room could not (XEP-0045: status 333, a removal because of an error), so that it joins again. */
  #expel(occupancy: Occupancy, why: string): void {
    const { session, nick } = occupancy
    this.#leave(occupancy)
    session.directed.delete(nick.toString())
    const item = el('item', NS.mucUser, { affiliation: 'none', role: 'none' }, el('reason', NS.mucUser, {}, why))
    const codes = ['110', '333'].map((code) => el('status', NS.mucUser, { code }))
    session.send(
      Stanza.of('presence', { to: session.jid, from: nick, type: 'unavailable' }, el('x', NS.mucUser, {}, item, ...codes)),
    )
  }

  #settle(occupancy: Occupancy): void {
    occupancy.timer?.dispose()
    occupancy.timer = undefined
    if (occupancy.question !== undefined) this.#questions.delete(occupancy.question)
    occupancy.question = undefined
  }

  #leave(occupancy: Occupancy): void {
    this.#settle(occupancy)
    const rooms = this.#joined.get(occupancy.session)
    rooms?.delete(occupancy.nick.bare.toString())
    if (rooms?.size === 0) this.#joined.delete(occupancy.session)
  }

  #sessionOf({ to }: Stanza): Session | undefined {
    return to === undefined ? undefined : this.#ctx.host.sessions.get(to.local, to.resource)
  }

  dispose(): void {
    for (const session of [...this.#joined.keys()]) this.gone(session)
  }
}

function saysSelf(stanza: Stanza): boolean {
  return stanza.child('x', NS.mucUser)?.children.some((c) => c.is('status', NS.mucUser) && c.attr('code') === '110') === true
}

function conditionOf(stanza: Stanza): string {
  const named = stanza.child('error')?.children.find((c) => c.ns === NS.stanzaErrors && c.name !== 'text')
  return named?.name ?? 'undefined-condition'
}

export const pingMuc = defineModule({
  name: 'ping_muc',
  summary: 'Asks rooms of other servers, when the connection was lost, whether our users are still in; tells those who are not.',
  implements: [{ xep: 410, version: '1.1.0' }],
  setup(ctx) {
    const rooms = new Rooms(ctx)
    const inRoom = { name: 'x', ns: NS.mucUser }
    ctx.observe({ direction: 'inbound', kind: 'presence', type: [undefined], child: inRoom }, (s) => rooms.present(s))
    ctx.observe({ direction: 'inbound', kind: 'presence', type: ['unavailable', 'error'] }, (s) => rooms.absent(s))
    ctx.observe({ direction: 'outbound', kind: 'presence', type: ['unavailable'] }, (stanza, { session }) => {
      if (session !== undefined) rooms.left(session, stanza)
    })
    ctx.gate({ direction: 'inbound', kind: 'iq', type: ['result', 'error'] }, (s) => (rooms.answered(s) ? 'drop' : 'pass'))
    ctx.remoteLost((remote) => rooms.lost(remote))
    ctx.sessionClosed((session) => {
      rooms.gone(session)
      return undefined
    })
    ctx.stop(() => rooms.dispose())
  },
})
