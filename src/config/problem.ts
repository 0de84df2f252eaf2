/** A place in a configuration file; line and column start at 1, the column counts characters. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** `error`: the server does not start. `warning`: something written has no effect. `notice`: worth knowing. */
export type Severity = 'error' | 'warning' | 'notice'

export interface Problem extends Position {
  readonly severity: Severity
  /** What is wrong and what to do about it, one sentence or two. */
  readonly message: string
}

/** `file:line:column`, the form that editors and terminals turn into a link. */
export function formatPosition(at: Position): string {
  return `${at.file}:${at.line}:${at.column}`
}

export function formatProblem(problem: Problem): string {
  return `${formatPosition(problem)}: ${problem.severity}: ${problem.message}`
}

/** Where every part of the reader puts what it finds, so that all of it is told at once. */
export class Problems {
  readonly #found: Problem[] = []

  error(at: Position, message: string): void {
    this.#add('error', at, message)
  }

  warn(at: Position, message: string): void {
    this.#add('warning', at, message)
  }

  notice(at: Position, message: string): void {
    this.#add('notice', at, message)
  }

  /** In reading order: files as they were opened, then line and column. The same finding at the same place is told once. */
  sorted(files: readonly string[]): readonly Problem[] {
    const rank = new Map(files.map((file, i) => [file, i]))
    const of = (p: Problem): number => rank.get(p.file) ?? files.length
    const seen = new Set<string>()
    return this.#found
      .toSorted((a, b) => of(a) - of(b) || a.line - b.line || a.column - b.column)
      .filter((p) => {
        const text = formatProblem(p)
        return seen.has(text) ? false : seen.add(text)
      })
  }

  #add(severity: Severity, at: Position, message: string): void {
    this.#found.push({ severity, file: at.file, line: at.line, column: at.column, message: printable(message) })
  }
}

/** Messages quote the file and go to terminals and logs: control characters become `\\xNN`. */
function printable(message: string): string {
  return message.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Stops the statement it is thrown in; the statement's runner makes a problem of it and goes on with the next one. */
export class Fault extends Error {
  readonly at: Position

  constructor(at: Position, message: string) {
    super(message)
    this.name = 'Fault'
    this.at = at
  }
}
