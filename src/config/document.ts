import { prepareDomain } from '../xmpp/jid.ts'
import { type LuaValue, luaType, toText } from './lua-value.ts'
import { formatPosition, type Position, type Problems } from './problem.ts'

/** One `name = value`, as written. */
export interface Setting {
  readonly name: string
  readonly at: Position
  readonly value: Exclude<LuaValue, undefined>
  readonly valueAt: Position
}

/** The global section, or what follows one `VirtualHost` or `Component` line (all such lines of one domain together). */
export interface Section {
  readonly kind: 'global' | 'virtual' | 'component'
  /** Prepared (RFC 7622 §3.2); '' for the global section. */
  readonly domain: string
  readonly at: Position
  /** A component's module; 'component' (an external one) when none is named. */
  module: string
  moduleAt: Position
  readonly settings: Map<string, Setting>
}

/** What a configuration says, before anything is known about options: sections in order of first mention. */
export class Document {
  readonly global: Section
  readonly sections: Section[] = []
  readonly #problems: Problems

  constructor(file: string, problems: Problems) {
    this.global = section('global', '', { file, line: 1, column: 1 })
    this.#problems = problems
  }

  /** The section that a `VirtualHost` or `Component` line opens. One with a bad name is read for its faults, then dropped. */
  open(kind: 'virtual' | 'component', name: LuaValue, at: Position): Section {
    const word = kind === 'virtual' ? 'VirtualHost' : 'Component'
    const domain = this.#domain(word, name, at)
    if (domain === undefined) return section(kind, '', at)
    const earlier = this.sections.find((s) => s.domain === domain)
    if (earlier === undefined) {
      const opened = section(kind, domain, at)
      this.sections.push(opened)
      return opened
    }
    const where = formatPosition(earlier.at)
    if (earlier.kind !== kind) {
      const service = `give the component a name of its own, such as conference.${domain}`
      this.#problems.error(at, `${domain} is both a VirtualHost and a Component (the other is at ${where}); ${service}`)
      return section(kind, '', at)
    }
    this.#problems.warn(at, `${word} "${domain}" was opened before, at ${where}; its options are read as one section`)
    return earlier
  }

  set(target: Section, setting: Omit<Setting, 'value'> & { readonly value: LuaValue }): void {
    const { value, name } = setting
    if (value === undefined) {
      target.settings.delete(name)
      return
    }
    const earlier = target.settings.get(name)
    if (earlier !== undefined) {
      const where = target.kind === 'global' ? 'the global section' : target.domain
      this.#problems.warn(
        setting.at,
        `${name} is set twice in ${where} (first at ${formatPosition(earlier.at)}); the last one counts, remove the other`,
      )
      target.settings.delete(name)
    }
    target.settings.set(name, { ...setting, value })
  }

  #domain(word: string, name: LuaValue, at: Position): string | undefined {
    if (typeof name !== 'string') {
      const got = name === undefined ? 'nothing' : `a ${luaType(name)}`
      this.#problems.error(at, `${word} needs a domain in quotes, such as ${word} "example.com", and got ${got}`)
      return undefined
    }
    const text = toText(name)
    const domain = text === undefined || text.length > 1023 ? undefined : prepareDomain(text)
    if (domain === undefined) this.#problems.error(at, `${word} ${JSON.stringify(text ?? name)} is not a valid domain name`)
    return domain
  }
}

function section(kind: Section['kind'], domain: string, at: Position): Section {
  return { kind, domain, at, module: kind === 'component' ? 'component' : '', moduleAt: at, settings: new Map() }
}
