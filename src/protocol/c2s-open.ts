import { el } from '../xmpp/element.ts'
import { StreamError } from '../xmpp/errors.ts'
import type { StreamHeader } from '../xmpp/framer.ts'
import { parseJid, prepareDomain } from '../xmpp/jid.ts'
import { NS } from '../xmpp/ns.ts'
import { closed, failUnopened, go, ourHeader, send } from './c2s-close.ts'
import type { At, C2sContext, C2sNext, ClientHost, ClientOffer, Login } from './c2s-state.ts'
import { availableBindings } from './sasl/channel-binding.ts'
import { features, judgeHeader, parseVersion, STREAM_END, starttlsOffer } from './stream.ts'

/** The reason to refuse a header, whoever sent it. */
function judge(header: StreamHeader, host: ClientHost | undefined): StreamError | undefined {
  const broken = judgeHeader(header, NS.client)
  if (broken !== undefined) return broken
  const version = parseVersion(header.version)
  if (version === undefined || version[0] < 1) return new StreamError('unsupported-version', 'this server speaks XMPP 1.0')
  if (host === undefined) return new StreamError('host-unknown', header.to === undefined ? 'no domain was asked for' : '')
  return undefined
}

/** RFC 6120 §6.4.6: after authentication the stream is that of the account, at the host it authenticated to. */
function judgeIdentity(header: StreamHeader, host: ClientHost, login: Login): StreamError | undefined {
  if (host.domain !== login.account.domain) return new StreamError('not-authorized', `you are known at ${login.account.domain}`)
  if (header.from === undefined || login.mechanism === 'ANONYMOUS') return undefined
  return parseJid(header.from)?.bare.equals(login.account) ? undefined : new StreamError('invalid-from')
}

function preAuthFeatures(offer: ClientOffer): string {
  const mechanisms = offer.mechanisms.map((name) => el('mechanism', NS.sasl, {}, name))
  const bindings = offer.bindings.map((type) => el('channel-binding', NS.saslChannelBinding, { type }))
  return features(
    offer.starttls === 'none' ? undefined : starttlsOffer(offer.starttls === 'required'),
    mechanisms.length === 0 ? undefined : el('mechanisms', NS.sasl, {}, ...mechanisms),
    bindings.length === 0 ? undefined : el('sasl-channel-binding', NS.saslChannelBinding, {}, ...bindings),
  )
}

function postAuthFeatures(host: ClientHost): string {
  // The session that RFC 3921 demanded: old clients ask for it only when they see it, `optional` spares the others a round trip.
  const session = el('session', NS.session, {}, el('optional', NS.session))
  return features(el('bind', NS.bind), session, ...host.features())
}

/** A client's stream header. Its `from` counts for nothing until it has authenticated (RFC 6120 §4.7.1, §13.5). */
export function onHeader(state: At<'header'>, header: StreamHeader, context: C2sContext): C2sNext {
  const domain = header.to === undefined ? undefined : prepareDomain(header.to)
  const host = domain === undefined ? undefined : context.host(domain)
  const refused = judge(header, host)
  if (refused !== undefined || host === undefined)
    return failUnopened(context, host?.domain ?? context.anyDomain, refused ?? new StreamError('host-unknown'))
  const { tls, failures, nextId, login } = state
  if (login === undefined) {
    const offer = host.offer({ encrypted: tls !== undefined, bindings: availableBindings(tls) })
    const opening = ourHeader(context, host.domain)
    return go({ at: 'features', tls, failures, nextId, host, offer }, send(opening + preAuthFeatures(offer)))
  }
  const wrong = judgeIdentity(header, host, login)
  if (wrong !== undefined) return failUnopened(context, host.domain, wrong)
  const to = header.from === undefined ? undefined : login.account.toString()
  const opening = ourHeader(context, host.domain, to)
  return go({ at: 'bind', tls, failures, nextId, host, login, lang: header.lang }, send(opening + postAuthFeatures(host)))
}

/** RFC 6120 §5.4.2. Asked for where it is not offered, also on a stream that has TLS: `<failure/>` and the end. */
export function onStartTls(state: At<'features'> | At<'responding'>): C2sNext {
  const { tls, failures, nextId } = state
  if (state.offer.starttls === 'none') return go(closed, send(el('failure', NS.tls).toString() + STREAM_END), { do: 'finish' })
  return go({ at: 'securing', tls, failures, nextId }, send(el('proceed', NS.tls).toString()), { do: 'start-tls' })
}
