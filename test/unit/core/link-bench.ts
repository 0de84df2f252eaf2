import { type LinkEvents, type LinkFailure, Links, type RemoteStream } from '../../../src/core/links.ts'
import { createLog } from '../../../src/obs/log.ts'
import { jid } from '../../../src/xmpp/jid.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

export const REFUSED: LinkFailure = {
  stage: 'connect',
  condition: 'remote-server-timeout',
  text: 'no connection: connection refused',
  places: 'one',
}
export const EXPIRED: LinkFailure = { stage: 'certificate', condition: 'remote-server-timeout', text: 'expired', places: 'one' }

/** One attempt of a link, to be ended by the test. */
export interface Attempt extends LinkEvents {
  readonly local: string
  readonly atMs: number
}

/** A stream that keeps the ids of what it is given. */
export class Stream implements RemoteStream {
  readonly written: string[] = []
  isCongested = false
  write(stanza: Stanza): void {
    this.written.push(stanza.id!)
  }
}

/** Links on a clock that stands still, over a connector whose attempts the test ends. */
export class LinkBench {
  readonly clock = new FakeClock()
  readonly attempts: Attempt[] = []
  /** `id condition: text` of every stanza that went back. */
  readonly back: string[] = []
  readonly links: Links
  /** What DNS says. */
  places: string | Promise<string> = 'one'
  looks = 0
  bounds = { stanzas: 5000, bytes: 10_000_000, ageMs: 120_000 }
  #ids = 0

  /** @param random 1: the longest delays */
  constructor(random = 1) {
    this.links = new Links({
      connector: {
        connect: (local, _remote, events) => void this.attempts.push({ ...events, local, atMs: this.clock.mono() }),
        places: () => {
          this.looks++
          return Promise.resolve(this.places)
        },
      },
      clock: this.clock,
      random: () => random,
      log: createLog([]),
      bounds: () => this.bounds,
      lost: () => {},
      bounced: () => {},
      answer: (stanza) => {
        const error = stanza.child('error')!
        this.back.push(`${stanza.id} ${error.children[0]!.name}: ${error.children[1]?.text}`)
      },
    })
  }

  send(from = 'romeo@a.example', to = 'juliet@b.example'): string {
    const id = `m${this.#ids++}`
    this.links.send(Stanza.of('message', { from: jid(from), to: jid(to), id }), undefined)
    return id
  }

  /** The last attempt. */
  get attempt(): Attempt {
    return this.attempts.at(-1)!
  }

  /** Sends, and lets the attempt that it causes fail, as often as told. */
  async failures(count: number, failure = REFUSED): Promise<void> {
    for (let i = 0; i < count; i++) {
      const before = this.attempts.length
      await this.clock.advance(600_000)
      this.send()
      if (this.attempts.length !== before + 1) throw new Error('no attempt')
      this.attempt.failed(failure)
    }
    this.back.length = 0
  }

  get state(): string {
    return this.links
      .list()
      .map(({ local, remote, state, queued }) => `${local} ${remote} ${state} ${queued}`)
      .join(', ')
  }
}
