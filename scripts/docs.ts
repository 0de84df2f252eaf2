/**
 * The pages that are made from the code. `node --conditions=entente-source scripts/docs.ts` writes them; with `--check`
 * it only says which are not as the code would have them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { layersTable } from './pages/layers.ts'
import { metricsPage } from './pages/metrics.ts'
import { optionsPage } from './pages/options.ts'
import { protocolsPage } from './pages/protocols.ts'

const ROOT = join(import.meta.dirname, '..')
const MADE = '<!-- Made by `npm run docs`; do not edit. -->\n'

/** Every page with a generated text: its path from the root -> all of its content. */
export function generatedPages(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/options.md', MADE + optionsPage(ROOT)],
    ['docs/protocols.md', MADE + protocolsPage()],
    ['docs/metrics.md', MADE + metricsPage(ROOT)],
    ['docs/ARCHITECTURE.md', withRegion('docs/ARCHITECTURE.md', 'layers', layersTable(ROOT))],
  ])
}

/** A page written by hand with one generated part, between two comments. */
function withRegion(page: string, name: string, text: string): string {
  const before = readFileSync(join(ROOT, page), 'utf8')
  const [start, end] = [`<!-- ${name}: made by \`npm run docs\` -->\n`, `<!-- end of ${name} -->`]
  const from = before.indexOf(start)
  const to = before.indexOf(end)
  if (from === -1 || to < from) throw new Error(`${page} has no part "${name}"`)
  return before.slice(0, from + start.length) + text + before.slice(to)
}

/** The pages whose file is not what the code makes of it. */
export function stalePages(): readonly string[] {
  const current = (page: string): string => (existsSync(join(ROOT, page)) ? readFileSync(join(ROOT, page), 'utf8') : '')
  return [...generatedPages()].filter(([page, text]) => current(page) !== text).map(([page]) => page)
}

if (import.meta.main) {
  const check = process.argv.includes('--check')
  const stale = stalePages()
  const pages = generatedPages()
  for (const page of stale) {
    if (!check) writeFileSync(join(ROOT, page), pages.get(page)!)
    console.log(check ? `${page} is not up to date: run "npm run docs"` : `${page} written`)
  }
  if (check && stale.length > 0) process.exitCode = 1
}
