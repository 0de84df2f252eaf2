import type { Socket } from 'node:net'
import type { Effect, Input, Step, TlsFacts } from '../protocol/step.ts'
import type { Element } from '../xmpp/element.ts'
import type { StreamCondition } from '../xmpp/errors.ts'
import { type Budget, Framer, type StreamHeader } from '../xmpp/framer.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import type { Clock, Disposable } from './clock.ts'
import type { Outbox } from './outbox.ts'
import type { Tap } from './tap.ts'
import { type TlsSetup, Wire } from './wire.ts'

/** Whom a driver works for: it serves questions, hears events and takes the stanzas once the machine is ready. */
export interface Port<A, Q, E> {
  /** May answer at once or later; an answer after the end is dropped. */
  ask(question: Q, answer: (a: A) => void): void
  tell(event: E): void
  stanza(stanza: Stanza): void
  /** How to do TLS now; asked when the machine says `start-tls`. */
  tls(): TlsSetup
  /** The wire has room again after it was congested. */
  drained(): void
  /** The machine has said its last word: nothing may be written any more, and what still arrives counts for nothing. */
  finishing?(): void
  /** Code of ours threw: a bug. The stream is ended. */
  bug(error: unknown): void
  /** All is over: the socket is gone. The last call. */
  closed(why: string): void
}

/** How long a peer may take for what it must do for us. */
export interface Patience {
  /** For the TLS handshake. */
  readonly tlsHandshakeMs: number
  /** To read anything of what waits for it. */
  readonly sendMs: number
  /** To end its stream after we have said our last word (RFC 6120 §4.4). */
  readonly closeMs: number
}

/** Runs one machine over one wire. The only code that knows both; it takes no decision of its own. */
export class Driver<S, A, Q, E> {
  readonly wire: Wire
  /** Sees what is said; most of the time there is none, and it costs nothing. */
  tap: Tap | undefined
  readonly #step: Step<S, A, Q, E>
  readonly #port: Port<A, Q, E>
  readonly #clock: Clock
  readonly #patience: Patience
  readonly #framer: Framer
  readonly #timers = new Map<string, Disposable>()
  readonly #inputs: Input<A>[] = []
  #state: S
  #feeding = false
  #ready = false
  #holds = 0
  #paused = false
  #finishing = false
  #peerEnded = false
  #over = false
  #tlsRunning = false
  #reads = 0

  constructor(
    socket: Socket,
    setup: {
      step: Step<S, A, Q, E>
      state: S
      port: Port<A, Q, E>
      clock: Clock
      outbox: Outbox
      budget: Budget
      patience: Patience
    },
  ) {
    this.#step = setup.step
    this.#state = setup.state
    this.#port = setup.port
    this.#clock = setup.clock
    this.#patience = setup.patience
    this.#framer = new Framer(
      {
        header: (header: StreamHeader) => {
          this.tap?.saw('in', header)
          this.feed({ on: 'header', header })
        },
        stanza: (stanza: Stanza) => {
          this.tap?.saw('in', stanza)
          if (this.#ready) this.#port.stanza(stanza)
          else this.feed({ on: 'stanza', stanza })
        },
        element: (element: Element) => {
          this.tap?.saw('in', element)
          this.feed({ on: 'element', element })
        },
        end: () => this.#peerEnd(),
        fault: (condition: StreamCondition, text: string, extra?: Element) => this.#fault(condition, text, extra),
      },
      setup.budget,
    )
    this.wire = new Wire(socket, setup.outbox, {
      data: (chunk) => this.#received(chunk),
      ended: () => this.#guard(() => this.#peerGone()),
      lost: (why) => this.#lost(why),
      blocked: () => this.#watchSending(),
      drained: () => this.#guard(() => this.#port.drained()),
    })
  }

  get state(): S {
    return this.#state
  }

  /** How often something was read. */
  get reads(): number {
    return this.#reads
  }

