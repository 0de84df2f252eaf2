import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Document } from '../../../src/config/document.ts'
import { Evaluator } from '../../../src/config/evaluate.ts'
import { Language, type Surroundings } from '../../../src/config/language.ts'
import { LuaMachine } from '../../../src/config/lua-machine.ts'
import { needsLua } from '../../../src/config/needs-lua.ts'
import { Problems } from '../../../src/config/problem.ts'
import { Source } from '../../../src/config/source.ts'
import { diskOf, plain } from './load-text.ts'

const disk = diskOf({
  '/etc/secret': 'line one\nline two\r\nlast',
  '/run/credentials/key': 'hidden\n',
})
const env = { HOME: '/root', PORT: '5222', CITY: 'Zürich', CREDENTIALS_DIRECTORY: '/run/credentials' }

/** The settings of a text, per section, as one of the two ways of running it finds them. */
function run(text: string | Uint8Array, way: 'evaluator' | 'machine'): { sections: unknown; problems: readonly string[] } {
  const problems = new Problems()
  const document = new Document('t.lua', problems)
  const around: Surroundings = { document, problems, disk, env, include: () => assert.fail('nothing is included here') }
  const source = new Source('/etc/t.lua', Buffer.from(text))
  const body = source.parse()
  const language = new Language('/etc/t.lua', around)
  if (way === 'evaluator') {
    assert.equal(needsLua(body), false, 'this text is for the evaluator')
    new Evaluator(source, language, problems).run(body)
  } else new LuaMachine().run(source, body, language, around)
  const sections = [document.global, ...document.sections].map((s) => ({
    kind: s.kind,
    domain: s.domain,
    module: s.module,
    settings: [...s.settings.values()]
      .map(({ name, value }) => [name, plain(value)] as const)
      .toSorted(([a], [b]) => a.localeCompare(b)),
  }))
  return { sections, problems: problems.sorted([]).map((p) => p.message) }
}

/** Lua expression -> value. Floats are marked: in Lua 5.3 they print differently. */
const expressions: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['not true', false],
  ['not nil', true],
  ['"double"', 'double'],
  ['\'single "quoted"\'', 'single "quoted"'],
  ['"a\\nb\\tc\\\\d\\"e\\\'f"', 'a\nb\tc\\d"e\'f'],
  ['"\\x41\\065\\u{20AC}"', 'AA€'],
  ['"\\z   \n   joined"', 'joined'],
  ['"line\\\nbreak"', 'line\nbreak'],
  ['"Zürich ☃"', 'Zürich ☃'],
  ['[[long "string"]]', 'long "string"'],
  ['[[\nfirst line end is dropped\n]]', 'first line end is dropped\n'],
  ['[==[ with ]] and ]=] inside ]==]', ' with ]] and ]=] inside '],
  ['"\\255"', { bytes: 'ff' }],
  ['""', ''],
  ['42', 42],
  ['-7', -7],
  ['0x1F', 31],
  ['3.5', { float: 3.5 }],
  ['1e3', { float: 1000 }],
  ['.5', { float: 0.5 }],
  ['2 + 3 * 4', 14],
  ['(2 + 3) * 4', 20],
  ['7 // 2', 3],
  ['-7 // 2', -4],
  ['-7 % 3', 2],
  ['7 % -3', -2],
  ['7 / 2', { float: 3.5 }],
  ['6 / 2', { float: 3 }],
  ['2 ^ 10', { float: 1024 }],
  ['-2 ^ 2', { float: -4 }],
  ['10 * 1024', 10240],
  ['5.5 // 2', { float: 2 }],
  ['1 .. 2', '12'],
  ['6 / 2 .. ""', '3.0'],
  ['123456.789e3 .. ""', '123456789.0'],
  ['"a" .. "b" .. "c"', 'abc'],
  ['#"Zürich"', 7],
  ['#{ 1, 2, 3 }', 3],
  ['1 < 2', true],
  ['"a" < "b"', true],
  ['2 >= 3', false],
  ['1 == 1.0', true],
  ['"1" == 1', false],
  ['1 ~= 2', true],
  ['nil == false', false],
  ['false or "x"', 'x'],
  ['nil or false', false],
  ['1 and 2', 2],
  ['nil and 2 or 3', 3],
  ['os.getenv("HOME")', '/root'],
  ['os.getenv "NOT_SET" or "default"', 'default'],
  ['ENV_CITY', 'Zürich'],
  ['ENV_NOT_SET or 1', 1],
  ['tonumber(ENV_PORT) + 1', 5223],
  ['tonumber("x")', undefined],
  ['tostring(5) .. tostring(true)', '5true'],
  ['FileContents("secret")', 'line one\nline two\r\nlast'],
  ['FileLine "/etc/secret"', 'line one'],
  ['FileLines("secret")', ['line one', 'line two', 'last']],
  ['Credential "key"', 'hidden\n'],
  ['{ "a", "b"; "c", }', ['a', 'b', 'c']],
  ['{ }', []],
  [
    '{ x = 1, ["y z"] = 2, [3] = 4 }',
    {
      items: [],
      fields: [
        [3, 4],
        ['x', 1],
        ['y z', 2],
      ],
    },
  ],
  ['{ "one"; two = 2; "three" }', { items: ['one', 'three'], fields: [['two', 2]] }],
  ['{ [1] = "a", [2.0] = "b" }', ['a', 'b']],
  ['({ a = { b = "deep" } }).a.b', 'deep'],
  ['({ "x", "y" })[2]', 'y'],
]

