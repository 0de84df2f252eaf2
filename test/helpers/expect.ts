import assert from 'node:assert/strict'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'

/** The condition of an error stanza, as `type/condition`; fails when it is none. */
export function errorOf(stanza: Element): string {
  assert.equal(stanza.attr('type'), 'error', String(stanza))
  const error = stanza.child('error')!
  const condition = error.children.find((c) => c.ns === NS.stanzaErrors && c.name !== 'text')
  return `${error.attr('type')}/${condition?.name}`
}

/** A presence in a word or two: its type ('available' when it has none), and who it is from. */
export const sayPresence = (p: Element): string => `${p.attr('type') ?? 'available'} ${p.attr('from') ?? ''}`

/** A roster item in a word or two: `juliet@b.example both`, with `ask` and `approved` where they are set. */
export function sayItem(item: Element | undefined): string {
  if (item === undefined) return 'none'
  const words = [item.attr('jid'), item.attr('subscription')]
  if (item.attr('ask') !== undefined) words.push('ask')
  if (item.attr('approved') === 'true') words.push('approved')
  return words.join(' ')
}

/** Everything a client was told, in order: presence, roster pushes and messages in words. */
export function say(e: Element): string {
  if (e.name === 'presence') return sayPresence(e)
  if (e.name === 'message') return `message ${e.attr('from')}`
  const item = e.child('query', NS.roster)?.child('item', NS.roster)
  return e.attr('type') === 'set' && item !== undefined ? `push ${sayItem(item)}` : `iq ${e.attr('type')}`
}
