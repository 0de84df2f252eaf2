import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { code, table } from './table.ts'

const HOLDS: ReadonlyMap<string, string> = new Map([
  ['xmpp', 'bytes and words: namespaces, addresses, the framer, elements, stanzas, errors'],
  ['obs', 'log, counters, and `events.ts`: one function for each thing that operators see'],
  ['protocol', 'machines without I/O: streams of clients and servers, SASL, dialback'],
  ['policy', 'pure decisions: who may be a domain, what a client is offered, where a stanza goes'],
  ['config', "Prosody's language, the options, every problem at once"],
  ['net', 'sockets, TLS, DNS, certificates, clock; the driver that runs a machine over a wire'],
  ['store', 'the contract of storage, and its drivers: memory and SQLite'],
  ['cluster', 'the contract between processes of one server; nothing there yet'],
  ['core', 'router, hosts, sessions, links to remote domains, rosters, the module contract'],
  ['streams', 'a wire, a machine, a policy and the core joined: clients and servers'],
  ['modules', 'one feature a file or folder; they do not see each other'],
  ['admin', 'one table of operations behind every way to give a command'],
  ['auth', 'where accounts are: internal_hashed, anonymous'],
  ['migrate', 'importers and exporters; nothing there yet'],
])

/** The tables of test/layers.test.ts, which enforces them, as one Markdown table. */
export function layersTable(root: string): string {
  const source = readFileSync(join(root, 'test/layers.test.ts'), 'utf8')
  const folders = readTable(source, 'MAY_IMPORT')
  const packages = readTable(source, 'MAY_USE')
  const rows = [...folders].map(([folder, imports]) => [
    code(folder),
    HOLDS.get(folder) ?? '',
    imports.map(code).join(', ') || 'nothing',
    (packages.get(folder) ?? []).map(code).join(', ') || 'nothing',
  ])
  const top = readList(source, 'COMPOSITION').map(code).join(', ')
  const everywhere = readList(source, 'NODE_FOR_ALL').map(code).join(', ')
  return (
    `${table(['folder', 'holds', 'may import, beside itself', 'parts of Node and packages'], rows)}\n` +
    `Every folder may also use ${everywhere}. At the top stand ${top}, which may import everything.\n`
  )
}

function readTable(source: string, name: string): ReadonlyMap<string, readonly string[]> {
  const body = new RegExp(`const ${name}: [^=]+ = \\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1]
  const rows = [...(body ?? '').matchAll(/^ {2}(\w+): \[([\s\S]*?)\],?$/gm)]
  if (rows.length === 0) throw new Error(`test/layers.test.ts has no table ${name} that can be read`)
  return new Map(rows.map(([, folder, list]) => [folder!, strings(list!)]))
}

function readList(source: string, name: string): readonly string[] {
  const body = new RegExp(`const ${name} = \\[([\\s\\S]*?)\\]`).exec(source)?.[1]
  if (body === undefined) throw new Error(`test/layers.test.ts has no list ${name}`)
  return strings(body)
}

const strings = (text: string): readonly string[] => [...text.matchAll(/'([^']+)'/g)].map(([, word]) => word!)
