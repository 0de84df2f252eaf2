import type { Node, Statement } from 'luaparse'
import luaparse from 'luaparse'
import { Fault, type Position } from './problem.ts'

/** More than any configuration; what is larger was not meant (a log, a database). */
export const MAX_FILE_BYTES = 4 * 1024 * 1024

/** One configuration file: its bytes, one character each, with every line end as `\n` (as Lua reads it). */
export class Source {
  readonly file: string
  readonly text: string
  #lines: readonly string[] | undefined

  constructor(file: string, bytes: Uint8Array) {
    this.file = file
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
    this.text = whole.replace(/^\xef\xbb\xbf/, '').replace(/\r\n?/g, '\n')
  }

  /** The place of a byte: `line` starts at 1, `byteColumn` at 0. */
  position(line: number, byteColumn: number): Position {
    const before = this.line(line).slice(0, byteColumn)
    return { file: this.file, line, column: Buffer.from(before, 'latin1').toString('utf8').length + 1 }
  }

  at(node: Node): Position {
    return node.loc === undefined ? this.position(1, 0) : this.position(node.loc.start.line, node.loc.start.column)
  }

  /** Where the first word of a line stands. */
  startOfLine(line: number): Position {
    return this.position(line, /^\s*/.exec(this.line(line))?.[0].length ?? 0)
  }

  line(line: number): string {
    this.#lines ??= this.text.split('\n')
    return this.#lines[line - 1] ?? ''
  }

  /** @throws {Fault} when the text is not Lua. */
  parse(): readonly Statement[] {
    try {
      return luaparse.parse(this.text, {
        comments: false,
        locations: true,
        ranges: true,
        luaVersion: '5.3',
        encodingMode: 'pseudo-latin1',
      }).body
    } catch (error) {
      throw this.#syntaxFault(error)
    }
  }

  /** The place of a byte of the whole text. */
  #place(index: number): Position {
    const before = this.text.slice(0, index)
    return this.position(before.split('\n').length, before.length - before.lastIndexOf('\n') - 1)
  }

  #firstWord(): Position {
    const line = this.text.slice(0, /\S/.exec(this.text)?.index ?? 0).split('\n').length
    return this.startOfLine(line)
  }

  #syntaxFault(error: unknown): Fault {
    if (error instanceof RangeError) return new Fault(this.position(1, 0), 'this file is nested too deeply to be read')
    // luaparse trips over itself when the very first character is one that Lua does not know
    if (error instanceof TypeError) return new Fault(this.#firstWord(), 'syntax error: unexpected character')
    if (!(error instanceof SyntaxError)) throw error
    // luaparse adds the offset to the SyntaxError that it throws; its line and column start at 0 or at 1, as it happens
    const { index = 0 } = error as { index?: number }
    const strange = NOT_LUA.exec(this.text.slice(index, index + 4))?.[0]
    if (strange !== undefined && error.message.includes('unexpected symbol')) {
      return new Fault(this.#place(index), `syntax error: unexpected character ${plain(strange)}; text must be in quotes`)
    }
    const message = error.message.replace(/^\[\d+:\d+\] /, '')
    return new Fault(this.#place(index), `syntax error: ${plain(message)}${hint(message)}`)
  }
}

/** A character that has no meaning outside of quotes; one that is not ASCII with all its bytes. */
const NOT_LUA = /^(?:[\x00-\x1f!@$?`\\\x7f]|[^\x00-\x7f][\x80-\xbf]*)/

/** A parser's message quotes the source: bytes become text again. */
function plain(message: string): string {
  const text = Buffer.from(message, 'latin1').toString('utf8').replaceAll("'<eof>'", 'the end of the file')
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function hint(message: string): string {
  if (message.startsWith("'}' expected near")) return '; is a comma or semicolon missing before it?'
  if (message.startsWith('unfinished string')) return '; the closing quote is missing on this line'
  if (message.startsWith('unfinished long')) return '; the closing bracket is missing'
  if (message.startsWith('unexpected symbol')) return '; an option is written as name = value'
  return ''
}
