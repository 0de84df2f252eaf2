import { sanitize } from './sanitize.ts'

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** Values of one event; unbounded ones are cut and escaped by the logger, never written raw. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** One event as a sink gets it: already cut and escaped. */
export interface Line {
  readonly timeMs: number
  readonly level: Level
  /** The part that speaks: `s2s`, `c2s`, `config`. */
  readonly name: string
  readonly event: string
  readonly fields: readonly (readonly [string, string | number | boolean])[]
}

/** Where lines go: a terminal, a file, syslog. No method throws. */
export interface LogSink {
  accepts(level: Level): boolean
  write(line: Line): void
  /** Opens its file again after a rotation. */
  reopen(): void
  close(): void
}

/** Where the parts of the server write. No method throws. */
export interface Logger {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
  /** The same sinks under another name. */
  child(name: string): Logger
  enabled(level: Level): boolean
}

/** A logger over sinks that may be replaced while it lives (configuration reload). */
export interface Log extends Logger {
  use(sinks: readonly LogSink[]): void
  reopen(): void
  close(): void
}

export function createLog(initial: readonly LogSink[], now: () => number = Date.now): Log {
  let sinks = initial
  const write = (name: string, level: Level, event: string, fields: Fields | undefined): void => {
    let line: Line | undefined
    for (const sink of sinks) {
      if (!sink.accepts(level)) continue
      line ??= { timeMs: now(), level, name, event: sanitize(event), fields: cleaned(fields) }
      sink.write(line)
    }
  }
  const logger = (name: string): Logger => ({
    debug: (event, fields) => write(name, 'debug', event, fields),
    info: (event, fields) => write(name, 'info', event, fields),
    warn: (event, fields) => write(name, 'warn', event, fields),
    error: (event, fields) => write(name, 'error', event, fields),
    child: logger,
    enabled: (level) => sinks.some((s) => s.accepts(level)),
  })
  return {
    ...logger('entente'),
    use(next) {
      const old = sinks
      sinks = next
      for (const sink of old) sink.close()
    },
    reopen: () => sinks.forEach((s) => void s.reopen()),
    close: () => sinks.forEach((s) => void s.close()),
  }
}

function cleaned(fields: Fields | undefined): [string, string | number | boolean][] {
  const out: [string, string | number | boolean][] = []
  if (fields === undefined) return out
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) out.push([key, typeof value === 'string' ? sanitize(value) : value])
  }
  return out
}

export const silentLogger: Logger = createLog([])
