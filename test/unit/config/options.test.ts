import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OptionName } from '../../../src/config/options.ts'
import { OPTION_BY_NAME, OPTIONS } from '../../../src/config/options.ts'
import { OTHER_OPTIONS } from '../../../src/config/other-options.ts'
import { load, told } from './load-text.ts'

const HOST = '\nVirtualHost "a.example"\n'

/** name, written value, value as read. All in the global section. */
const values: readonly (readonly [OptionName, string, unknown])[] = [
  ['s2s_secure_auth', 'true', true],
  ['s2s_secure_auth', '"true"', true],
  ['s2s_secure_auth', '0', false],
  ['s2s_insecure_domains', '{ "Gmail.COM", "x.example." }', new Set(['gmail.com', 'x.example'])],
  ['s2s_insecure_domains', '"gmail.com"', new Set(['gmail.com'])],
  ['s2s_timeout', '30', 30_000],
  ['s2s_timeout', '1.5', 1500],
  ['s2s_timeout', '"2 min"', 120_000],
  ['s2s_timeout', '"90"', 90_000],
  ['s2s_timeout', '"1w"', 604_800_000],
  ['s2s_timeout', '"2 days"', 172_800_000],
  ['s2s_timeout', '"1 month"', 2_678_400_000],
  ['s2s_close_timeout', '0', 0],
  ['s2s_stanza_size_limit', '10000', 10_000],
  ['s2s_stanza_size_limit', '"64 KiB"', 65_536],
  ['s2s_stanza_size_limit', '"1MB"', 1_000_000],
  ['s2s_stanza_size_limit', '512 * 1024', 524_288],
  ['s2s_send_queue_size', '1', 1],
  ['s2s_queue_age', '30', 30_000],
  ['c2s_ports', '5222', new Set([5222])],
  ['c2s_ports', '{ 5222, "5322" }', new Set([5222, 5322])],
  ['c2s_ports', '{ }', new Set()],
  ['c2s_ports', '{ 10444 / 2 }', new Set([5222])],
  [
    'interfaces',
    '{ "*", "::", "127.0.0.1", "[::1]", "fe80::1%eth0", "::ffff:1.2.3.4" }',
    new Set(['*', '::', '127.0.0.1', '::1', 'fe80::1%eth0', '::ffff:1.2.3.4']),
  ],
  [
    'dns_servers',
    '{ "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:5300" }',
    [
      { address: '127.0.0.1', port: 53 },
      { address: '127.0.0.1', port: 5353 },
      { address: '::1', port: 53 },
      { address: '::1', port: 5300 },
    ],
  ],
  ['dns_servers', '"[::1]"', [{ address: '::1', port: 53 }]],
  ['unbound', '{ resolvconf = "resolv.conf", hoststxt = false }', { resolvconf: '/etc/resolv.conf', hoststxt: false }],
  [
    'network_settings',
    '{ read_timeout = 840, tcp_backlog = 64, nagle = false }',
    { read_timeout: 840_000, tcp_backlog: 64, nagle: false },
  ],
  ['data_path', '"state"', '/etc/state'],
  ['data_path', '"/var/lib/entente"', '/var/lib/entente'],
  ['pidfile', '"../run/x.pid"', '/run/x.pid'],
  ['tls_profile', '"modern"', 'modern'],
  ['storage_synchronous', '"normal"', 'normal'],
  ['storage', '{ roster = "internal" }', new Map([['roster', 'internal']])],
  ['disable_sasl_mechanisms', '{ "PLAIN" }', new Set(['PLAIN'])],
  [
    'ssl',
    '{ protocol = "tlsv1_2+", ciphers = { "A", "B" }, cafile = "ca.pem", depth = 5, options = { "no_ticket", no_compression = true } }',
    {
      protocol: { min: 'TLSv1.2' },
      ciphers: 'A:B',
      cafile: '/etc/ca.pem',
      depth: 5,
      options: ['no_compression', 'no_ticket'],
    },
  ],
  ['ssl', '{ protocol = "tlsv1_3" }', { protocol: { min: 'TLSv1.3', max: 'TLSv1.3' } }],
  ['ssl', '{ protocol = "sslv23" }', { protocol: { min: 'TLSv1' } }],
  [
    'log',
    '"server.log"',
    [{ to: 'file', filename: '/etc/server.log', timestamps: true, levels: new Set(['info', 'warn', 'error']) }],
  ],
  ['log', '"*syslog"', [{ to: 'syslog', levels: new Set(['debug', 'info', 'warn', 'error']) }]],
  [
    'log',
    '{ error = "/var/log/e.log", warn = "*console" }',
    [
      { to: 'file', filename: '/var/log/e.log', timestamps: true, levels: new Set(['error']) },
      { to: 'console', levels: new Set(['warn', 'error']) },
    ],
  ],
  [
    'log',
    '{ "*stdout", { to = "syslog", levels = "warn", syslog_name = "xmpp", syslog_facility = "daemon" } }',
    [
      { to: 'console', levels: new Set(['debug', 'info', 'warn', 'error']) },
      { to: 'syslog', levels: new Set(['warn']), syslogName: 'xmpp', syslogFacility: 'daemon' },
    ],
  ],
  [
    'log',
    '{ info = "i.log", { levels = { "error" }, to = "syslog" }, { levels = { min = "info", max = "warn" }, to = "file", filename = "w.log", timestamps = false } }',
    [
      { to: 'file', filename: '/etc/i.log', timestamps: true, levels: new Set(['info', 'warn', 'error']) },
      { to: 'syslog', levels: new Set(['error']) },
      { to: 'file', filename: '/etc/w.log', timestamps: false, levels: new Set(['info', 'warn']) },
    ],
  ],
]

