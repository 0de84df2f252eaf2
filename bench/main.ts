import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installCommand, missingPeers } from '../test/peers/install.ts'
import { compare, type Measured } from './compare.ts'
import { asMarkdown, asText, nothingLost } from './report.ts'
import { machine, type Results, resultOf } from './results.ts'
import type { Contender } from './servers/contender.ts'
import { entente } from './servers/entente.ts'
import { ejabberd, prosody } from './servers/peers.ts'
import { workloads, workloadsNamed } from './workloads/all.ts'
import type { Workload } from './workloads/workload.ts'
import { createWorld } from './world.ts'

const ROOT = join(import.meta.dirname, '..')
const HELP = `Measures Entente beside Debian's Prosody and ejabberd.

  npm run bench                                        everything
  npm run bench -- w1 w5 --against prosody --runs 5    some workloads, one peer
  npm run bench -- w1 --against none --profile DIR     Entente alone, with a CPU profile of it in DIR

  --against LIST   the peers, with commas: prosody,ejabberd (default), or none
  --without-us     the peers alone
  --runs N         of each server, in turn; 3 by default
  --count N        stanzas, streams or sessions of each run, instead of the workload's own number
  --write          writes docs/BENCHMARKS.md and bench/results.json
  --profile DIR    CPU profiles of Entente's process in DIR

Workloads:
${workloads
  .flatMap(({ rows }) => rows.slice(0, 1))
  .map(({ id, title }) => `  ${id.padEnd(16)} ${title}`)
  .join('\n')}
`

interface Wanted {
  readonly workloads: readonly Workload[]
  readonly contenders: readonly Contender[]
  readonly runs: number
  readonly count: number | undefined
  readonly write: boolean
}

function wanted(args: readonly string[]): Wanted | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      against: { type: 'string', default: 'prosody,ejabberd' },
      'without-us': { type: 'boolean', default: false },
      runs: { type: 'string', default: '3' },
      count: { type: 'string' },
      write: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const ours = values['without-us'] ? [] : [entente(values.profile && `--cpu-prof --cpu-prof-dir=${values.profile}`)]
  return {
    workloads: positionals.length === 0 ? workloads : inOrder(positionals.flatMap(named)),
    contenders: [...ours, ...(values.against === 'none' ? [] : values.against.split(',').map(peer))],
    runs: wholeNumber('runs', values.runs),
    count: values.count === undefined ? undefined : wholeNumber('count', values.count),
    write: values.write,
  }
}

/** The order counts: see `start` of a workload. */
function inOrder(chosen: readonly Workload[]): readonly Workload[] {
  return workloads.filter((workload) => chosen.includes(workload))
}

function named(name: string): readonly Workload[] {
  const found = workloadsNamed(name)
  if (found.length === 0) throw new Error(`no workload is called ${name}: see --help`)
  return found
}

function peer(name: string): Contender {
  const found = [prosody, ejabberd].find((contender) => contender.name === name)
  if (found === undefined) throw new Error(`${name} is no peer: prosody, ejabberd, or none`)
  if (missingPeers().includes(name)) throw new Error(`${name} is not installed: ${installCommand(missingPeers())}`)
  return found
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${option} ${text}: a whole number from 1`)
  return value
}

function resultsOf(args: readonly string[], { workloads, contenders }: Wanted, measured: readonly Measured[]): Results {
  return {
    measuredAt: new Date().toISOString(),
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    machine: machine(),
    versions: Object.fromEntries(contenders.map((contender) => [contender.name, contender.version()])),
    rows: workloads.flatMap(({ rows }) => rows).map((row) => resultOf(row, measured)),
  }
}

function progress({ run, server, row, value, lost = 0 }: Measured): void {
  console.error(`run ${run + 1}: ${server} ${row} ${value.toFixed(2)}${lost === 0 ? '' : ` LOST ${lost}`}`)
}

async function main(args: readonly string[]): Promise<number> {
  const want = wanted(args)
  if (want === undefined) {
    console.log(HELP)
    return 0
  }
  const world = await createWorld()
  try {
    const results = resultsOf(args, want, await compare(world, { ...want, onMeasured: progress }))
    console.log(`\n${asText(results)}`)
    if (want.write) {
      mkdirSync(join(ROOT, 'docs'), { recursive: true })
      writeFileSync(join(ROOT, 'docs', 'BENCHMARKS.md'), asMarkdown(results))
      writeFileSync(join(ROOT, 'bench', 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`)
    }
    return nothingLost(results) ? 0 : 1
  } finally {
    await world.close()
  }
}

// an exit by our own hand deletes what the servers have on disk; the kernel ends them with us
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: Error) => {
    console.error(error.message)
    process.exitCode = 2
  },
)