  #received(chunk: Uint8Array): void {
    this.#reads++
    try {
      this.#framer.push(chunk)
    } catch (error) {
      this.#bug(error)
    }
  }

  /** For what comes from outside: an exception of ours ends this stream, not the process. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#bug(error)
    }
  }

  #bug(error: unknown): void {
    this.#port.bug(error)
    this.#inputs.length = 0
    this.#framer.stop() // who knows where in a stanza it was
    this.#peerEnded = true
    try {
      this.feed({ on: 'close', condition: 'internal-server-error' })
    } catch {
      this.wire.destroy('internal error')
    }
  }

  /** A peer that reads nothing for too long is given up, so that nobody waits for it for ever. */
  #watchSending(): void {
    if (this.#over || this.#timers.has('#send')) return
    const before = this.wire.drains
    this.#timer('#send', this.#patience.sendMs, () => {
      if (!this.wire.isBlocked) return
      if (this.wire.drains === before) this.#fail('socket', 'the other side does not read what it is sent')
      else this.#watchSending()
    })
  }

  /** Gives the machine an input. Inputs that come up while effects run wait their turn. */
  feed(input: Input<A>): void {
    if (this.#over) return
    this.#inputs.push(input)
    if (this.#feeding) return
    this.#feeding = true
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const { state, effects } = this.#step(this.#state, next)
        this.#state = state // settle first: an effect may bring the next input
        for (const effect of effects) this.#run(effect)
      }
    } finally {
      this.#feeding = false
    }
  }

  /** Stops reading, for back-pressure: the owner's own wish, beside what the machine holds. */
  pause(): void {
    this.#paused = true
    this.#pauseReading()
  }

  resume(): void {
    this.#paused = false
    this.#resumeReading()
  }

  /** Begins. `direct`: with TLS from the first byte (XEP-0368), so that `secured` comes before `open`. */
  open(direct: boolean): void {
    if (direct) this.#startTls(() => this.feed({ on: 'open' }))
    else this.feed({ on: 'open' })
  }

  #run(effect: Effect<Q, E>): void {
    if (this.#over) return
    switch (effect.do) {
      case 'send':
        this.tap?.saw('out', effect.xml)
        this.wire.text(effect.xml)
        return
      case 'tell':
        this.#port.tell(effect.event)
        return
      case 'ask':
        this.#ask(effect.id, effect.question, effect.hold)
        return
      case 'start-tls':
        this.#startTls()
        return
      case 'restart':
        this.#framer.restart()
        return
      case 'budget':
        this.#framer.setBudget(effect.budget)
        return
      case 'timer':
        this.#timer(effect.name, effect.delayMs, () => this.feed({ on: 'timer', name: effect.name }))
        return
      case 'timer-off':
        this.#timers.get(effect.name)?.dispose()
        this.#timers.delete(effect.name)
        return
      case 'ready':
        this.#ready = true
        return
      case 'finish':
        this.#finish()
        return
      case 'destroy':
        this.wire.flush()
        this.wire.destroy()
        return
      default:
        effect satisfies never
    }
  }

  #ask(id: number, question: Q, hold: boolean): void {
    if (hold) this.#hold()
    let answered = false
    this.#port.ask(question, (answer) => {
      if (answered || this.#over) return
      answered = true
      this.#guard(() => this.feed({ on: 'answer', id, answer }))
      if (hold) this.#guard(() => this.#release())
    })
  }

  #startTls(then?: () => void): void {
    if (this.#framer.unread > 0) {
      this.#fail('tls', 'data arrived between the STARTTLS answer and the handshake')
      return
    }
    this.#hold()
    this.#timer('#tls', this.#patience.tlsHandshakeMs, () => this.#fail('tls', 'the TLS handshake took too long'))
    this.#framer.restart()
    this.#tlsRunning = true
    this.wire.startTls(this.#port.tls(), (tls) => this.#guard(() => this.#secured(tls, then)))
  }

  #secured(tls: TlsFacts, then: (() => void) | undefined): void {
    this.#tlsRunning = false
    this.tap?.note(`encrypted with ${tls.version} ${tls.cipher}`)
    this.#timers.get('#tls')?.dispose()
    this.#timers.delete('#tls')
    this.feed({ on: 'secured', tls })
    then?.()
    this.#release()
  }

  #hold(): void {
    this.#holds++
    this.#pauseReading()
  }

  #release(): void {
    this.#holds--
    this.#resumeReading()
  }

  #pauseReading(): void {
    this.#framer.pause()
    if (!this.#tlsRunning) this.wire.pause()
  }

  #resumeReading(): void {
    if (this.#holds > 0 || this.#paused || this.#over) return
    this.#framer.resume()
    // what was kept may have asked for a pause again
    if (this.#holds === 0 && !this.#paused && !this.#over) this.wire.resume()
  }

  #timer(name: string, delayMs: number, run: () => void): void {
    this.#timers.get(name)?.dispose()
    this.#timers.set(
      name,
      this.#clock.after(delayMs, () => {
        this.#timers.delete(name)
        this.#guard(run)
      }),
    )
  }

  /** The peer's `</stream:stream>`: whatever the machine makes of it, a stream that we have ended is over now. */
  #peerEnd(): void {
    this.#peerEnded = true
    this.tap?.saw('in', '</stream:stream>')
    this.feed({ on: 'peer-end' })
    if (this.#finishing && !this.#over) this.wire.end()
  }

  /** Nothing more can be read: the peer's end of stream would not be seen, so it is not waited for. */
  #fault(condition: StreamCondition, text: string, extra: Element | undefined): void {
    this.#peerEnded = true
    this.feed({ on: 'fault', condition, text, extra })
    if (this.#finishing && !this.#over) this.wire.end()
  }

  /** FIN without `</stream:stream>`. */
  #peerGone(): void {
    if (this.#finishing || this.#peerEnded) this.wire.end()
    else this.#fail('socket', 'the other side closed the connection without ending the stream')
  }

  #finish(): void {
    if (this.#finishing) return
    this.#finishing = true
    this.#port.finishing?.()
    if (this.#peerEnded) {
      this.wire.end()
    } else {
      this.wire.flush()
    }
    this.#timer('#close', this.#patience.closeMs, () => this.wire.destroy('the other side did not close the stream'))
    // the owner may have stopped reading; the end of the stream must be seen
    this.#paused = false
    this.#resumeReading()
  }

  #fail(stage: 'tls' | 'socket', why: string): void {
    if (!this.#finishing) this.feed({ on: 'lost', stage, why })
    this.wire.destroy(why)
  }

  #lost(why: string): void {
    if (this.#over) return
    if (!this.#finishing) this.#guard(() => this.feed({ on: 'lost', stage: this.#tlsRunning ? 'tls' : 'socket', why }))
    this.#over = true
    for (const timer of this.#timers.values()) timer.dispose()
    this.#timers.clear()
    this.#framer.stop()
    try {
      this.#port.closed(why)
    } catch (error) {
      this.#port.bug(error)
    }
  }
}
