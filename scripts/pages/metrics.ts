import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Declaration, METRICS } from '../../src/obs/declarations.ts'
import { MOST_SERIES } from '../../src/obs/metrics.ts'
import { code, table } from './table.ts'

/** One function of src/obs/events.ts that writes a line. */
interface EventFacts {
  readonly counter: string | undefined
  readonly name: string
  readonly level: string
  readonly events: readonly string[]
  readonly fields: readonly string[]
}

/** Every number with its labels, and every log line with the counter that goes with it. */
export function metricsPage(root: string): string {
  const events = readEvents(readFileSync(join(root, 'src/obs/events.ts'), 'utf8'))
  const numbers = Object.entries<Declaration>(METRICS).map(([name, { type, labels, help }]) => [
    code(name),
    type,
    labels.map(code).join(', ') || 'none',
    help,
  ])
  const lines = events.map((e) => [
    e.events.map(code).join(', '),
    e.name,
    e.level,
    e.fields.map(code).join(', '),
    e.counter === undefined ? '' : code(e.counter),
  ])
  return `# Metrics and log events

\`entente metrics\` prints every number of the running server in the text format of OpenMetrics, over the control socket; an
HTTP endpoint comes later. A program that embeds the server has them too: \`server.metrics()\` for the counters,
\`server.families()\` for all (see [embed.md](embed.md)).

What an operator may want to see as it happens is one function in [src/obs/events.ts](../src/obs/events.ts): it writes a line
and adds one to a counter. Domains and addresses stand in the log only. Labels have few values, and no number has more than
${MOST_SERIES} combinations of them, so that what there is to read is bounded whatever remote servers do.

## Numbers

A counter only grows, from 0 at the start of the process. A gauge is looked up when it is read. A histogram counts in
buckets.

${table(['name', 'type', 'labels', 'tells'], numbers)}
\`because\` is one of the reasons listed in [federation.md](federation.md#reasons), \`stage\` one of the stages there. In
\`entente_s2s_handshake_seconds\` the stages are \`lookup\` and \`connect\` (outgoing only), \`stream\` (until TLS begins), \`tls\`,
\`auth\`, and \`total\` from the connection to the first proven pair of domains.

## Log events

What a remote server or a client can cause is never an \`error\`.

${table(['event', 'name', 'level', 'fields', 'counter'], lines)}`
}

function readEvents(source: string): readonly EventFacts[] {
  const functions = [...source.matchAll(/^ {4}(\w+)\(([\s\S]*?)\): void \{\n([\s\S]*?)^ {4}\},$/gm)]
  const read = functions.flatMap(([, , parameters, body]) => readEvent(parameters!, body!))
  if (read.length === 0) throw new Error('src/obs/events.ts has no events that can be read')
  return read
}

function readEvent(parameters: string, body: string): readonly EventFacts[] {
  const line = /(c2s|s2s|log)\.(\w+)\(([\s\S]*?), (\{[^}]*\}|f)\)\n/.exec(body)
  if (line === null) return []
  const fields =
    line[4] === 'f' ? parameters.matchAll(/(\w+): (?!\{)/g) : line[4]!.replaceAll(/\.\.\.(\w+)\([^)]*\)/g, '').matchAll(/(\w+)/g)
  return [
    {
      counter: /metrics\.count\('(\w+)'/.exec(body)?.[1],
      name: line[1] === 'log' ? 'entente' : line[1]!,
      level: line[2]!,
      events: [...line[3]!.matchAll(/'([^']{4,})'/g)].map(([, event]) => event!),
      fields: [...fields].map(([, field]) => field!),
    },
  ]
}
