import { type ChildProcess, spawn } from 'node:child_process'
import type { Level, Line, LogSink } from './log.ts'
import { lineJson } from './sinks.ts'

const SEVERITY: Readonly<Record<Level, number>> = { debug: 7, info: 6, warn: 4, error: 3 }
/** RFC 5424 §6.2.1; `local0` to `local7` are 16 to 23. */
const FACILITIES = ['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp']

/**
 * The system's log. Node cannot write to a unix datagram socket, so the lines go through logger(1), which every
 * distribution has; one process for the life of the sink.
 */
export function syslogSink(
  options: { readonly levels: readonly Level[]; readonly name: string; readonly facility: string },
  failed: (why: string) => void,
): LogSink {
  const base = facilityCode(options.facility) * 8
  let child: ChildProcess | undefined = spawn('logger', ['--prio-prefix', '--tag', options.name, '--id'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const gone = (why: string): void => {
    if (child !== undefined) failed(`the system log cannot be written: ${why}`)
    child = undefined
  }
  child.on('error', (error) => gone(error.message))
  child.on('exit', (code) => gone(`logger ended with ${code}`))
  child.stdin?.on('error', (error: Error) => gone(error.message))
  child.unref()
  const levels = new Set(options.levels)
  return {
    accepts: (level) => levels.has(level),
    write: (line: Line) => void child?.stdin?.write(`<${base + SEVERITY[line.level]}>${lineJson(line)}\n`),
    reopen: () => {},
    close: () => {
      const ending = child
      child = undefined
      ending?.stdin?.end()
    },
  }
}

const DAEMON = 3

function facilityCode(name: string): number {
  const local = /^local([0-7])$/.exec(name)
  if (local !== null) return 16 + Number(local[1])
  const code = FACILITIES.indexOf(name)
  return code === -1 ? DAEMON : code
}