describe('configuration language', () => {
  for (const [expression, expected] of expressions) {
    test(`value of ${expression}`, () => {
      const wanted = [{ kind: 'global', domain: '', module: '', settings: expected === undefined ? [] : [['value', expected]] }]
      for (const way of ['evaluator', 'machine'] as const) {
        const { sections, problems } = run(`value = ${expression}`, way)
        assert.deepEqual(sections, wanted, way)
        assert.deepEqual(problems, [], way)
      }
    })
  }
})

describe('where the Lua machine differs from Lua 5.4, the evaluator does not', () => {
  const differing: readonly (readonly [string, unknown])[] = [
    ['"10" + 5', 15],
    ['1e15 .. " " .. 0.1 .. " " .. 1e100 .. " " .. 1e-7', '1e+15 0.1 1e+100 1e-07'],
    ['4 * 1024 * 1024 * 1024', 4294967296],
    ['0xFFFFFFFF', 4294967295],
  ]
  for (const [expression, expected] of differing) {
    test(`value of ${expression}`, () => {
      const { sections } = run(`value = ${expression}`, 'evaluator')
      assert.deepEqual(sections, [{ kind: 'global', domain: '', module: '', settings: [['value', expected]] }])
    })
  }
})

const files: Readonly<Record<string, string>> = {
  'comments of every form': `
    -- one line
    --[[ a long
         one ]] a = 1 --[==[ with ]] inside ]==] b = 2
    ---- more dashes
    --[ not a long one
    c = 3`,
  'local variables': `
    local base, port = "example.com", 5000
    do local base = "inner" a = base end
    name = "chat." .. base
    port = port + 1
    local list = { "x" }
    list[2] = "y"
    list.z = true
    all = list
    x, y = 1, 2`,
  conditions: `
    local mode = "b"
    if mode == "a" then x = 1 elseif mode == "b" then x = 2 else x = 3 end
    if not ENV_NOPE then y = "unset" end`,
  sections: `
    top = 1
    VirtualHost "a.example"
      own = "a"
    VirtualHost("b.example")
      own = "b"
    Component "rooms.a.example" "muc"
      own = "rooms"
    Component "gateway.a.example"
      secret = "x"
    Component("files.a.example")("http_file_share")`,
  'options in braces': `
    VirtualHost "a.example" { own = 1, modules_enabled = { "x" } }
    back = "in the global section"
    Component "c.a.example" "muc" { own = 2 }
    Component "d.a.example" { own = 3 }`,
  'old names': `
    Host "a.example"
    component "c.a.example" "muc"
    host "b.example"
      own = 1`,
  'a return ends the file': 'a = 1 do return end',
}

