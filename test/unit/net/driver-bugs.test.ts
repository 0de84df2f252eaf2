import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../../src/net/clock.ts'
import { Driver, type Port } from '../../../src/net/driver.ts'
import { Outbox } from '../../../src/net/outbox.ts'
import type { Effect, Step } from '../../../src/protocol/step.ts'
import { authenticatedBudget } from '../../../src/xmpp/framer.ts'

type Answer = 'answer'
type Question = 'question'

/** Opens at once; asks at each element; says goodbye when told to close. */
const machine: Step<'open' | 'closed', Answer, Question, string> = (state, input) => {
  const effects: Effect<Question, string>[] = []
  if (input.on === 'open') effects.push({ do: 'ready' })
  if (input.on === 'element') effects.push({ do: 'ask', id: 1, question: 'question', hold: true })
  if (input.on === 'answer') effects.push({ do: 'tell', event: 'answered' })
  if (input.on === 'timer') effects.push({ do: 'tell', event: 'timer' })
  if (input.on === 'header') effects.push({ do: 'timer', name: 'now', delayMs: 1 })
  if (input.on === 'close' && state === 'open') {
    effects.push({ do: 'send', xml: `<${input.condition}/>` }, { do: 'finish' })
    return { state: 'closed', effects }
  }
  return { state, effects }
}

/** Throws where it is told to. */
class FaultyPort implements Port<Answer, Question, string> {
  readonly bugs: unknown[] = []
  readonly over = Promise.withResolvers<string>()
  readonly #where: string

  constructor(where: string) {
    this.#where = where
  }

  #at(where: string): void {
    if (where === this.#where) throw new TypeError(where)
  }

  ask(_: Question, answer: (a: Answer) => void): void {
    this.#at('ask')
    setImmediate(() => answer('answer'))
  }

  tell(event: string): void {
    this.#at(event)
  }

  stanza(): void {
    this.#at('stanza')
  }

  tls(): never {
    throw new Error('not asked here')
  }

  drained(): void {}

  bug(error: unknown): void {
    this.bugs.push(error)
  }

  closed(why: string): void {
    this.over.resolve(why)
    this.#at('closed')
  }
}

const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

describe('code of ours that throws', () => {
  const server = createServer({ allowHalfOpen: true })
  let port = 0
  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as { port: number }).port
  })
  after(() => void server.close())

  for (const [where, xml] of [
    ['stanza', `${HEADER}<message/>`],
    ['ask', `${HEADER}<x xmlns='y'/>`],
    ['answered', `${HEADER}<x xmlns='y'/>`],
    ['timer', HEADER],
    ['closed', `${HEADER}</stream:stream>`],
  ] as const) {
    test(`in ${where} ends this stream with internal-server-error and is told once`, async () => {
      const faulty = new FaultyPort(where)
      const client = connect(port, '127.0.0.1')
      const [socket] = (await once(server, 'connection')) as [Socket]
      const driver = new Driver(socket, {
        step: machine,
        state: 'open' as 'open' | 'closed',
        port: faulty,
        clock: systemClock,
        outbox: new Outbox(),
        budget: authenticatedBudget(10_000),
        patience: { tlsHandshakeMs: 1000, sendMs: 1000, closeMs: 1000 },
      })
      driver.open(false)
      let heard = ''
      client.setEncoding('utf8').on('data', (text: string) => {
        heard += text
        client.end()
      })
      client.write(xml)
      if (where === 'closed') client.end()
      await faulty.over.promise
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(
        faulty.bugs.map((bug) => (bug instanceof TypeError ? bug.message : bug)),
        [where],
      )
      assert.equal(heard, where === 'closed' ? '' : '<internal-server-error/>')
      client.destroy()
    })
  }
})
