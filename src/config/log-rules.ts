import { expected, fieldsOf, type Given, type Kind, type Reading } from './kind.ts'
import { flag, oneOf, path, text } from './kinds.ts'
import { type Entry, LuaTable, type LuaValue, toText } from './lua-value.ts'
import { nearest } from './suggest.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** One place that log lines go to. */
export interface LogRule {
  readonly to: 'file' | 'console' | 'syslog' | 'nowhere'
  readonly levels: ReadonlySet<LogLevel>
  /** Absolute; set when `to` is `file`. */
  readonly filename?: string
  /** false: no time in front of a line; text: a strftime format. Unset: the sink's own way. */
  readonly timestamps?: boolean | string
  readonly syslogName?: string
  readonly syslogFacility?: string
}

const SINKS = ['file', 'console', 'stdout', 'syslog', 'nowhere'] as const

/**
 * All of Prosody's forms: a file name; `"*syslog"` and its like; a table of level = target; a list of sinks, each
 * `{ levels = { min = "info" }, to = "file", filename = "…" }` or `"*console"`; levels and sinks mixed in one table.
 */
export const logRules: Kind<readonly LogRule[]> = {
  says: 'a file name, "*console", "*syslog", a table of level = target, or a list of { levels = …, to = … }',
  read(given, reading) {
    if (typeof given.value === 'string') {
      const least = given.value.startsWith('*') ? 'debug' : 'info'
      return all([target(given, from(least), reading)])
    }
    if (!(given.value instanceof LuaTable)) return expected(logRules, given, reading)
    const byLevel = given.value.fields.map(([key, entry]) => level(key, entry, reading))
    const sinks = given.value.items.map((entry) =>
      typeof entry.value === 'string' ? target(entry, from('debug'), reading) : sink(entry, reading),
    )
    return all([...byLevel, ...sinks])
  },
}

function all(rules: readonly (LogRule | undefined)[]): readonly LogRule[] | undefined {
  const good = rules.filter((rule) => rule !== undefined)
  return good.length === rules.length ? good : undefined
}

function from(min: LogLevel, max: LogLevel = 'error'): ReadonlySet<LogLevel> {
  return new Set(LOG_LEVELS.slice(LOG_LEVELS.indexOf(min), LOG_LEVELS.indexOf(max) + 1))
}

function isLevel(value: LuaValue): value is LogLevel {
  return LOG_LEVELS.some((one) => one === value)
}

/** `info = "file.log"` or `error = "*syslog"`. */
function level(key: string | number | boolean, entry: Entry, reading: Reading): LogRule | undefined {
  if (isLevel(key)) return target(entry, from(key), reading)
  const meant = nearest(String(key), LOG_LEVELS)
  const names = meant === undefined ? `the levels are ${LOG_LEVELS.join(', ')}` : `did you mean ${meant}?`
  return reading.error(entry.at, `${JSON.stringify(key)} is no log level; ${names}`)
}

function target(given: Given, levels: ReadonlySet<LogLevel>, reading: Reading): LogRule | undefined {
  const written = typeof given.value === 'string' ? toText(given.value) : undefined
  if (written === undefined || written === '') {
    return expected({ says: 'a file name, "*console" or "*syslog"' }, given, reading)
  }
  if (!written.startsWith('*')) {
    const filename = path.read(given, reading)
    return filename === undefined ? undefined : { to: 'file', levels, filename, timestamps: true }
  }
  const to = oneOf(...SINKS).read({ value: written.slice(1), at: given.at }, reading)
  return to === undefined ? undefined : { to: to === 'stdout' ? 'console' : to, levels }
}

const timestamps: Kind<boolean | string> = {
  says: 'true, false or a time format',
  read: (given, reading) => (typeof given.value === 'string' ? text : flag).read(given, reading),
}

const levelsKind: Kind<ReadonlySet<LogLevel>> = {
  says: 'a list of levels, or { min = "info" }',
  read(given, reading) {
    const { value } = given
    if (isLevel(value)) return new Set([value])
    if (!(value instanceof LuaTable)) return expected(levelsKind, given, reading)
    const range = { min: value.entries.get('min'), max: value.entries.get('max') }
    const named = value.fields.map(([key, entry]) => (key === 'min' || key === 'max' ? entry : undefined))
    const entries = [...value.items, ...named]
    const bad = entries.find((entry) => !isLevel(entry?.value))
    if (entries.includes(undefined) || bad !== undefined) return expected(levelsKind, bad ?? given, reading)
    const { min, max } = { min: range.min?.value, max: range.max?.value }
    const between = range.min || range.max ? from(isLevel(min) ? min : 'debug', isLevel(max) ? max : 'error') : []
    return new Set([...between, ...value.items.map((entry) => entry.value).filter(isLevel)])
  },
}

const sinkFields = fieldsOf({
  to: oneOf(...SINKS),
  levels: levelsKind,
  filename: path,
  timestamps,
  syslog_name: text,
  syslog_facility: text,
  source_width: { says: 'a number', read: () => true },
  buffer_mode: { says: 'text', read: () => true },
})

function sink(entry: Entry, reading: Reading): LogRule | undefined {
  const given = sinkFields.read(entry, reading)
  if (given === undefined) return undefined
  if (given.to === undefined) return reading.error(entry.at, 'this sink has no to = "file", "console" or "syslog"')
  if (given.to === 'file' && given.filename === undefined) return reading.error(entry.at, 'a sink to a file needs filename = "…"')
  return {
    to: given.to === 'stdout' ? 'console' : given.to,
    levels: given.levels ?? from('debug'),
    ...(given.to === 'file' && given.filename !== undefined ? { filename: given.filename } : {}),
    ...(given.timestamps === undefined ? {} : { timestamps: given.timestamps }),
    ...(given.syslog_name === undefined ? {} : { syslogName: given.syslog_name }),
    ...(given.syslog_facility === undefined ? {} : { syslogFacility: given.syslog_facility }),
  }
}
