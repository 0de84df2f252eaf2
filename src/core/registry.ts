import type { StanzaError } from '../xmpp/errors.ts'
import type { Stanza, StanzaKind } from '../xmpp/stanza.ts'
import type { Direction, Passage, Selector } from './module.ts'

export type Decide = (stanza: Stanza, passage: Passage) => 'pass' | 'drop' | StanzaError
export type Change = (stanza: Stanza, passage: Passage) => Stanza
export type Look = (stanza: Stanza, passage: Passage) => void

type Phase =
  | { readonly phase: 'gate'; readonly run: Decide }
  | { readonly phase: 'stamp'; readonly run: Change }
  | { readonly phase: 'observe'; readonly run: Look }

export type Registration = Phase & { readonly selector: Selector; readonly module: string }

const PHASES = ['gate', 'stamp', 'observe'] as const
const KINDS: readonly StanzaKind[] = ['message', 'presence', 'iq']
const DIRECTIONS: readonly Direction[] = ['outbound', 'inbound']

/** What a pass through the registrations of a host gives: the stanza to go on with, or the end of it. */
export type Passed = Stanza | 'drop' | StanzaError

/**
 * The registrations of one host, compiled into one flat list for each direction and kind, in order of phase and then of
 * loading (which follows `needs`, then name). A stanza whose list is empty pays one property look-up.
 */
export class Registry {
  readonly #all: Registration[] = []
  readonly #lists: Record<Direction, Record<StanzaKind, readonly Registration[]>> = {
    outbound: { message: [], presence: [], iq: [] },
    inbound: { message: [], presence: [], iq: [] },
  }

  add(registration: Registration): void {
    this.#all.push(registration)
    this.#compile()
  }

  removeOf(module: string): void {
    const kept = this.#all.filter((r) => r.module !== module)
    this.#all.length = 0
    this.#all.push(...kept)
    this.#compile()
  }

  #compile(): void {
    for (const direction of DIRECTIONS) {
      for (const kind of KINDS) {
        const fits = this.#all.filter((r) => r.selector.direction === direction && (r.selector.kind ?? kind) === kind)
        this.#lists[direction][kind] = PHASES.flatMap((phase) => fits.filter((r) => r.phase === phase))
      }
    }
  }

  isEmpty(direction: Direction, kind: StanzaKind): boolean {
    return this.#lists[direction][kind].length === 0
  }

  pass(direction: Direction, stanza: Stanza, passage: Passage): Passed {
    let current = stanza
    for (const registration of this.#lists[direction][stanza.kind]) {
      if (!wants(registration.selector, current)) continue
      switch (registration.phase) {
        case 'gate': {
          const verdict = registration.run(current, passage)
          if (verdict !== 'pass') return verdict
          break
        }
        case 'stamp':
          current = registration.run(current, passage)
          break
        case 'observe':
          registration.run(current, passage)
          break
        default:
          registration satisfies never
      }
    }
    return current
  }
}

function wants(selector: Selector, stanza: Stanza): boolean {
  if (selector.type !== undefined && !selector.type.includes(stanza.type)) return false
  return selector.child === undefined || stanza.has(selector.child.name, selector.child.ns)
}
