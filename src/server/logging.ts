import type { Config } from '../config/config.ts'
import type { LogRule } from '../config/log-rules.ts'
import type { LogSink } from '../obs/log.ts'
import { consoleSink, fileSink } from '../obs/sinks.ts'
import { syslogSink } from '../obs/syslog.ts'

/** The sinks that a configuration asks for; without a `log` option the console, from `info` on. */
export function sinksOf(config: Config, failed: (why: string) => void): readonly LogSink[] {
  const rules: readonly LogRule[] = config.get(undefined, 'log') ?? [
    { to: 'console', levels: new Set(['info', 'warn', 'error'] as const) },
  ]
  return rules.flatMap((rule) => sinkOf(rule, failed))
}

function sinkOf(rule: LogRule, failed: (why: string) => void): readonly LogSink[] {
  const levels = [...rule.levels]
  switch (rule.to) {
    case 'console':
      return [consoleSink(levels)]
    case 'file':
      try {
        return [fileSink(rule.filename!, levels, failed)]
      } catch (error) {
        failed(`the log file ${rule.filename} cannot be opened: ${error instanceof Error ? error.message : String(error)}`)
        return []
      }
    case 'syslog':
      return [syslogSink({ levels, name: rule.syslogName ?? 'entente', facility: rule.syslogFacility ?? 'daemon' }, failed)]
    case 'nowhere':
      return []
    default:
      return rule.to satisfies never
  }
}
