import type { Config } from '../config/config.ts'
import type { LogRule } from '../config/log-rules.ts'
import { fileSink } from '../obs/file-sink.ts'
import type { LogSink } from '../obs/log.ts'
import { consoleSink } from '../obs/sinks.ts'
import { syslogSink } from '../obs/syslog.ts'

const CONSOLE: LogRule = { to: 'console', levels: new Set(['info', 'warn', 'error'] as const) }

export interface OpenedSinks {
  readonly sinks: readonly LogSink[]
  /** One sentence for each sink that cannot be opened. */
  readonly problems: readonly string[]
}

/**
 * The sinks that a configuration asks for; without a `log` option the console, from `info` on, and that too where none
 * of those asked for can be opened: a server never falls silent by accident.
 *
 * @param failed told when a sink that was opened fails later
 */
export function openSinks(config: Config, failed: (why: string) => void): OpenedSinks {
  const problems: string[] = []
  const sinks = (config.get(undefined, 'log') ?? [CONSOLE]).flatMap((rule) => {
    try {
      return sinkOf(rule, failed)
    } catch (error) {
      problems.push(`the log file ${rule.filename} cannot be opened: ${error instanceof Error ? error.message : String(error)}`)
      return []
    }
  })
  if (problems.length > 0 && sinks.length === 0) return { sinks: sinkOf(CONSOLE, failed), problems }
  return { sinks, problems }
}

function sinkOf(rule: LogRule, failed: (why: string) => void): readonly LogSink[] {
  const levels = [...rule.levels]
  switch (rule.to) {
    case 'console':
      return [consoleSink(levels)]
    case 'file':
      return [fileSink(rule.filename!, levels, failed)]
    case 'syslog':
      return [syslogSink({ levels, name: rule.syslogName ?? 'entente', facility: rule.syslogFacility ?? 'daemon' }, failed)]
    case 'nowhere':
      return []
    default:
      return rule.to satisfies never
  }
}
