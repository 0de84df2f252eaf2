import { LEVELS, type Level, type Line, type LogSink } from './log.ts'

/** Which levels a sink takes: everything from `min` on, or the ones listed (Prosody's two forms). */
export type LevelFilter = { readonly min: Level; readonly max?: Level } | readonly Level[]

export function accepting(levels: LevelFilter): (level: Level) => boolean {
  if ('min' in levels) {
    const low = LEVELS.indexOf(levels.min)
    const high = LEVELS.indexOf(levels.max ?? 'error')
    const set = new Set(LEVELS.slice(low, high + 1))
    return (level) => set.has(level)
  }
  const set = new Set(levels)
  return (level) => set.has(level)
}

export const lineJson = (line: Line): string => {
  const out: [string, unknown][] = [
    ['time', new Date(line.timeMs).toISOString()],
    ['level', line.level],
    ['name', line.name],
    ['event', line.event],
  ]
  return JSON.stringify(Object.fromEntries([...out, ...line.fields]))
}

const COLOURS: Readonly<Record<Level, string>> = { debug: '\x1b[2m', info: '\x1b[36m', warn: '\x1b[33m', error: '\x1b[31m' }

/** A line for people: `14:03:22 info  s2s  stream ready  remote=b.example via=external`. */
export function pretty(line: Line, colour: boolean): string {
  const time = new Date(line.timeMs).toTimeString().slice(0, 8)
  const fields = line.fields
    .map(([k, v]) => `${k}=${typeof v === 'string' && /[\s="]/.test(v) ? JSON.stringify(v) : v}`)
    .join(' ')
  const level = line.level.padEnd(5)
  const shown = colour ? `${COLOURS[line.level]}${level}\x1b[0m` : level
  return `${time} ${shown} ${line.name.padEnd(8)} ${line.event}${fields ? `  ${fields}` : ''}`
}

/** The process's own output: readable on a terminal, JSON otherwise. */
export function consoleSink(levels: LevelFilter, out: NodeJS.WriteStream = process.stdout): LogSink {
  const accepts = accepting(levels)
  const terminal = out.isTTY === true
  return {
    accepts,
    write: (line) => void out.write(`${terminal ? pretty(line, true) : lineJson(line)}\n`),
    reopen: () => {},
    close: () => {},
  }
}
