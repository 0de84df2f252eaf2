import type { Family, Labels, Sample } from './metrics.ts'

/** The text format of OpenMetrics 1.0. Names without a value yet are declared all the same. */
export function openMetricsText(families: readonly Family[]): string {
  return `${families.map(familyText).join('')}# EOF\n`
}

function familyText({ name, type, help, samples }: Family): string {
  // a counter's family is named without the suffix that its samples carry
  const family = type === 'counter' ? name.replace(/_total$/, '') : name
  const unit = /_(seconds|bytes)$/.exec(family)?.[1]
  const head = [`# TYPE ${family} ${type}`, ...(unit === undefined ? [] : [`# UNIT ${family} ${unit}`])]
  return `${[...head, `# HELP ${family} ${escaped(help)}`, ...samples.map((one) => sampleText(name, one))].join('\n')}\n`
}

function sampleText(name: string, { suffix, labels, value }: Sample): string {
  return `${name}${suffix ?? ''}${labelsText(labels)} ${numberText(value)}`
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return `${value}`
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
