import type { StanzaCondition, StreamCondition, StreamError } from '../xmpp/errors.ts'
import type { Budget } from '../xmpp/framer.ts'
import { domainToAscii } from '../xmpp/jid.ts'
import {
  type CertificateAnswer,
  type CertificateQuestion,
  type CertificateVerdict,
  type KeyVerdict,
  type PeerRules,
  type Refusal,
  type RemoteOffers,
  type Sm,
  type SmEvent,
  serverHeader,
} from './s2s.ts'
import type { SmNs } from './sm.ts'
import type { Effect, Next, TlsFacts } from './step.ts'
import { STREAM_END, streamError } from './stream.ts'

export interface S2sOutContext {
  /** Our host, and the domain that the stream goes to (both in enforced form). */
  readonly local: string
  readonly remote: string
  /**
   * `link`: authenticate, then carry stanzas. `verify`: ask whether `remote` gave out `key` for its stream `streamId` to
   * `local`, without authenticating, then close (XEP-0220 §2.1.2).
   */
  readonly purpose: { readonly is: 'link' } | { readonly is: 'verify'; readonly streamId: string; readonly key: string }
  readonly rules: PeerRules
  /** The key that we give out; see dialback.ts. */
  dialbackKey(receiving: string, originating: string, streamId: string): string
  /** What an authenticated stream may cost. */
  readonly budget: Budget
  /** From the connection being there until the stream is ready. */
  readonly negotiationMs: number
  /** Stream management is wanted where it is offered; `resume`: an earlier stream that broke is to be taken up. */
  readonly management: { readonly resume: Resumable | undefined } | undefined
  /** The remote may send over this stream too, where it offers that (XEP-0288). */
  readonly bidi: boolean
}

/** A broken stream that the remote may still know (XEP-0198 §5), and how many of its stanzas we had handled. */
export interface Resumable {
  readonly ns: SmNs
  readonly previd: string
  readonly h: number
}

/** How far a stream had come when it failed. `stream`: the remote ended it, or spoke what we do not understand. */
export type Stage = 'stream' | 'tls' | 'certificate' | 'auth' | 'policy'

export interface Failure {
  readonly stage: Stage
  readonly by: 'us' | 'peer'
  /** The stream or SASL condition, or the policy's reason; a stable word for logs and metrics. */
  readonly condition: string | undefined
  /** For people: a local sender and the operator. Never names the remote domain. */
  readonly text: string
  /** What stanzas that cannot go out are answered with. */
  readonly bounce: StanzaCondition
  /** A stream that was ready lost its connection: nobody has ended it. */
  readonly broken?: true
}

/** Stream management as a stream begins with it; stanzas count from `ready` on. */
export interface Managed {
  readonly ns: SmNs
  /** The earlier stream goes on. Otherwise management is asked for, and `enabled` or `unmanaged` follows. */
  readonly resumed: boolean
  /** How many stanzas of the earlier stream the remote says it has handled. */
  readonly h: number | undefined
}

export type S2sOutEvent =
  | { readonly event: 'certificate'; readonly certificate: CertificateVerdict }
  /** The stream may carry stanzas of this one pair. */
  | {
      readonly event: 'ready'
      readonly via: 'external' | 'dialback'
      readonly encrypted: boolean
      readonly certificate: CertificateVerdict
      /** The largest stanza that the remote takes, when it says so (XEP-0478). */
      readonly maxBytes: number | undefined
      readonly managed: Managed | undefined
      /** The remote may send its stanzas for this pair here. */
      readonly bidi: boolean
      /** What its stanzas without a language of their own are in. */
      readonly lang: string | undefined
    }
  /** Our request is granted: stanzas are acknowledged from the beginning. With an id the stream can be resumed. */
  | { readonly event: 'enabled'; readonly id: string | undefined; readonly maxSeconds: number | undefined }
  /** Our request is refused. */
  | { readonly event: 'unmanaged' }
  | SmEvent
  /** What the authoritative server says of the key. The stream ends by itself. */
  | { readonly event: 'verified'; readonly verdict: KeyVerdict }
  /** The stream is over, before or after `ready`, for another reason than our `close`. At most once. */
  | { readonly event: 'failed'; readonly failure: Failure }
  /** An answer to a question that was never asked on this stream. It changed nothing. */
  | { readonly event: 'unsolicited'; readonly from: string | undefined; readonly to: string | undefined }

/** A stream as it stands since its last restart. */
export interface Link {
  readonly tls: TlsFacts | undefined
  readonly certificate: CertificateVerdict
  /** EXTERNAL was refused, with this for an explanation. */
  readonly refused: string | undefined
  /** Both directions were asked for. */
  readonly bidi: boolean
}

/** What features offer beside ways to authenticate. */
export interface Extras {
  /** `max-bytes` of XEP-0478. */
  readonly maxBytes: number | undefined
  readonly sm: SmNs | undefined
  readonly bidi: boolean
}

