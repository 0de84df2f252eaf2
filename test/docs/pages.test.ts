import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { stalePages } from '../../scripts/docs.ts'
import { pages, ROOT } from './pages.ts'

test('the generated pages are what the code makes of them: npm run docs', () => assert.deepEqual(stalePages(), []))

/** How GitHub names a heading. */
const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

function anchors(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slug(heading!))
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!)])
}

test('every relative link leads somewhere', () => {
  const all = new Map(pages().map(({ path, text }) => [path, text]))
  const broken: string[] = []
  for (const [path, text] of all) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [file = '', anchor] = target!.split('#')
      const to = file === '' ? path : join(dirname(path), file)
      if (!existsSync(join(ROOT, to))) broken.push(`${path} -> ${target}`)
      else if (anchor !== undefined && !anchors(all.get(to) ?? '').has(anchor)) broken.push(`${path} -> ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('every decision is listed, and in order', () => {
  const numbers = pages().flatMap(({ path }) => /^docs\/decisions\/(\d{4})-/.exec(path)?.[1] ?? [])
  assert.deepEqual(
    numbers.toSorted(),
    numbers.map((_, i) => String(i + 1).padStart(4, '0')),
  )
  const index = pages().find(({ path }) => path === 'docs/decisions/README.md')!.text
  assert.deepEqual(
    numbers.filter((n) => !index.includes(`(${n}-`)),
    [],
  )
})
