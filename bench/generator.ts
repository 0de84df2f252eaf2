import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { AnswerMessage, OrderMessage, Orders } from './load/orders.ts'

type Order<K extends keyof Orders> = Parameters<Orders[K]> extends [infer O] ? O : undefined
type Result<K extends keyof Orders> = Awaited<ReturnType<Orders[K]>>
interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

/** A generator process, seen from the bench. */
export class GeneratorProcess {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'load', 'main.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (answer: AnswerMessage) => {
      const waiting = this.#waiting.get(answer.number)
      this.#waiting.delete(answer.number)
      if ('error' in answer) waiting?.reject(new Error(answer.error))
      else waiting?.resolve(answer.result)
    })
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the generator process ended'))
      this.#waiting.clear()
    })
  }

  ask<K extends keyof Orders>(name: K, order: Order<K>): Promise<Result<K>> {
    const number = ++this.#last
    return new Promise<Result<K>>((resolve, reject) => {
      // the generator answers each order with the result that Orders names
      this.#waiting.set(number, { resolve: resolve as (result: unknown) => void, reject })
      this.#child.send({ number, name, order } satisfies OrderMessage)
    })
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.disconnect()
    await ended
  }
}