/** A link whose remote has answered our header. */
export interface Open extends Link {
  readonly streamId: string
  readonly lang: string | undefined
  /** Of the last features. */
  readonly extras: Extras
}

export type S2sOutState = { readonly asked: number } & (
  | { readonly at: 'idle'; readonly tls: TlsFacts | undefined }
  | { readonly at: 'judging'; readonly tls: TlsFacts }
  /** Our header is sent. `authenticated`: SASL has succeeded. */
  | { readonly at: 'header'; readonly link: Link; readonly authenticated: boolean }
  | { readonly at: 'features'; readonly link: Open; readonly authenticated: boolean }
  | { readonly at: 'starttls' }
  | { readonly at: 'securing' }
  | { readonly at: 'external'; readonly link: Open; readonly offered: RemoteOffers; readonly challenged: boolean }
  | { readonly at: 'dialback'; readonly link: Open }
  | { readonly at: 'verify'; readonly link: Open }
  | { readonly at: 'resuming'; readonly link: Open; readonly via: 'external' | 'dialback'; readonly resume: Resumable }
  | { readonly at: 'ready'; readonly sm: Sm; readonly bidi: boolean }
  | { readonly at: 'closed' }
)
export type StateAt<A extends S2sOutState['at']> = Extract<S2sOutState, { at: A }>
export type OutEffect = Effect<CertificateQuestion, S2sOutEvent>
export type OutNext = Next<S2sOutState, CertificateQuestion, S2sOutEvent>
export type S2sOutAnswer = CertificateAnswer

export const NEGOTIATION = 'negotiation'
export const send = (xml: string): OutEffect => ({ do: 'send', xml })
export const tell = (event: S2sOutEvent): OutEffect => ({ do: 'tell', event })
export const stay = (state: S2sOutState, ...effects: readonly OutEffect[]): OutNext => ({ state, effects })

export const headerTo = (ctx: S2sOutContext): string => serverHeader({ from: ctx.local, to: ctx.remote, version: '1.0' })

/** Is our header on the wire since the last restart? An error can only be said inside a stream. */
const opened = (s: S2sOutState): boolean => s.at !== 'idle' && s.at !== 'judging'

/** The end of a stream on which our certificate was refused before is half explained without that. */
const told = (s: S2sOutState, f: Failure): OutEffect => {
  const refused = s.at === 'dialback' ? s.link.refused : undefined
  return tell({ event: 'failed', failure: refused === undefined ? f : { ...f, text: `${refused}; then: ${f.text}` } })
}

/** Ends the stream, with or without an error, and tells the owner why. */
export function fail(ctx: S2sOutContext, s: S2sOutState, failure: Failure, error?: StreamError): OutNext {
  const xml = (opened(s) ? '' : headerTo(ctx)) + (error === undefined ? '' : streamError(error)) + STREAM_END
  const ending = s.at === 'ready' && s.sm.is === 'on' ? [tell({ event: 'ending' })] : []
  return stay({ at: 'closed', asked: s.asked }, ...ending, send(xml), told(s, failure), { do: 'finish' })
}

/** Nothing can or may be said any more. */
export const drop = (s: S2sOutState, failure: Failure | undefined): OutNext => {
  const news = failure === undefined ? [] : [told(s, failure)]
  return stay({ at: 'closed', asked: s.asked }, ...news, { do: 'destroy' })
}

export const failure = (
  stage: Stage,
  by: 'us' | 'peer',
  condition: string | undefined,
  text: string,
  bounce: StanzaCondition = 'remote-server-timeout',
): Failure => ({ stage, by, condition, text, bounce })

/** A refusal by our own policy, towards both sides. */
export const failureOf = (r: Refusal): Failure =>
  failure(r.because.startsWith('certificate-') ? 'certificate' : 'policy', 'us', r.because, r.toSender)

const UNKNOWN_THERE: readonly StreamCondition[] = ['host-unknown', 'host-gone']

const MAX_QUOTED = 200

/** Foreign words in a text for people: bounded, and without the domain, in any spelling, that the text must not name. */
export function quoted(ctx: S2sOutContext, text: string): string {
  const names = [ctx.remote, domainToAscii(ctx.remote) ?? ctx.remote].map((name) => name.replaceAll(/[.[\]]/g, '\\$&'))
  // first the names, then the bound: it must not leave half of one
  return text.replaceAll(new RegExp(names.join('|'), 'giu'), '(domain)').slice(0, MAX_QUOTED)
}

/** `condition (text)` as the remote said it. */
export const saidBecause = (ctx: S2sOutContext, condition: string, text: string): string =>
  quoted(ctx, text === '' ? condition : `${condition} (${text})`)

/** The remote's own `<stream:error/>`. */
export function peerFailure(ctx: S2sOutContext, error: StreamError): Failure {
  const bounce = UNKNOWN_THERE.includes(error.condition) ? 'remote-server-not-found' : 'remote-server-timeout'
  const text = `The remote server closed the stream: ${saidBecause(ctx, error.condition, error.text)}`
  return failure('stream', 'peer', error.condition, text, bounce)
}
