import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatPosition, formatProblem } from '../../../src/config/problem.ts'
import { load, told } from './load-text.ts'

const HOST = 'VirtualHost "a.example"'

/** One text, and all that must be told about it, in order. */
const cases: readonly (readonly [string, string, readonly string[]])[] = [
  ['a clean file', `${HOST}`, []],
  ['no VirtualHost', 'admins = { }', ['1:1 error there is no VirtualHost: add a line such as VirtualHost "example.com"']],
  [
    'all hosts off',
    `${HOST}\nenabled = false`,
    ['1:1 error no VirtualHost can be served: a.example (/etc/entente.cfg.lua:1:13)'],
  ],
  [
    'a missing comma',
    'modules_enabled = {\n  "roster"\n  "disco"\n}',
    ["3:3 error syntax error: '}' expected near '\"disco\"'; is a comma or semicolon missing before it?"],
  ],
  ['an unknown character', '\n  §', ['2:3 error syntax error: unexpected character §; text must be in quotes']],
  [
    'a control character at the start',
    '\n  \x01',
    ['2:3 error syntax error: unexpected character \\x01; text must be in quotes'],
  ],
  [
    'typographic quotes',
    `admins = { “x@a.example” }\n${HOST}`,
    ['1:12 error syntax error: unexpected character “; text must be in quotes'],
  ],
  [
    'columns count characters',
    `local x = "äöü" .. nil\n${HOST}`,
    ['1:11 error attempt to join (..) a nil value; a variable of the environment or a file may be missing'],
  ],
  [
    'unknown option',
    `s2s_secure_auht = true\n${HOST}`,
    ['1:1 warning nobody here knows the option s2s_secure_auht (did you mean "s2s_secure_auth"?); it has no effect'],
  ],
  [
    'option of nobody',
    `frobnicate_level = 3\n${HOST}`,
    ['1:1 warning nobody here knows the option frobnicate_level; it has no effect'],
  ],
  [
    'option that comes later',
    `${HOST}\n  archive_expires_after = "1w"`,
    ['2:3 warning archive_expires_after is an option of Prosody that Entente does not have yet; it has no effect'],
  ],
  [
    'option that has no meaning',
    `daemonize = true\n${HOST}`,
    ['1:1 warning daemonize has no effect here: leave it out; the server always runs in the foreground'],
  ],
  ['wrong type', `s2s_secure_auth = "maybe"\n${HOST}`, ['1:19 error s2s_secure_auth: expected true or false and got "maybe"']],
  [
    'wrong item',
    `c2s_ports = { 5222,\n 70000 }\n${HOST}`,
    ['2:2 error c2s_ports: expected a whole number from 0 to 65535 and got 70000'],
  ],
  [
    'wrong field',
    `ssl = { protocol = "tls9" }\n${HOST}`,
    [
      '1:20 error ssl.protocol: expected one of "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3", "tlsv1+", "tlsv1_1+", "tlsv1_2+", "tlsv1_3+", "sslv23" and got "tls9"',
    ],
  ],
  [
    'unknown field',
    `ssl = { cafle = "ca.pem" }\n${HOST}`,
    ['1:17 warning ssl: "cafle" is not known here and has no effect (did you mean "cafile"?)'],
  ],
  [
    'a keyed list',
    `modules_enabled = { roster = true }\n${HOST}`,
    ['1:30 error modules_enabled: expected a list, each the name of a module in quotes, and "roster" = … is no list item'],
  ],
  ['forgotten quotes', `storage = internal\n${HOST}`, ['1:11 error internal is not a value; write text in quotes: "internal"']],
  ['True', `s2s_secure_auth = True\n${HOST}`, ['1:19 error True is not a value; write true']],
  [
    'an option read back',
    `admins = { "x@a.example" }\nregistration_watchers = admins or { }\n${HOST}`,
    [
      '2:1 warning registration_watchers is an option of Prosody that Entente does not have yet; it has no effect',
      '2:25 warning admins has no value here: an option cannot be read back, only a local variable can; write text in quotes: "admins"',
    ],
  ],
  [
    'set twice',
    `pidfile = "a"\npidfile = "b"\n${HOST}`,
    [
      '2:1 warning pidfile is set twice in the global section (first at /etc/entente.cfg.lua:1:1); the last one counts, remove the other',
    ],
  ],
  [
    'global option in a host',
    `${HOST}\nc2s_ports = { 5222 }`,
    [
      '2:1 warning c2s_ports counts in the global section only and has no effect under a.example: move it above the first VirtualHost',
    ],
  ],
  [
    'host opened twice',
    `${HOST}\n${HOST}`,
    ['2:13 warning VirtualHost "a.example" was opened before, at /etc/entente.cfg.lua:1:13; its options are read as one section'],
  ],
  [
    'host and component',
    `${HOST}\nComponent "a.example" "muc"`,
    [
      '2:11 error a.example is both a VirtualHost and a Component (the other is at /etc/entente.cfg.lua:1:13); give the component a name of its own, such as conference.a.example',
    ],
  ],
  ['bad domain', `VirtualHost "a b"\n${HOST}`, ['1:13 error VirtualHost "a b" is not a valid domain name']],
  [
    'options of a bad domain are checked',
    `VirtualHost "a b"\ns2s_secure_auth = 7\n${HOST}`,
    ['1:13 error VirtualHost "a b" is not a valid domain name'],
  ],
  [
    'no name',
    `VirtualHost(nil)\n${HOST}`,
    ['1:13 error VirtualHost needs a domain in quotes, such as VirtualHost "example.com", and got nothing'],
  ],
  [
    'module on a VirtualHost',
    `VirtualHost "a.example" "muc"`,
    ['1:25 error options in braces are expected here and not a string; a VirtualHost takes no module name, a Component does'],
  ],
  [
    'unknown module',
    `modules_enabled = { "rooster" }\n${HOST}`,
    ['1:21 warning there is no module "rooster" (did you mean "roster"?); it is not loaded'],
  ],
  [
    'module with its prefix',
    `modules_enabled = { "mod_roster" }\n${HOST}`,
    ['1:21 warning there is no module "mod_roster" (did you mean "roster"?); it is not loaded'],
  ],
  [
    'module that comes later',
    `modules_enabled = { "mam" }\n${HOST}`,
    ['1:21 warning the module "mam" of Prosody is one that Entente does not have yet; it is not loaded'],
  ],
  [
    'component that comes later',
    `${HOST}\nComponent "up.a.example" "http_file_share"`,
    ['2:26 warning up.a.example is not served: the module "http_file_share" of Prosody is one that Entente does not have yet'],
  ],
  [
    'external component',
    `${HOST}\nComponent "irc.a.example"\ncomponent_secret = "x"`,
    [
      '2:11 warning irc.a.example is not served: external components are something that Entente does not have yet',
      '3:1 warning component_secret is an option of Prosody that Entente does not have yet; it has no effect',
    ],
  ],
  [
    'module that is no component',
    `${HOST}\nComponent "x.a.example" "roster"`,
    ['2:25 warning x.a.example is not served: the module "roster" is not one for a Component; list it in modules_enabled'],
  ],
  [
    'accounts elsewhere',
    `authentication = "ldap"\n${HOST}\nVirtualHost "b.example"\nauthentication = "internal_hashed"`,
    [
      '1:1 error a.example cannot be started: authentication = "ldap" is one that Entente does not have yet; use "internal_hashed" or "anonymous"',
    ],
  ],
  [
    'accounts nowhere',
    `${HOST}\nauthentication = "anonymos"`,
    [
      '1:1 error no VirtualHost can be served: a.example (/etc/entente.cfg.lua:1:13)',
      '2:1 error a.example cannot be started: authentication = "anonymos" is one that Entente does not have (did you mean "anonymous"?); use "internal_hashed" or "anonymous"',
    ],
  ],
  [
    'storage elsewhere',
    `storage = { archive = "sql", roster = "internal" }\n${HOST}\nVirtualHost "b.example"\nstorage = "memory"`,
    ['1:1 error a.example cannot be started: storage = "sql" is one that Entente does not have yet; use "internal" or "memory"'],
  ],
  [
    'mixed storage',
    `storage = { archive = "memory", roster = "internal" }\n${HOST}\nVirtualHost "b.example"\nstorage = "memory"`,
    [
      '1:1 error a.example cannot be started: storage with different places for different data is not there yet; use "internal" or "memory"',
    ],
  ],
  [
    'a missing file',
    `dialback_secret = FileLine "secret"\n${HOST}`,
    ['1:28 error /etc/secret cannot be read: it does not exist'],
  ],
  [
    'no credentials',
    `dialback_secret = Credential "x"\n${HOST}`,
    ['1:30 error Credential reads from the folder in $CREDENTIALS_DIRECTORY, which is not set; systemd sets it'],
  ],
  ['a missing Include', `Include "more.cfg.lua"\n${HOST}`, ['1:9 error /etc/more.cfg.lua cannot be read: it does not exist']],
  [
    'a missing folder',
    `Include "conf.d/*.cfg.lua"\n${HOST}`,
    ['1:9 warning nothing is included: the folder /etc/conf.d cannot be read: it does not exist'],
  ],
  ['pattern in a folder', `Include "*/x.lua"\n${HOST}`, ['1:9 error Include takes * and ? in the last part of the path only']],
  [
    'RunScript',
    `RunScript "x.lua"\n${HOST}`,
    ['1:11 error RunScript is not supported: put the settings into a file and Include it'],
  ],
  ['calculating with text', `x = "a" * 2\n${HOST}`, ['1:5 error attempt to calculate with a string value']],
  ['comparing', `if "a" < 2 then end\n${HOST}`, ['1:4 error attempt to compare string with number']],
  ['field of nil', `local t = { }\npidfile = t.a.b\n${HOST}`, ['2:11 error attempt to read a field of a nil value']],
  [
    'a value that is not UTF-8',
    `${HOST}\ndialback_secret = "\\xff"`,
    ['2:19 error dialback_secret: expected text in quotes and got "(not UTF-8)"'],
  ],
  [
    'one fault does not hide the next',
    `a = nil .. "x"\nb = { } + 1\ns2s_timeout = -1\n${HOST}`,
    [
      '1:5 error attempt to join (..) a nil value; a variable of the environment or a file may be missing',
      '2:5 error attempt to calculate with a table value',
      '3:15 error s2s_timeout: expected a period such as 30 (seconds), "5 min", "2 days" or "1w", at least 1 s and got -1',
    ],
  ],
  [
    'an ambiguous unit',
    `s2s_timeout = "5m"\n${HOST}`,
    ['1:15 error s2s_timeout: expected a period such as 30 (seconds), "5 min", "2 days" or "1w", at least 1 s and got "5m"'],
  ],
  ['a log level', `log = { inof = "x.log" }\n${HOST}`, ['1:16 error log: "inof" is no log level; did you mean info?']],
  ['a sink without a file', `log = { { to = "file" } }\n${HOST}`, ['1:9 error log: a sink to a file needs filename = "…"']],
  [
    'a sink of nobody',
    `log = "*cloud"\n${HOST}`,
    ['1:7 error log: expected one of "file", "console", "stdout", "syslog", "nowhere" and got "cloud"'],
  ],
  [
    'a program with a fault',
    `local function f() return nil .. "x" end\n${HOST}\n  f()`,
    ['1:1 error attempt to concatenate a nil value'],
  ],
  [
    'a program with a wrong value',
    `for i = 1, 1 do\n  s2s_secure_auth = 7\nend\n${HOST}`,
    ['2:3 error s2s_secure_auth: expected true or false and got 7'],
  ],
  ['a global function', `function f() end\n${HOST}`, ['1:1 error a function must be local here: write local function f']],
]

