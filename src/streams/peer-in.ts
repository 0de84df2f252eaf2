import type { Router } from '../core/router.ts'
import type { Source } from '../core/source.ts'
import type { Driver, Port } from '../net/driver.ts'
import type { TlsSetup } from '../net/wire.ts'
import type { Events } from '../obs/events.ts'
import type { CertificateVerdict, KeyVerdict } from '../protocol/s2s.ts'
import type { DialbackQuestion, S2sInAnswer, S2sInEvent, S2sInQuestion, S2sInState } from '../protocol/s2s-in.ts'
import type { StreamCondition } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { TlsProvider } from './tls.ts'

/** How a pair of domains came to be allowed on a stream: what a new policy judges again. */
export interface Proof {
  readonly via: 'external' | 'dialback'
  readonly encrypted: boolean
  readonly certificate: CertificateVerdict
}

/** Why a pair may no longer be used; undefined when it may. Without a proof: why there may be no stream at all. */
export type Recheck = (
  direction: 'in' | 'out',
  local: string,
  remote: string,
  proof: Proof | undefined,
) => { readonly condition: StreamCondition; readonly text: string } | undefined

export interface PeerInSetup {
  readonly router: Router
  readonly events: Events
  readonly tls: TlsProvider
  /** Asks the authoritative server of the domain; never over this stream. */
  verify(question: DialbackQuestion): Promise<KeyVerdict>
  forget(stream: PeerIn): void
}

export type PeerInDriver = Driver<S2sInState, S2sInAnswer, S2sInQuestion, S2sInEvent>

/** A stream that a remote server opened: stanzas pass for the pairs of domains that are proven on it, and no others. */
export class PeerIn implements Source, Port<S2sInAnswer, S2sInQuestion, S2sInEvent> {
  readonly id: string
  readonly #setup: PeerInSetup
  /** Our domain -> remote domain that may speak to it here -> how it has proven who it is. */
  readonly #pairs = new Map<string, Map<string, Proof>>()
  #driver!: PeerInDriver // set by `drive`, right after construction
  #host: string | undefined
  #remote = ''
  #lang: string | undefined
  #pauses = 0
  /** The stream ended with an error: what still comes is not looked at. */
  #isDeaf = false

  constructor(id: string, setup: PeerInSetup) {
    this.id = id
    this.#setup = setup
  }

  drive(driver: PeerInDriver): void {
    this.#driver = driver
  }

  pause(): void {
    if (this.#pauses++ === 0) this.#driver.pause()
  }

  resume(): void {
    if (--this.#pauses === 0) this.#driver.resume()
  }

  /** The domains that are proven here, for `status`. */
  get pairs(): readonly { readonly local: string; readonly remote: string }[] {
    return [...this.#pairs].flatMap(([local, remotes]) => [...remotes.keys()].map((remote) => ({ local, remote })))
  }

  /** After a reload: drops the pairs that are refused now, and ends when none is left. */
  recheck(judge: Recheck): void {
    const host = this.#host
    let refusal = host === undefined || this.#pairs.size > 0 ? undefined : judge('in', host, this.#remote, undefined)
    for (const [local, remotes] of this.#pairs) {
      for (const [remote, proof] of remotes) {
        const refused = judge('in', local, remote, proof)
        if (refused === undefined) continue
        refusal = refused
        remotes.delete(remote)
      }
      if (remotes.size === 0) this.#pairs.delete(local)
    }
    if (refusal !== undefined && this.#pairs.size === 0) this.close(refusal.condition, refusal.text)
  }

  close(condition: StreamCondition, text: string): void {
    this.#driver.feed({ on: 'close', condition, text })
  }

  ask(question: S2sInQuestion, answer: (a: S2sInAnswer) => void): void {
    if (question.ask === 'certificate') {
      void this.#setup.tls.judge({ ...question, direction: 'in' }).then(
        (certificate) => answer({ certificate }),
        (error: unknown) => {
          this.bug(error)
          answer({ certificate: 'unvalidated' })
        },
      )
    } else {
      void this.#setup.verify(question).then((dialback) => answer({ dialback }))
    }
  }

  tell(event: S2sInEvent): void {
    const { events } = this.#setup
    switch (event.event) {
      case 'opened':
        this.#host = event.local
        this.#remote = event.remote ?? ''
        this.#lang = event.lang
        return
      case 'authorised': {
        let remotes = this.#pairs.get(event.local)
        if (remotes === undefined) this.#pairs.set(event.local, (remotes = new Map()))
        const { local, remote, via, encrypted, certificate } = event
        remotes.set(remote, { via, encrypted, certificate })
        const tls = this.#driver.wire.tls?.version ?? 'none'
        events.peerAuthenticated({ id: this.id, direction: 'in', local, remote, via, tls, certificate })
        return
      }
      case 'refused':
        events.peerRefused({ id: this.id, direction: 'in', ...pick(event) })
        return
      case 'unsolicited':
        events.peerUnsolicited(this.id, event.from ?? '', event.to ?? '')
        return
      case 'ended':
        // RFC 6120 §4.4: after an end without a fault what comes until the peer's own end still counts
        this.#isDeaf = event.end.condition !== undefined && event.end.condition !== 'system-shutdown'
        events.peerEnded(this.id, 'in', this.#remote, event.end.by, event.end.condition ?? '', event.end.text)
        return
      case 'certificate':
        return
      default:
        event satisfies never
    }
  }

  /** RFC 6120 §8.1.1.2, §8.1.2.2: both addresses are there, ours is ours, and this pair of domains is proven here. */
  stanza(stanza: Stanza): void {
    if (this.#isDeaf) return
    const { to, from } = stanza
    if (to === undefined || from === undefined) {
      this.close('improper-addressing', `a stanza between servers has a valid '${to === undefined ? 'to' : 'from'}'`)
      return
    }
    if (this.#pairs.get(to.domain)?.has(from.domain) === true) {
      // RFC 6120 §4.7.4: what has no language of its own is in the stream's
      const stamped = stanza.lang === undefined && this.#lang !== undefined ? stanza.with({ lang: this.#lang }) : stanza
      this.#setup.router.fromRemote(stamped, this)
      return
    }
    if (!this.#setup.router.isLocal(to)) this.close('host-unknown', `${to.domain} is not served here`)
    else if ([...this.#pairs.values()].some((remotes) => remotes.has(from.domain))) {
      this.close('host-unknown', `this stream is not authenticated for ${to.domain}`)
    } else this.close('invalid-from', `this stream is not authenticated for ${from.domain}`)
  }

  tls(): TlsSetup {
    return this.#setup.tls.acceptServer(this.#host)
  }

  drained(): void {}

  bug(error: unknown): void {
    this.#setup.events.bug(`incoming stream ${this.id}`, error)
  }

  closed(why: string): void {
    this.#pairs.clear()
    this.#setup.events.peerClosed(this.id, 'in', this.#remote, why)
    this.#setup.forget(this)
  }
}

function pick({ local, remote, because, text }: { local: string; remote: string; because: string; text: string }) {
  return { local, remote, because, text }
}
