import { basename, dirname, join, resolve } from 'node:path'
import type { Disk } from './disk.ts'
import { Document } from './document.ts'
import { Evaluator } from './evaluate.ts'
import { type Environment, Language, reason, type Surroundings } from './language.ts'
import type { LuaMachine } from './lua-machine.ts'
import { needsLua } from './needs-lua.ts'
import { Fault, type Position, Problems } from './problem.ts'
import { MAX_FILE_BYTES, Source } from './source.ts'

const MAX_DEPTH = 16
const MAX_FILES = 1000

/** Thrown when a file needs the Lua machine and the caller has not loaded it yet. */
export class NeedsLuaMachine extends Error {}

/** Reads a configuration file and all that it includes into one {@link Document}. */
export class Reader implements Surroundings {
  readonly problems = new Problems()
  readonly document: Document
  readonly disk: Disk
  readonly env: Environment
  /** Every file that was opened, in order. */
  readonly files: string[] = []
  /** A file could not be read to its end: what seems to be missing may stand there. */
  incomplete = false
  readonly #machine: LuaMachine | undefined
  readonly #open: string[] = []

  constructor(main: string, disk: Disk, env: Environment, machine: LuaMachine | undefined) {
    this.disk = disk
    this.env = env
    this.#machine = machine
    this.document = new Document(main, this.problems)
  }

  /** @throws {NeedsLuaMachine} when a file is more than settings and no machine was given. */
  read(path: string, from?: Position): void {
    const whole = resolve(path)
    const at = from ?? { file: path, line: 1, column: 1 }
    const refused = this.#refusal(path, whole)
    if (refused !== undefined) this.problems.error(at, refused)
    const source = refused === undefined ? this.#load(path, at) : undefined
    if (source === undefined) {
      this.incomplete = true
      return
    }
    this.files.push(path)
    this.#open.push(whole)
    try {
      this.#run(source)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.incomplete = true
      this.problems.error(error.at, error.message)
    } finally {
      this.#open.pop()
    }
  }

  include(pattern: string, from: string, at: Position): void {
    const path = pattern.startsWith('/') ? pattern : join(dirname(from), pattern)
    const folder = dirname(path)
    if (!/[*?]/.test(path)) this.read(path, at)
    else if (/[*?]/.test(folder)) this.problems.error(at, 'Include takes * and ? in the last part of the path only')
    else {
      const match = globPattern(basename(path))
      for (const name of this.#list(folder, at)) if (!name.startsWith('.') && match(name)) this.read(join(folder, name), at)
    }
  }

  #refusal(path: string, whole: string): string | undefined {
    if (this.#open.includes(whole)) return `${path} includes itself`
    if (this.#open.length >= MAX_DEPTH) return `more than ${MAX_DEPTH} files include one another`
    return this.files.length >= MAX_FILES ? `more than ${MAX_FILES} files are included` : undefined
  }

  #list(folder: string, at: Position): readonly string[] {
    try {
      return this.disk.listFolder(folder).toSorted()
    } catch (error) {
      this.problems.warn(at, `nothing is included: the folder ${folder} cannot be read: ${reason(error)}`)
      return []
    }
  }

  #load(path: string, at: Position): Source | undefined {
    try {
      const bytes = this.disk.readFile(path)
      if (bytes.length <= MAX_FILE_BYTES) return new Source(path, bytes)
      this.problems.error(at, `${path} is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB, which no configuration is`)
    } catch (error) {
      this.problems.error(at, `${path} cannot be read: ${reason(error)}`)
    }
    return undefined
  }

  #run(source: Source): void {
    const body = source.parse()
    const language = new Language(source.file, this)
    if (!deep(() => needsLua(body))) {
      new Evaluator(source, language, this.problems).run(body)
      return
    }
    if (this.#machine === undefined) throw new NeedsLuaMachine()
    this.#machine.run(source, body, language, this)
  }
}

/** What is nested so deeply that even this look overflows is told by the evaluator, statement by statement. */
function deep(look: () => boolean): boolean {
  try {
    return look()
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** A matcher for `*` (any text) and `?` (one character); linear in the name, whatever the pattern. */
export function globPattern(glob: string): (name: string) => boolean {
  return (name) => {
    let [g, n, star, mark] = [0, 0, -1, 0]
    while (n < name.length) {
      if (glob[g] === '*') [star, mark] = [g++, n]
      else if (glob[g] === '?' || glob[g] === name[n]) [g, n] = [g + 1, n + 1]
      else if (star !== -1) [g, n] = [star + 1, ++mark]
      else return false
    }
    while (glob[g] === '*') g++
    return g === glob.length
  }
}
