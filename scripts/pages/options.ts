import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Option } from '../../src/config/option.ts'
import { OPTION_BY_NAME } from '../../src/config/options.ts'
import { NETWORK_OPTIONS } from '../../src/config/options-network.ts'
import { SERVER_OPTIONS } from '../../src/config/options-server.ts'
import { STREAM_OPTIONS } from '../../src/config/options-streams.ts'
import { OTHER_OPTIONS, otherOption } from '../../src/config/other-options.ts'
import { code, table } from './table.ts'

const GROUPS: readonly (readonly [title: string, options: object])[] = [
  ['Process, hosts, accounts and storage', SERVER_OPTIONS],
  ['Streams of clients and servers', STREAM_OPTIONS],
  ['Ports, addresses, DNS and TLS', NETWORK_OPTIONS],
]

/** Every option, from the tables that the server itself reads by. */
export function optionsPage(root: string): string {
  const used = usedOptions(root)
  const groups = GROUPS.map(([title, options]) => {
    const rows = Object.keys(options).map((name) => row(name, OPTION_BY_NAME.get(name)!, used))
    return `## ${title}\n\n${table(['option', 'value', 'default', 'where', 'what it does'], rows)}\n`
  })
  return `# Options

Every option that Entente reads. Names and meanings are those of Prosody where Prosody has the option. How to write a
configuration is told in [configure.md](configure.md); the options about other servers are explained in
[federation.md](federation.md).

- **where**: "global" counts above the first \`VirtualHost\` only; "anywhere" counts there for all hosts, and in a host's
  section for that host.
- A time is a number of seconds or a text with a unit: \`30\`, \`"5 min"\`, \`"2 days"\`, \`"1w"\`. A size is a number of bytes or a
  text with a unit: \`65536\`, \`"64 KiB"\`, \`"1 MB"\`. A list of one may be written without braces.
- *not yet*: the option is read and checked, and nothing acts on it in this version.

${groups.join('\n')}
${otherSection()}`
}

function row(name: string, option: Option<unknown>, used: ReadonlySet<string>): readonly string[] {
  const works = option.status === 'works' && used.has(name)
  return [
    code(name),
    option.kind.says,
    shownDefault(option),
    option.where === 'both' ? 'anywhere' : option.where,
    `${option.help}${works ? idleFields(option, used) : ' *not yet*'}`,
  ]
}

/** The fields of a table option that nothing acts on yet. Those of `ssl` that have no effect are told when it is read. */
function idleFields(option: Option<unknown>, used: ReadonlySet<string>): string {
  if (option.kind.says.includes('ciphersuites')) return ''
  const fields = /^a table with any of ([\w, ]+)$/.exec(option.kind.says)?.[1]?.split(', ') ?? []
  const idle = fields.filter((field) => !used.has(field))
  return idle.length === 0 ? '' : ` *not yet:* ${idle.map(code).join(', ')}`
}

function shownDefault(option: Option<unknown>): string {
  const { fallback, kind } = option
  if (typeof fallback === 'function') return `${code(String(fallback('')).replace(/^.*\//, ''))} beside the file`
  if (fallback === undefined) return 'unset'
  if (fallback instanceof Set) return code(luaList([...fallback]))
  if (Array.isArray(fallback)) return code(luaList(fallback))
  if (typeof fallback === 'object') return code('{ }')
  if (typeof fallback !== 'number') return code(JSON.stringify(fallback))
  if (kind.says.startsWith('a period')) return fallback < 1000 ? `${fallback} ms` : `${fallback / 1000} s`
  return kind.says.startsWith('a size') && fallback % 1024 === 0 ? `${fallback / 1024} KiB` : code(String(fallback))
}

const luaList = (items: readonly unknown[]): string =>
  items.length === 0 ? '{ }' : `{ ${items.map((item) => JSON.stringify(item)).join(', ')} }`

function otherSection(): string {
  const names = [...OTHER_OPTIONS].sort()
  const told = (name: string): string => otherOption(name) ?? ''
  const replaced = names.filter((name) => told(name).includes('has no effect here: '))
  const later = names.filter((name) => !replaced.includes(name))
  const rows = replaced.map((name) => [code(name), told(name).replace(/^.*has no effect here: /, '')])
  return `## Options of Prosody that have no place here

They are a warning at the start and in \`entente check config\`.

${table(['option', 'what to do'], rows)}
## Options of Prosody that come later

They belong to features that Entente does not have yet. Each is a warning that says so, never an error.

${later.map(code).join(', ')}
`
}

/** What the variables in the code stand for, where a name is put together. */
const PREFIXES: ReadonlyMap<string, readonly string[]> = new Map([
  ['use', ['c2s', 's2s']],
  ['service', ['c2s', 's2s', 'c2s_direct_tls', 's2s_direct_tls']],
])

/**
 * Names of options and of their fields that some code asks for. The options' own tables do not count, nor does what the
 * starter configuration says; a name may be put together, as in `${'$'}{service}_ports`.
 */
function usedOptions(root: string): ReadonlySet<string> {
  const src = join(root, 'src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'))
  const used = new Set<string>()
  for (const file of files) {
    if (/^config\/(options|other-options|starter|tls-kind)/.test(file)) continue
    const text = readFileSync(join(src, file), 'utf8')
    for (const [, name] of text.matchAll(/'([a-z0-9_]+)'/g)) used.add(name!)
    for (const [, name] of text.matchAll(/\.([a-z0-9_]+)/g)) used.add(name!)
    for (const [list] of text.matchAll(/const \{[a-z0-9_, ]+\} = /g))
      for (const [name] of list.matchAll(/[a-z0-9_]+/g)) used.add(name)
    if (file.startsWith('config/')) continue
    for (const [, part, suffix] of text.matchAll(/`\$\{(service|use)\}_(\w+)`/g)) {
      for (const prefix of PREFIXES.get(part!)!) used.add(`${prefix}_${suffix}`)
    }
  }
  return used
}
