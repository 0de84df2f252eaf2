import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { globPattern } from '../../../src/config/reader.ts'
import { nearest } from '../../../src/config/suggest.ts'
import { load, told } from './load-text.ts'

/** Pieces that make texts which are almost configurations. */
const pieces = [
  ...['a', '=', '{', '}', '"x"', '"', "'", '[[', ']]', '--', '--[[', '\n', ' ', ',', ';', '..', '#', '-', '(', ')', 'nil'],
  ...['true', 'local ', 'VirtualHost ', 'Component ', 'Include ', '"*.lua"', 'ENV_X', 'os.getenv', '1', '0x', '1e', '\\', 'log'],
  ...[
    'ssl',
    'modules_enabled',
    'if ',
    ' then ',
    ' end ',
    'return ',
    'not ',
    ' or ',
    ' and ',
    '/',
    '%',
    '^',
    '"a.example"',
    '\u00ff',
  ],
]

describe('whatever is in a file', () => {
  test('loading never fails and every problem has a place', async () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((p) => p.join('')),
    )
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const config = await load(text)
        for (const p of config.problems) assert.equal(p.line >= 1 && p.column >= 1 && p.message.length > 0, true)
      }),
      { numRuns: 400 },
    )
  })

  test('arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        assert.equal((await load(bytes)).hosts.length >= 0, true)
      }),
      { numRuns: 200 },
    )
  })

  const deep = 200_000
  const monsters: readonly (readonly [string, string, RegExp])[] = [
    ['deep tables', `log = ${'{'.repeat(deep)}`, /nested too deeply/],
    ['deep parentheses', `log = ${'('.repeat(deep)}`, /nested too deeply/],
    ['a long chain of ..', `log = "a"${' .. "a"'.repeat(deep)}`, /nested too deeply/],
    ['many signs', `log = ${'- '.repeat(deep)}1`, /nested too deeply/],
    ['deep after a loop', `while false do end\nlog = ${'- '.repeat(1500)}1`, /levels|overflow|nested/],
    ['text that doubles', `local s = "${'x'.repeat(1000)}"\n${'s = s .. s\n'.repeat(40)}`, /longer than 4 MiB/],
    ['an endless loop', 'while true do end', /endless loop/],
    ['endless recursion', 'local function f() return f() + 1 end\nf()', /overflow|endless loop/],
    ['a huge repeat', 'log = ("x"):rep(1e9)', /longer than 4 MiB/],
    ['a huge file', `--${'x'.repeat(4 * 1024 * 1024)}`, /larger than 4 MiB/],
  ]
  for (const [name, text, expected] of monsters) {
    test(`${name}: told, and soon`, async () => {
      const start = performance.now()
      const config = await load(text)
      assert.match(told(config).join('\n'), expected)
      assert.equal(performance.now() - start < 5000, true)
    })
  }

  test('a table that holds itself', async () => {
    const config = await load('local t = { }\nt[1] = t\nt.x = t\nlog = t\nssl = t\nadmins = t\nVirtualHost "a.example"')
    assert.equal(config.hasErrors, true)
    const program = await load('local function f(t) t[1] = t return t end\nadmins = f({ })\nVirtualHost "a.example"')
    assert.deepEqual(told(program), ['2:1 error admins: expected an XMPP address such as "user@example.com" and got a table'])
  })

  test('a file that includes itself, and two that include each other', async () => {
    const self = await load('Include "entente.cfg.lua"\nVirtualHost "a.example"')
    assert.deepEqual(told(self), ['1:9 error /etc/entente.cfg.lua includes itself'])
    const pair = await load('Include "a.lua"', { files: { 'a.lua': 'Include "b.lua"', 'b.lua': 'Include "a.lua"' } })
    assert.deepEqual(told(pair), ['/etc/b.lua:1:9 error /etc/a.lua includes itself'])
  })

  test('files that include twice as many each time', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 15 }, (_, i) => [`${i}.lua`, `Include "${i + 1}.lua"\nInclude "${i + 1}.lua"`]),
    )
    const config = await load('Include "0.lua"', { files })
    assert.match(told(config).join('\n'), /more than 1000 files are included/)
    assert.equal(config.files.length, 1000)
  })

  test('names of every object in JavaScript are nothing special', async () => {
    const config = await load(
      '__proto__ = { }\nconstructor = 1\ntoString = 2\nssl = { __proto__ = { }, constructor = "x" }\nVirtualHost "a.example"',
      {
        env: {},
      },
    )
    assert.equal(config.hasErrors, false)
    assert.equal(config.problems.filter((p) => p.severity === 'warning').length, 5)
    assert.deepEqual(told(await load('pidfile = ENV_constructor\nVirtualHost "a.example"')), [])
  })
})

test('patterns of Include', () => {
  for (const [glob, name, expected] of [
    ['*.cfg.lua', 'a.cfg.lua', true],
    ['*.cfg.lua', 'a.cfg.lua~', false],
    ['*', 'anything', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*a*b', 'xaxxb', true],
    ['*a*b', 'xbxxa', false],
    ['[a]', 'a', false],
    [`${'*a'.repeat(30)}b`, 'a'.repeat(5000), false],
  ] as const) {
    assert.equal(globPattern(glob)(name), expected, `${glob} ${name.slice(0, 20)}`)
  }
})

test('the nearest name', () => {
  const known = ['s2s_secure_auth', 's2s_secure_domains', 'log', 'ssl']
  assert.equal(nearest('s2s_secure_atuh', known), 's2s_secure_auth')
  assert.equal(nearest('S2S_SECURE_AUTH', known), 's2s_secure_auth')
  assert.equal(nearest('lgo', known), 'log')
  assert.equal(nearest('xyz', known), undefined)
  assert.equal(nearest('x'.repeat(1e6), known), undefined)
})