const wrong: readonly (readonly [OptionName, string])[] = [
  ['s2s_secure_auth', '2'],
  ['s2s_insecure_domains', '{ "a b" }'],
  ['s2s_insecure_domains', '{ true }'],
  ['s2s_timeout', '"soon"'],
  ['s2s_timeout', '"never"'],
  ['s2s_timeout', '{ }'],
  ['s2s_stanza_size_limit', '9999'],
  ['s2s_stanza_size_limit', '"1 KiB/s"'],
  ['s2s_send_queue_size', '1.5'],
  ['c2s_ports', '{ -1 }'],
  ['c2s_ports', '"http"'],
  ['interfaces', '{ "localhost" }'],
  ['interfaces', '{ "1.2.3.4.5" }'],
  ['interfaces', '{ "1:2:3" }'],
  ['dns_servers', '{ "127.0.0.1:0" }'],
  ['dns_servers', '{ "dns.example" }'],
  ['dns_servers', '{ "::1:70000x" }'],
  ['data_path', '""'],
  ['data_path', '5'],
  ['data_path', '"a\\0b"'],
  ['admins', '{ "@a.example" }'],
  ['tls_profile', '"Modern"'],
  ['limits', '{ c2s = { rate = "fast" } }'],
  ['network_settings', '{ read_timeout = 0 }'],
  ['ssl', '"cert.pem"'],
  ['log', 'true'],
  ['log', '{ { levels = { "loud" }, to = "console" } }'],
  ['log', '{ { levels = { min = "loud" }, to = "console" } }'],
  ['log', '{ { levels = { lowest = "info" }, to = "console" } }'],
]

