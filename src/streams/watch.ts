import { parseCertificate } from '../net/x509.ts'
import type { Recheck } from './peer-in.ts'

/** What a look at every stream, once a second, needs to know. */
export interface Look {
  readonly nowMono: number
  /** Wall clock. */
  readonly now: number
  /** `s2s_idle_timeout`; 0: never. */
  readonly idleMs: number
  /** `network_settings.read_timeout`: after so much silence the peer has to show that it is there. */
  readonly silenceMs: number
  readonly recheck: Recheck
}

/**
 * How long a stream has carried nothing and heard nothing, and until when the certificate holds on which it rests. Found
 * out from counts that the stream has anyway: nothing is done for each stanza.
 */
export class Watch {
  #carried = 0
  #reads = 0
  #usedAt: number
  #heardAt: number
  #endsAt = Number.POSITIVE_INFINITY

  constructor(nowMono: number) {
    this.#usedAt = nowMono
    this.#heardAt = nowMono
  }

  /** @param carried stanzas both ways; @param reads how often something was read */
  look(nowMono: number, carried: number, reads: number): void {
    if (carried !== this.#carried) this.#usedAt = nowMono
    if (reads !== this.#reads) this.#heardAt = nowMono
    this.#carried = carried
    this.#reads = reads
  }

  isIdle({ nowMono, idleMs }: Look): boolean {
    return idleMs > 0 && nowMono - this.#usedAt > idleMs
  }

  /** Time for a sign of life? At most once in each silence that is too long. */
  isSilent({ nowMono, silenceMs }: Look): boolean {
    if (nowMono - this.#heardAt <= silenceMs) return false
    this.#heardAt = nowMono
    return true
  }

  /** The stream rests on this chain (DER). */
  restsOn(chain: readonly Uint8Array[]): void {
    this.#endsAt = Math.min(...chain.map(endOf))
  }

  /** Is the certificate due to be judged again? True once. */
  hasExpired({ now }: Look): boolean {
    if (now < this.#endsAt) return false
    this.#endsAt = Number.POSITIVE_INFINITY
    return true
  }
}

function endOf(der: Uint8Array): number {
  try {
    return parseCertificate(der).notAfterMs
  } catch {
    return Number.POSITIVE_INFINITY // what cannot be read was no part of the proof
  }
}
