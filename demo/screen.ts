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
    for (const part of wrapped(text, COLUMNS)) this.line(this.#paint('dim', part))
  }

  /** Something that happened just now. */
  event(text: string, style?: Style): void {
    const [first = '', ...rest] = wrapped(text, COLUMNS - 9)
    this.line(`${this.#paint('dim', `${this.seconds.toFixed(2).padStart(6)} s`)} ${style ? this.#paint(style, first) : first}`)
    for (const part of rest) this.line(`         ${style ? this.#paint(style, part) : part}`)
  }

  /** What is known about the event above. */
  fact(label: string, text: string): void {
    this.#labelled(' '.repeat(9), `  ${label}`.padEnd(19), text)
  }

  /** A line of a list. */
  item(label: string, text: string): void {
    this.#labelled('  ', label.padEnd(17), text)
  }

  good(text: string): void {
    this.event(text, 'green')
  }

  bad(text: string): void {
    this.event(text, 'yellow')
  }

  error(text: string): void {
    this.line(this.#paint('red', text))
  }

  #labelled(indent: string, label: string, text: string): void {
    const width = COLUMNS - indent.length - label.length
    for (const [index, part] of wrapped(text, width).entries()) {
      this.line(`${indent}${index === 0 ? this.#paint('cyan', label) : ' '.repeat(label.length)}${part}`)
    }
  }
}

/** The narrowest terminal that everybody has. */
const COLUMNS = 80

function wrapped(text: string, width: number): readonly string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const longer = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`
    if (longer.length <= width || lines.at(-1) === '') lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}