describe('values of options', () => {
  for (const [name, written, expected] of values) {
    test(`${name} = ${written}`, async () => {
      const config = await load(`${name} = ${written}${HOST}`)
      assert.deepEqual(told(config), [])
      assert.deepEqual(config.get(undefined, name), expected)
      assert.deepEqual(config.get('a.example', name), expected)
    })
  }

  for (const [name, written] of wrong) {
    test(`${name} = ${written} is refused`, async () => {
      const config = await load(`${name} = ${written}${HOST}`)
      const errors = config.problems.filter((p) => p.severity === 'error')
      assert.equal(errors.length >= 1, true)
      assert.equal(errors[0]!.message.startsWith(`${name}`), true, errors[0]!.message)
      assert.equal(config.isSet(undefined, name), false)
    })
  }

  test('variables of the environment are text and do for every kind', async () => {
    const config = await load(`c2s_ports = { ENV_PORT }\nuse_ipv6 = ENV_V6\ns2s_timeout = ENV_TIME${HOST}`, {
      env: { PORT: '5000', V6: 'false', TIME: '10' },
    })
    assert.deepEqual(told(config), [])
    assert.deepEqual(config.get(undefined, 'c2s_ports'), new Set([5000]))
    assert.equal(config.get(undefined, 'use_ipv6'), false)
    assert.equal(config.get(undefined, 's2s_timeout'), 10_000)
  })
})

describe('defaults and inheritance', () => {
  test('every default is a value that its own kind would give', async () => {
    const config = await load(HOST)
    const expected: readonly (readonly [OptionName, unknown])[] = [
      ['data_path', '/etc/data'],
      ['certificates', '/etc/certs'],
      ['c2s_ports', new Set([5222])],
      ['c2s_direct_tls_ports', new Set()],
      ['s2s_ports', new Set([5269])],
      ['s2s_direct_tls_ports', new Set()],
      ['interfaces', new Set(['*', '::'])],
      ['local_interfaces', new Set(['127.0.0.1', '::1'])],
      ['s2s_secure_auth', false],
      ['s2s_require_encryption', false],
      ['s2s_allow_encryption', true],
      ['s2s_timeout', 30_000],
      ['s2s_close_timeout', 5000],
      ['s2s_stanza_size_limit', 524_288],
      ['s2s_send_queue_size', 32_768],
      ['c2s_require_encryption', true],
      ['c2s_timeout', 30_000],
      ['c2s_stanza_size_limit', 262_144],
      ['allow_unencrypted_plain_auth', false],
      ['authentication', 'internal_hashed'],
      ['storage', 'internal'],
      ['log', undefined],
      ['dns_servers', undefined],
    ]
    for (const [name, value] of expected) assert.deepEqual(config.get('a.example', name), value, name)
    for (const name of OPTION_BY_NAME.keys()) assert.equal(config.isSet('a.example', name as OptionName), false, name)
  })

  test('a host has its own value, else the global one', async () => {
    const config = await load(
      `s2s_secure_auth = true\nVirtualHost "a.example"\n  s2s_secure_auth = false\nVirtualHost "b.example"\nComponent "c.b.example" "muc"`,
    )
    assert.deepEqual(told(config), [])
    assert.equal(config.get(undefined, 's2s_secure_auth'), true)
    assert.equal(config.get('a.example', 's2s_secure_auth'), false)
    assert.equal(config.get('b.example', 's2s_secure_auth'), true)
    assert.equal(config.get('c.b.example', 's2s_secure_auth'), true)
    assert.deepEqual(config.source('a.example', 's2s_secure_auth'), { file: '/etc/entente.cfg.lua', line: 3, column: 3 })
    assert.deepEqual(config.source('b.example', 's2s_secure_auth'), { file: '/etc/entente.cfg.lua', line: 1, column: 1 })
    assert.equal(config.source(undefined, 'storage'), undefined)
  })

  test('nil in a host gives the global value back', async () => {
    const config = await load(`s2s_secure_auth = true${HOST}s2s_secure_auth = false\ns2s_secure_auth = nil`)
    assert.equal(config.get('a.example', 's2s_secure_auth'), true)
  })

  test('hosts are prepared and in order; a disabled one is idle', async () => {
    const config = await load(
      'VirtualHost "B.Example"\nVirtualHost "a.example"\nenabled = false\nComponent "muc.b.example" "muc"',
    )
    assert.deepEqual(
      config.hosts.map((h) => [h.kind, h.domain, h.module]),
      [
        ['virtual', 'b.example', undefined],
        ['component', 'muc.b.example', 'muc'],
      ],
    )
    assert.deepEqual(
      config.idle.map((h) => [h.domain, h.reason]),
      [['a.example', 'it is disabled (enabled = false)']],
    )
    assert.deepEqual(told(config), [])
  })

  test('an included file begins in the global section and leaves the section of its includer alone', async () => {
    const config = await load('VirtualHost "a.example"\nInclude "more.lua"\ns2s_secure_auth = true', {
      files: { 'more.lua': 'use_ipv6 = false\nVirtualHost "b.example"\ns2s_require_encryption = true' },
    })
    assert.deepEqual(told(config), [])
    assert.equal(config.get(undefined, 'use_ipv6'), false)
    assert.equal(config.get('b.example', 's2s_require_encryption'), true)
    assert.equal(config.get('a.example', 's2s_secure_auth'), true)
    assert.equal(config.get('b.example', 's2s_secure_auth'), false)
  })
})

