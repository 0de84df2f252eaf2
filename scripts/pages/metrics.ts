import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { code, table } from './table.ts'

/** One function of src/obs/events.ts. */
interface EventFacts {
  readonly counter: string
  readonly labels: readonly string[]
  readonly name: string
  readonly level: string
  readonly events: readonly string[]
  readonly fields: readonly string[]
}

/** Every counter with its labels, and the log line that comes with it. */
export function metricsPage(root: string): string {
  const events = readEvents(readFileSync(join(root, 'src/obs/events.ts'), 'utf8'))
  const counters = events.map((e) => [code(e.counter), e.labels.map(code).join(', ') || 'none', e.events.map(code).join(', ')])
  const lines = events.map((e) => [e.events.map(code).join(', '), e.name, e.level, e.fields.map(code).join(', ')])
  return `# Counters and log events

Each thing that an operator may want to see is one function in [src/obs/events.ts](../src/obs/events.ts): it writes a line
and adds one to a counter. Domains and addresses stand in the log only. Labels have few values, so the number of counters is
bounded whatever remote servers do.

Today the counters can be read by the program that embeds the server (\`server.metrics()\`, see [embed.md](embed.md)). There
is no HTTP endpoint for them yet.

## Counters

Every counter only grows, from 0 at the start of the process.

${table(['counter', 'labels', 'counts'], counters)}
\`because\` is one of the reasons listed in [federation.md](federation.md#reasons), \`stage\` one of the stages there. For an
endpoint, \`stage\` is \`policy\` (it was not even tried), \`tcp\`, \`tls\` (certificates too), \`stream\` or \`auth\`.

## Log events

What a remote server or a client can cause is never an \`error\`.

${table(['event', 'name', 'level', 'fields'], lines)}`
}

function readEvents(source: string): readonly EventFacts[] {
  const functions = [...source.matchAll(/^ {4}(\w+)\(([\s\S]*?)\): void \{\n([\s\S]*?)^ {4}\},$/gm)]
  const read = functions.map(([, , parameters, body]) => readEvent(parameters!, body!))
  if (read.length === 0) throw new Error('src/obs/events.ts has no events that can be read')
  return read
}

function readEvent(parameters: string, body: string): EventFacts {
  const count = /metrics\.count\('(\w+)'(?:, \{ (.*) \})?\)/.exec(body)
  const line = /(c2s|s2s|log)\.(\w+)\(([\s\S]*), (\{[^}]*\}|f)\)/.exec(body)
  if (count === null || line === null) throw new Error(`an event of src/obs/events.ts cannot be read: ${body}`)
  const fields =
    line[4] === 'f' ? parameters.matchAll(/(\w+): (?!\{)/g) : line[4]!.replaceAll(/\.\.\.(\w+)\([^)]*\)/g, '').matchAll(/(\w+)/g)
  return {
    counter: count[1]!,
    labels: (count[2] ?? '').split(', ').flatMap((label) => /^\w+/.exec(label) ?? []),
    name: line[1] === 'log' ? 'entente' : line[1]!,
    level: line[2]!,
    events: [...line[3]!.matchAll(/'([^']{4,})'/g)].map(([, event]) => event!),
    fields: [...fields].map(([, field]) => field!),
  }
}
