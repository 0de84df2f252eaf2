import { createInterface } from 'node:readline'
import { Failure, type Shell, type ShellInput } from './shell.ts'

/**
 * A new password: typed twice on a terminal, unseen; otherwise the first line of standard input.
 *
 * @throws {Failure} when there is none, or the two differ
 */
export async function newPassword(shell: Shell, account: string): Promise<string> {
  const password = shell.input.isTTY ? await typedTwice(shell, account) : await firstLine(shell.input)
  if (password === '') throw new Failure('the password is empty.')
  return password
}

async function typedTwice(shell: Shell, account: string): Promise<string> {
  const password = await typed(shell, `Password of ${account}: `)
  if (password === '') return ''
  if ((await typed(shell, 'The same again: ')) !== password) throw new Failure('the two passwords are not the same.')
  return password
}

/** One line of standard input; on a terminal after a question, seen. */
export async function firstLine(input: ShellInput): Promise<string> {
  const lines = createInterface({ input, terminal: false })
  try {
    for await (const line of lines) return line
    throw new Failure('standard input ended before the answer.')
  } finally {
    lines.close()
  }
}

/** A line that is not shown. Backspace takes a character back, Ctrl-U all; Ctrl-C and Ctrl-D give up. */
async function typed(shell: Shell, question: string): Promise<string> {
  const { input } = shell
  shell.ask(question)
  input.setRawMode?.(true)
  try {
    return await lineOf(input)
  } finally {
    input.setRawMode?.(false)
    shell.err('')
  }
}

function lineOf(input: ShellInput): Promise<string> {
  input.setEncoding('utf8')
  const line = new HiddenLine()
  return new Promise((resolve, reject) => {
    const settle = (how: () => void): void => {
      input.off('data', onData)
      input.off('end', onEnd)
      input.pause()
      how()
    }
    const onData = (chunk: string | Buffer): void => {
      const text = String(chunk)
      const { state, read } = line.type(text)
      if (state === 'open') return
      settle(() => {
        if (read < text.length) input.unshift(text.slice(read)) // pasted: the next question's answer
        if (state === 'entered') resolve(line.text)
        else reject(new Failure('given up; nothing was changed.'))
      })
    }
    const onEnd = (): void => settle(() => reject(new Failure('standard input ended before the answer.')))
    input.on('data', onData)
    input.on('end', onEnd)
    input.resume()
  })
}

/** What was typed so far, by characters. */
class HiddenLine {
  #characters: string[] = []

  get text(): string {
    return this.#characters.join('')
  }

  /** `read`: how much of the text belongs to this line, in UTF-16 units. */
  type(text: string): { readonly state: 'open' | 'entered' | 'given up'; readonly read: number } {
    let read = 0
    for (const key of text) {
      read += key.length
      if (key === '\r' || key === '\n') return { state: 'entered', read }
      if (key === CTRL_C || key === CTRL_D) return { state: 'given up', read }
      if (key === DELETE || key === '\b') this.#characters.pop()
      else if (key === CTRL_U) this.#characters = []
      else if (key >= ' ') this.#characters.push(key)
    }
    return { state: 'open', read }
  }
}

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const CTRL_U = '\u0015'
const DELETE = '\u007f'
