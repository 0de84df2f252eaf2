import type { Element } from '../xmpp/element.ts'
import { SaslError, StreamError } from '../xmpp/errors.ts'
import { prepareDomain } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { end, type InNext, type S2sInContext, type StateAt, send, stay, tell } from './s2s-in-state.ts'

/** How many attempts may fail before the stream ends (RFC 6120 §6.4.5: between two and five retries). */
const MAX_FAILURES = 3

/** A first-level element of the SASL namespace on a stream that is not authenticated (RFC 6120 §6.4, XEP-0178 §3). */
export function onSasl(ctx: S2sInContext, s: StateAt<'open'>, e: Element): InNext {
  switch (e.name) {
    case 'auth':
      return onAuth(ctx, s, e)
    case 'response':
      if (!s.challenged) return fail(s, new SaslError('malformed-request', 'nothing was asked'))
      return onResponse(ctx, s, e.text)
    case 'abort':
      return fail(s, new SaslError('aborted'))
    default:
      return end(s, new StreamError('not-authorized'))
  }
}

function onAuth(ctx: S2sInContext, s: StateAt<'open'>, e: Element): InNext {
  const { stream } = s
  if (stream.tls === undefined) return fail(s, new SaslError('encryption-required'))
  if (e.attr('mechanism') !== 'EXTERNAL') return fail(s, new SaslError('invalid-mechanism'))
  const verdict = judge(ctx, s)
  if (!verdict.allow) {
    const condition = verdict.because === 'external-unavailable' ? 'invalid-mechanism' : 'not-authorized'
    return fail(s, new SaslError(condition, verdict.toPeer))
  }
  if (e.text !== '') return onResponse(ctx, s, e.text)
  return stay({ ...s, challenged: true }, send(`<challenge xmlns='${NS.sasl}'/>`))
}

const judge = (ctx: S2sInContext, { stream }: StateAt<'open'>) =>
  ctx.rules.judge(stream.local, stream.remote ?? '', {
    direction: 'in',
    encrypted: stream.tls !== undefined,
    certificate: stream.certificate,
    asked: 'external',
    dialback: 'untried',
  })

/** The initial response or the answer to our empty challenge: the domain that the peer wants to be. */
function onResponse(ctx: S2sInContext, s: StateAt<'open'>, text: string): InNext {
  const { stream } = s
  const authzid = decodeText(text)
  if (authzid === undefined) return fail(s, new SaslError('incorrect-encoding'))
  if (stream.remote === undefined) return fail(s, new SaslError('not-authorized', "the stream header has no 'from'"))
  if (authzid !== '' && prepareDomain(authzid) !== stream.remote) {
    return fail(s, new SaslError('invalid-authzid', "the authorization identity is the domain in the stream's 'from'"))
  }
  const verdict = judge(ctx, s)
  if (!verdict.allow) return fail(s, new SaslError('not-authorized', verdict.toPeer))
  const pinned = { local: stream.local, remote: stream.remote, authenticated: stream.certificate, bidi: stream.bidi }
  const state = { at: 'header', asked: s.asked, tls: stream.tls, pinned } as const
  return stay(state, send(`<success xmlns='${NS.sasl}'/>`), { do: 'restart' })
}

/** Base64 in its one canonical form (RFC 6120 §13.9.1: nothing is skipped), `=` or nothing for empty; undefined otherwise. */
function decodeText(text: string): string | undefined {
  if (text === '=' || text === '') return ''
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function fail(s: StateAt<'open'>, error: SaslError): InNext {
  const { stream } = s
  const failures = stream.failures + 1
  const xml = error.toElement().toString()
  const because = `sasl-${error.condition}`
  const news = tell({
    event: 'refused',
    local: stream.local,
    remote: stream.remote ?? '',
    via: 'external',
    because,
    text: error.text,
  })
  if (failures < MAX_FAILURES) return stay({ ...s, challenged: false, stream: { ...stream, failures } }, send(xml), news)
  const ended = end(s, new StreamError('policy-violation', 'too many failed attempts to authenticate'), xml)
  return { ...ended, effects: [news, ...ended.effects] }
}
