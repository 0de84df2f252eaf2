import { type Element, el } from '../xmpp/element.ts'
import { type StanzaCondition, StreamError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/ns.ts'
import { escapeAttr } from '../xmpp/serialize.ts'

/** XEP-0198 in the two versions that are in use; they differ in nothing that servers do. */
export type SmNs = typeof NS.sm | typeof NS.sm2

/** An element of stream management, read. `h` counts stanzas, modulo 2^32. */
export type Nonza =
  | { readonly is: 'enable'; readonly ns: SmNs; readonly resume: boolean }
  | { readonly is: 'enabled'; readonly ns: SmNs; readonly id: string | undefined; readonly maxSeconds: number | undefined }
  | { readonly is: 'resume'; readonly ns: SmNs; readonly previd: string; readonly h: number }
  | { readonly is: 'resumed'; readonly ns: SmNs; readonly previd: string; readonly h: number }
  | { readonly is: 'failed'; readonly ns: SmNs; readonly h: number | undefined }
  | { readonly is: 'r'; readonly ns: SmNs }
  | { readonly is: 'a'; readonly ns: SmNs; readonly h: number }

const isSmNs = (ns: string): ns is SmNs => ns === NS.sm || ns === NS.sm2

const MODULUS = 2 ** 32

function readCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined
  const value = Number(text)
  return value < MODULUS ? value : undefined
}

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1'

/** Reads a first-level element; undefined when it is not of stream management, an error when it is and makes no sense. */
export function readNonza(e: Element): Nonza | StreamError | undefined {
  const { ns } = e
  if (!isSmNs(ns)) return undefined
  const h = readCount(e.attr('h'))
  const previd = e.attr('previd')
  switch (e.name) {
    case 'r':
      return { is: 'r', ns }
    case 'a':
      return h === undefined ? NO_COUNT : { is: 'a', ns, h }
    case 'enable':
      return { is: 'enable', ns, resume: isTrue(e.attr('resume')) }
    case 'enabled': {
      const id = isTrue(e.attr('resume')) ? e.attr('id') : undefined
      return { is: 'enabled', ns, id, maxSeconds: readCount(e.attr('max')) }
    }
    case 'resume':
    case 'resumed':
      return h === undefined || previd === undefined ? NO_COUNT : { is: e.name, ns, previd, h }
    case 'failed':
      return { is: 'failed', ns, h }
    default:
      return new StreamError('unsupported-stanza-type')
  }
}

const NO_COUNT = new StreamError('bad-format', "stream management needs a right 'h', and a 'previd' to resume")

export const smOffer = (ns: SmNs): Element => el('sm', ns, {}, el('optional', ns))

/** The newest version that stream features offer. */
export function offeredSm(features: Element): SmNs | undefined {
  return ([NS.sm, NS.sm2] as const).find((ns) => features.child('sm', ns) !== undefined)
}

export const enableXml = (ns: SmNs): string => `<enable xmlns='${ns}' resume='true'/>`

/** @param resumable under which id, and for how long after a loss */
export function enabledXml(ns: SmNs, resumable: { readonly id: string; readonly seconds: number } | undefined): string {
  if (resumable === undefined) return `<enabled xmlns='${ns}'/>`
  return `<enabled xmlns='${ns}' id='${escapeAttr(resumable.id)}' resume='true' max='${resumable.seconds}'/>`
}

export const resumeXml = (ns: SmNs, previd: string, h: number): string =>
  `<resume xmlns='${ns}' previd='${escapeAttr(previd)}' h='${h}'/>`

export const resumedXml = (ns: SmNs, previd: string, h: number): string =>
  `<resumed xmlns='${ns}' previd='${escapeAttr(previd)}' h='${h}'/>`

export const failedXml = (ns: SmNs, condition: StanzaCondition): string =>
  `<failed xmlns='${ns}'><${condition} xmlns='${NS.stanzaErrors}'/></failed>`

export const requestXml = (ns: SmNs): string => `<r xmlns='${ns}'/>`

export const answerXml = (ns: SmNs, h: number): string => `<a xmlns='${ns}' h='${h}'/>`

/** The end of a stream whose peer has counted more than it was sent, or less than it had counted before (XEP-0198 §6). */
export function miscounted(ns: SmNs, h: number, sent: number): StreamError {
  const extra = el('handled-count-too-high', ns, { h: `${h}`, 'send-count': `${sent}` })
  return new StreamError('undefined-condition', `You acknowledged ${h}, but the count of what you were sent is ${sent}`, extra)
}
