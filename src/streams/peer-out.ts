import type { RemoteStream } from '../core/links.ts'
import type { Driver, Port } from '../net/driver.ts'
import type { Endpoint } from '../net/endpoints.ts'
import type { TlsSetup } from '../net/wire.ts'
import type { CertificateAnswer, CertificateQuestion, CertificateVerdict, KeyVerdict } from '../protocol/s2s.ts'
import type { Failure, S2sOutEvent, S2sOutState } from '../protocol/s2s-out.ts'
import type { StreamCondition } from '../xmpp/errors.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Proof, Recheck } from './peer-in.ts'
import type { TlsProvider } from './tls.ts'

/** How one attempt on one connection ends or goes on. `verified`, and `failed` or `ended`, at most once; `closed` is the last. */
export interface PeerOutOwner {
  ready(stream: PeerOut, via: 'external' | 'dialback', certificate: CertificateVerdict): void
  verified(verdict: KeyVerdict): void
  failed(failure: Failure): void
  /** We have ended the stream ourselves. */
  ended(why: string): void
  unsolicited(from: string, to: string): void
  drained(): void
  bug(error: unknown): void
  closed(why: string): void
}

export type PeerOutDriver = Driver<S2sOutState, CertificateAnswer, CertificateQuestion, S2sOutEvent>

/** A stream that we opened, for one pair of domains. */
export class PeerOut implements RemoteStream, Port<CertificateAnswer, CertificateQuestion, S2sOutEvent> {
  readonly id: string
  readonly local: string
  readonly remote: string
  readonly #tls: TlsProvider
  readonly #endpoint: Endpoint
  readonly #owner: PeerOutOwner
  #driver!: PeerOutDriver // set by `drive`, right after construction
  #proof: Proof | undefined

  constructor(id: string, local: string, remote: string, how: { tls: TlsProvider; endpoint: Endpoint }, owner: PeerOutOwner) {
    this.id = id
    this.local = local
    this.remote = remote
    this.#tls = how.tls
    this.#endpoint = how.endpoint
    this.#owner = owner
  }

  drive(driver: PeerOutDriver): void {
    this.#driver = driver
  }

  get tlsVersion(): string {
    return this.#driver.wire.tls?.version ?? 'none'
  }

  write(stanza: Stanza): void {
    stanza.writeTo(this.#driver.wire)
  }

  get isCongested(): boolean {
    return this.#driver.wire.isCongested
  }

  close(condition?: StreamCondition, text?: string): void {
    this.#driver.feed({ on: 'close', condition, text })
    this.#owner.ended(text ?? 'ended here')
  }

  destroy(): void {
    this.#driver.wire.destroy()
  }

  ask(question: CertificateQuestion, answer: (a: CertificateAnswer) => void): void {
    const shown = { ...question, direction: 'out', endpoint: this.#endpoint } as const
    void this.#tls.judge(shown).then(
      (certificate) => answer({ certificate }),
      (error: unknown) => {
        this.bug(error)
        answer({ certificate: 'unvalidated' })
      },
    )
  }

  tell(event: S2sOutEvent): void {
    switch (event.event) {
      case 'ready':
        this.#proof = { via: event.via, encrypted: this.#driver.wire.tls !== undefined, certificate: event.certificate }
        this.#owner.ready(this, event.via, event.certificate)
        return
      case 'verified':
        this.#owner.verified(event.verdict)
        return
      case 'failed':
        this.#owner.failed(event.failure)
        return
      case 'unsolicited':
        this.#owner.unsolicited(event.from ?? '', event.to ?? '')
        return
      case 'certificate':
        return
      default:
        event satisfies never
    }
  }

  /** After a reload. */
  recheck(judge: Recheck): void {
    if (this.#proof === undefined) return // what is not ready yet asks the new policy by itself
    const refusal = judge('out', this.local, this.remote, this.#proof)
    if (refusal !== undefined) this.close(refusal.condition, refusal.text)
  }

  /** Without bidi nothing may come this way (RFC 6120 §4.5). */
  stanza(): void {
    this.close('not-authorized', 'this stream is for our stanzas only; open one of your own')
  }

  tls(): TlsSetup {
    return this.#tls.dialServer(this.local, this.remote)
  }

  drained(): void {
    this.#owner.drained()
  }

  bug(error: unknown): void {
    this.#owner.bug(error)
  }

  closed(why: string): void {
    this.#owner.closed(why)
  }
}