describe('TLS options of a host', () => {
  test('global, parent domain, host, then the service', async () => {
    const config = await load(`
      ssl = { cafile = "global-ca", capath = "global-path", key = "g.key", certificate = "g.crt", protocol = "tlsv1_2+" }
      s2s_ssl = { capath = "global-s2s-path" }
      VirtualHost "example.com"
        ssl = { key = "e.key", certificate = "e.crt", cafile = "parent-ca" }
        c2s_ssl = { ciphers = "PARENT" }
      VirtualHost "other.example"
        certificate = "other.crt"
      Component "muc.example.com" "muc"
        ssl = { protocol = "tlsv1_3+" }`)
    assert.deepEqual(told(config), [])
    const parent = { key: '/etc/e.key', certificate: '/etc/e.crt', cafile: '/etc/parent-ca' }
    assert.deepEqual(config.tls('example.com', 'c2s'), {
      ...parent,
      capath: '/etc/global-path',
      protocol: { min: 'TLSv1.2' },
      ciphers: 'PARENT',
    })
    assert.deepEqual(config.tls('muc.example.com', 's2s'), {
      ...parent,
      capath: '/etc/global-s2s-path',
      protocol: { min: 'TLSv1.3' },
    })
    assert.deepEqual(config.tls('other.example', 'c2s'), {
      cafile: '/etc/global-ca',
      capath: '/etc/global-path',
      protocol: { min: 'TLSv1.2' },
      certificate: '/etc/other.crt',
    })
    assert.equal(config.tls(undefined, 's2s_direct_tls').certificate, '/etc/g.crt')
  })
})

describe('the option table', () => {
  test('no name is in both lists, and every option explains itself', () => {
    for (const [name, option] of OPTION_BY_NAME) {
      assert.equal(OTHER_OPTIONS.has(name), false, name)
      assert.match(option.help, /\.$/, name)
    }
  })

  test('the options that work from the first day work', () => {
    const first = `interfaces local_interfaces c2s_ports c2s_direct_tls_ports s2s_ports s2s_direct_tls_ports use_ipv4 use_ipv6
      data_path pidfile log certificates ssl certificate key admins modules_enabled modules_disabled authentication storage
      allow_unencrypted_plain_auth c2s_require_encryption s2s_timeout s2s_close_timeout s2s_tcp_keepalives s2s_secure_auth
      s2s_secure_domains s2s_insecure_domains s2s_require_encryption s2s_allow_encryption s2s_stanza_size_limit
      s2s_send_queue_size s2s_ssl s2s_interfaces s2s_direct_tls_interfaces s2s_direct_tls_ssl network_settings unbound
      dns_servers disallow_s2s allow_anonymous_s2s dialback_secret run_as_root`
    for (const name of first.split(/\s+/)) {
      assert.equal(OPTIONS[name as OptionName]?.status, 'works', name)
    }
  })
})
