import type { Figures, Results, RowResult } from './results.ts'

const HEADINGS = ['workload', 'unit']

/** Fixed-width text for a terminal. */
export function asText(results: Results): string {
  const table = cells(results)
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)))
  const lines = table.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n\n${remarks(results).join('\n')}\n`
}

export function asMarkdown(results: Results): string {
  const [head = [], ...lines] = cells(results)
  const row = (line: readonly string[]): string => `| ${line.join(' | ')} |`
  return `# Benchmarks

What Entente costs beside Debian's Prosody and ejabberd, measured in one run on one machine by \`bench/\`. All servers have
the same domain, certificate, name server and load, with production settings: TLS required, certificates of servers
required, stream management on, log level info, no rate limits. A figure is the median of ${runsOf(results)} interleaved
runs, with minimum and maximum; CPU is user and system time of the server's process and its children.

${row(head)}
${row(head.map(() => '---'))}
${lines.map(row).join('\n')}

${remarks(results)
  .map((remark) => `- ${remark}`)
  .join('\n')}
- measured ${results.measuredAt}

The raw figures are in [bench/results.json](../bench/results.json).
`
}

/** Whether every stanza that was sent has arrived, once. */
export function nothingLost(results: Results): boolean {
  return results.rows.every((row) => Object.values(row.servers).every(({ lost }) => lost === 0))
}

function cells(results: Results): readonly (readonly string[])[] {
  const servers = Object.keys(results.versions)
  const body = results.rows.map((row) => [
    `${row.id}: ${row.title}`,
    row.unit,
    ...servers.map((name) => figure(row.servers[name], row.digits)),
    ratio(row),
    goal(row),
  ])
  return [[...HEADINGS, ...servers, 'ratio to the best peer', 'goal'], ...body]
}

function figure(figures: Figures | undefined, digits: number): string {
  if (figures === undefined) return '-'
  const [median, min, max] = [figures.median, figures.min, figures.max].map((value) => value.toFixed(digits))
  return `${median} (${min}-${max})${figures.lost === 0 ? '' : ` LOST ${figures.lost}`}`
}

function ratio({ best }: RowResult): string {
  return best === undefined ? '-' : `${best.ratio.toFixed(2)} (${best.peer}${best.rangesApart ? '' : ', ranges overlap'})`
}

function goal(row: RowResult): string {
  if (row.goal === undefined) return '-'
  const bound = 'atMost' in row.goal ? `<= ${row.goal.atMost} ${row.unit}` : `<= ${row.goal.ratio.toFixed(2)}`
  return row.reached === undefined ? bound : `${bound}: ${row.reached ? 'yes' : 'no'}`
}

function remarks(results: Results): readonly string[] {
  return [
    nothingLost(results)
      ? 'nothing was lost and nothing came twice'
      : 'STANZAS WERE LOST OR CAME TWICE: the figures do not count',
    ...results.rows.flatMap(generatorRemark),
    `versions: ${Object.entries(results.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `machine: ${Object.values(results.machine).join(', ')}`,
    `again: \`${results.command}\``,
  ]
}

function generatorRemark({ id, unit, generator }: RowResult): readonly string[] {
  if (generator === undefined) return []
  const what = `${id}: the generator can do ${generator.perSecond} a second, ${generator.timesFastest.toFixed(1)} times the fastest server`
  // a handshake costs both ends alike; its price does not depend on how busy the server is
  if (unit.endsWith('/stream') || generator.timesFastest >= 3) return [what]
  return [`${what}: TOO FEW for a server to be flat out`]
}

function runsOf({ rows }: Results): number {
  return Math.max(...rows.flatMap((row) => Object.values(row.servers).map(({ runs }) => runs.length)))
}
