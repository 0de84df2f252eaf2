import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { OPTION_BY_NAME } from '../../src/config/options.ts'
import { ROOT } from './pages.ts'

const UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['h', 3_600_000],
  ['KiB', 1024],
  ['MiB', 1024 * 1024],
])

/** Rows of docs/LIMITS.md: what is bounded, the bound, and where it comes from. */
function rows(): readonly { readonly what: string; readonly bound: string; readonly source: string }[] {
  const lines = readFileSync(join(ROOT, 'docs/LIMITS.md'), 'utf8').split('\n')
  const cells = lines.filter((line) => line.startsWith('| ')).map((line) => line.split(' | '))
  return cells
    .map(([what = '', bound = '', source = '']) => ({ what: what.slice(2), bound, source }))
    .filter(({ what, bound }) => what !== 'what' && !bound.startsWith('---'))
}

function boundValue(bound: string): number {
  const [, number = '', unit = ''] = /^(\d+)(?: (\w+))?/.exec(bound) ?? []
  return Number(number) * (UNITS.get(unit) ?? 1)
}

/** The value of `NAME` or of `object.field` in a source file: a number, or a product of numbers. */
function constant(name: string, file: string): number {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const [object, field] = name.split('.')
  const start = field === undefined ? 0 : text.search(new RegExp(`(?:const|function) ${object}\\b`))
  const pattern = field === undefined ? `const ${name} = ([\\d_ *]+)$` : `^ +${field}: ([\\d_ *]+),$`
  const found = start === -1 ? null : new RegExp(pattern, 'm').exec(text.slice(start))
  assert.ok(found !== null, `${file} has no ${name}`)
  return found[1]!.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1)
}

test('every bound of docs/LIMITS.md is the one in the code', () => {
  assert.ok(rows().length > 50)
  for (const { what, bound, source } of rows()) {
    const option = /^option `([\w.]+)`$/.exec(source)?.[1]
    if (option !== undefined) {
      const known = OPTION_BY_NAME.get(option.split('.')[0]!)
      assert.ok(known !== undefined, `${what}: there is no option ${option}`)
      if (!option.includes('.')) assert.equal(known.fallback, boundValue(bound), what)
      continue
    }
    const [, name, file] = /^`([\w.]+)` in (src\/\S+)$/.exec(source) ?? []
    assert.ok(name !== undefined && file !== undefined, `${what}: where does its bound come from?`)
    assert.equal(constant(name, file), boundValue(bound), `${what}: ${name}`)
  }
})

/** A number's size, and how often a text is prepared until it no longer changes: nothing that a peer can fill. */
const NO_BOUNDS = ['src/config/fold.ts MAX_INT', 'src/xmpp/precis.ts MAX_ROUNDS']

test('every MAX_ and MOST_ of the code is in docs/LIMITS.md', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'))
  const found = files
    .filter((file) => !file.startsWith('testing/'))
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, 'src', file), 'utf8')
      return [...text.matchAll(/^(?:export )?const ((?:MAX|MOST)_\w+)/gm)].map(([, name]) => `src/${file} ${name}`)
    })
  const told = rows().map(({ source }) => source.replace(/^`([\w.]+)` in (\S+)$/, '$2 $1'))
  const missing = found.filter((one) => !told.includes(one) && !NO_BOUNDS.includes(one))
  assert.deepEqual(missing, [])
})
