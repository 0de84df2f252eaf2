import type { Disposable } from '../net/clock.ts'
import { Element } from '../xmpp/element.ts'
import type { StreamHeader } from '../xmpp/framer.ts'
import { writeAttrs } from '../xmpp/serialize.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { redactElement, redactStanza, redactText } from './redact.ts'

/** What was said on a stream with a remote domain that somebody watches. */
export interface TraceLine {
  readonly timeMs: number
  readonly id: string
  /** `note`: what happened, in words. */
  readonly direction: 'in' | 'out' | 'note'
  readonly text: string
}

export interface Watcher {
  readonly remote: string
  /** The words of people too. */
  readonly bodies: boolean
  write(line: TraceLine): void
}

/** What of one line is shown; a stanza may have half a megabyte. */
export const LONGEST_LINE = 16_384

/** Who watches which remote domain. */
export class Traces {
  readonly #watchers = new Set<Watcher>()
  readonly #changed: () => void
  readonly #now: () => number

  /** @param changed told when somebody comes or goes */
  constructor(now: () => number, changed: () => void) {
    this.#now = now
    this.#changed = changed
  }

  watch(watcher: Watcher): Disposable {
    this.#watchers.add(watcher)
    this.#changed()
    return {
      dispose: () => {
        if (this.#watchers.delete(watcher)) this.#changed()
      },
    }
  }

  /** Is there anybody who wants to see a stream with one of these domains? */
  wants(concerns: (remote: string) => boolean): boolean {
    for (const { remote } of this.#watchers) if (concerns(remote)) return true
    return false
  }

  saw(
    id: string,
    concerns: (remote: string) => boolean,
    direction: 'in' | 'out',
    what: StreamHeader | Element | Stanza | string,
  ) {
    for (const watcher of this.#watchers) {
      if (!concerns(watcher.remote)) continue
      // a stream may carry stanzas of several domains
      if (what instanceof Stanza && (direction === 'in' ? what.from : what.to)?.domain !== watcher.remote) continue
      watcher.write({ timeMs: this.#now(), id, direction, text: cut(xmlOf(what, watcher.bodies)) })
    }
  }

  note(id: string, concerns: (remote: string) => boolean, text: string): void {
    for (const watcher of this.#watchers) {
      if (concerns(watcher.remote)) watcher.write({ timeMs: this.#now(), id, direction: 'note', text: cut(text) })
    }
  }
}

function xmlOf(what: StreamHeader | Element | Stanza | string, bodies: boolean): string {
  if (typeof what === 'string') return redactText(what)
  if (what instanceof Stanza) return redactStanza(what.toElement(), bodies).toString()
  if (what instanceof Element) return redactElement(what).toString()
  const { from, to, id, version } = what
  const attrs = Object.entries({ from, to, id, version }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return `<stream:stream${writeAttrs(attrs)}>`
}

const cut = (text: string): string =>
  text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}… (${text.length - LONGEST_LINE} characters more)` : text