describe('every problem, with its place', () => {
  for (const [name, text, expected] of cases) {
    test(name, async () => assert.deepEqual(told(await load(text)), expected))
  }

  test('of an included file, with its name', async () => {
    const config = await load(`Include "conf.d/*.lua"\n${HOST}`, {
      files: { 'conf.d/b.lua': 'x y', 'conf.d/a.lua': '\n  use_ipv4 = 3', 'conf.d/.hidden.lua': '(', 'conf.d/other.txt': '(' },
    })
    assert.deepEqual(told(config), [
      '/etc/conf.d/a.lua:2:14 error use_ipv4: expected true or false and got 3',
      "/etc/conf.d/b.lua:1:3 error syntax error: '=' expected near 'y'",
    ])
    assert.deepEqual(config.files, ['/etc/entente.cfg.lua', '/etc/conf.d/a.lua', '/etc/conf.d/b.lua'])
  })

  test('the notice about encryption comes when nobody decided', async () => {
    const notices = async (text: string): Promise<readonly string[]> => (await load(text)).problems.map(formatProblem)
    const line =
      '/etc/entente.cfg.lua:1:1: notice: encryption between servers is not required; to require it, add: s2s_require_encryption = true'
    assert.deepEqual(await notices(HOST), [line])
    assert.deepEqual(await notices(`s2s_require_encryption = false\n${HOST}`), [])
    assert.deepEqual(await notices(`${HOST}\ns2s_require_encryption = true\nVirtualHost "b.example"`), [line])
    assert.deepEqual(await notices(`modules_disabled = { "s2s" }\n${HOST}`), [])
  })

  test('a file that is not there', async () => {
    const { loadConfig } = await import('../../../src/config/load.ts')
    const config = await loadConfig({ path: '/nonexistent/entente.cfg.lua', env: {}, modules: [] })
    assert.equal(config.hasErrors, true)
    assert.equal(formatPosition(config.problems[0]!), '/nonexistent/entente.cfg.lua:1:1')
    assert.match(config.problems.map((p) => p.message).join('\n'), /cannot be read: it does not exist/)
  })
})
