import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Where the story is told: plain lines, with colours only on a terminal that wants them (NO_COLOR, no-color.org). */
export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #colours: boolean
  readonly #startedMono = performance.now()

  constructor(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
    this.#out = out
    this.#colours = out.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  }

  get seconds(): number {
    return (performance.now() - this.#startedMono) / 1000
  }

  #paint(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text
  }

  line(text = ''): void {
    this.#out.write(`${text}\n`)
  }

  heading(text: string): void {
    this.line()
    this.line(this.#paint('bold', text))
    this.line(this.#paint('dim', '-'.repeat(text.length)))
  }

  /** Why something is as it is: the reader may skip it. */
  aside(text: string): void {
    this.line(this.#paint('dim', `         ${text}`))
  }

  /** Something that happened just now. */
  event(text: string): void {
    this.line(`${this.#paint('dim', `${this.seconds.toFixed(2).padStart(6)} s`)} ${text}`)
  }

  /** What is known about the event above. */
  fact(label: string, text: string): void {
    this.line(`           ${this.#paint('cyan', label.padEnd(12))} ${text}`)
  }

  good(text: string): void {
    this.event(this.#paint('green', text))
  }

  bad(text: string): void {
    this.event(this.#paint('yellow', text))
  }

  error(text: string): void {
    this.line(this.#paint('red', text))
  }
}