describe('whole files: evaluator and Lua machine agree', () => {
  for (const [name, text] of Object.entries(files)) {
    test(name, () => {
      const [ours, theirs] = [run(text, 'evaluator'), run(text, 'machine')]
      assert.deepEqual(ours, theirs)
      assert.deepEqual(ours.problems, [])
    })
  }

  test('sections hold what was set in them', () => {
    const { sections } = run(files['options in braces']!, 'evaluator')
    assert.deepEqual(sections, [
      { kind: 'global', domain: '', module: '', settings: [['back', 'in the global section']] },
      {
        kind: 'virtual',
        domain: 'a.example',
        module: '',
        settings: [
          ['modules_enabled', ['x']],
          ['own', 1],
        ],
      },
      { kind: 'component', domain: 'c.a.example', module: 'muc', settings: [['own', 2]] },
      { kind: 'component', domain: 'd.a.example', module: 'component', settings: [['own', 3]] },
    ])
  })

  test('a byte order mark and Windows line ends change nothing', () => {
    const { sections } = run('\ufeffa = "x"\r\nb = [[1\r\n2]]\r\n', 'evaluator')
    assert.deepEqual(sections, [
      {
        kind: 'global',
        domain: '',
        module: '',
        settings: [
          ['a', 'x'],
          ['b', '1\n2'],
        ],
      },
    ])
  })
})

const programs: readonly (readonly [string, string, unknown])[] = [
  ['a loop', 'local t = {} for i = 1, 3 do t[i] = "h" .. i end value = t', ['h1', 'h2', 'h3']],
  ['a local function', 'local function at(n) return n .. "@example.com" end value = at("romeo")', 'romeo@example.com'],
  ['string methods', 'value = ("Example.COM"):lower():gsub("%.com", ".org")', 'example.org'],
  ['string.format', 'value = string.format("%s:%d", "host", 5222)', 'host:5222'],
  ['table functions', 'local t = { "b", "a" } table.sort(t) value = table.concat(t, ",")', 'a,b'],
  ['math', 'value = math.floor(7 / 2)', 3],
  ['repeat with a glue', 'value = ("ab"):rep(3, "-")', 'ab-ab-ab'],
  ['a size past 32 bits', 'local function id(x) return x end value = id(4 * 1024 *\n 1024 * 1024)', { float: 4294967296 }],
  ['text with bytes', 'local function id(x) return x end value = id("Zürich")', 'Zürich'],
  ['getenv', 'local function get(n) return os.getenv(n) end value = get("HOME")', '/root'],
]

describe('files that are programs', () => {
  for (const [name, text, expected] of programs) {
    test(name, () => {
      assert.equal(needsLua(new Source('t', Buffer.from(text)).parse()), true)
      const { sections, problems } = run(text, 'machine')
      assert.deepEqual(problems, [])
      assert.deepEqual(sections, [{ kind: 'global', domain: '', module: '', settings: [['value', expected]] }])
    })
  }

  for (const name of [
    'io',
    'debug',
    'package',
    'require',
    'load',
    'dofile',
    'pcall',
    'print',
    '_G',
    'os.execute',
    'os.exit',
    'math.random',
  ]) {
    test(`${name} is out of reach`, () => {
      const probe = name.includes('.') ? name : `rawequal(${name}, nil) and nil or ${name}`
      const { sections } = run(`local function f() end value = ${probe} == nil`, 'machine')
      assert.deepEqual(sections, [{ kind: 'global', domain: '', module: '', settings: [['value', true]] }])
    })
  }
})
