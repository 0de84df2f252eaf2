import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { load, told } from './load-text.ts'

const AUTO = ['c2s', 'iq', 'message', 'offline', 'ping_muc', 'presence', 's2s', 's2s_auth_certs']

/** Global section, host line and what follows, host, modules. */
const cases: readonly (readonly [string, string, string, string, readonly string[]])[] = [
  ['nothing is listed', '', 'VirtualHost "a.example"', 'a.example', AUTO],
  ['global list', 'modules_enabled = { "roster"; "tls" }', 'VirtualHost "a.example"', 'a.example', [...AUTO, 'roster', 'tls']],
  [
    'host adds',
    'modules_enabled = { "tls" }',
    'VirtualHost "a.example" modules_enabled = { "ping" }',
    'a.example',
    [...AUTO, 'ping', 'tls'],
  ],
  ['s2s off everywhere', 'modules_disabled = { "s2s" }', 'VirtualHost "a.example"', 'a.example', AUTO.filter((m) => m !== 's2s')],
  ['s2s off on a host', '', 'VirtualHost "a.example" modules_disabled = { "s2s" }', 'a.example', AUTO.filter((m) => m !== 's2s')],
  [
    'a host enables again',
    'modules_disabled = { "s2s" }',
    'VirtualHost "a.example" modules_enabled = { "s2s" }',
    'a.example',
    AUTO,
  ],
  [
    'disabling wins in one section',
    'modules_enabled = { "ping" } modules_disabled = { "ping" }',
    'VirtualHost "a.example"',
    'a.example',
    AUTO,
  ],
  ['disallow_s2s', '', 'VirtualHost "a.example" disallow_s2s = true', 'a.example', AUTO.filter((m) => m !== 's2s')],
  ['a module that is not there', 'modules_enabled = { "mam" }', 'VirtualHost "a.example"', 'a.example', AUTO],
  [
    'a component takes the inherited kind only',
    'modules_enabled = { "roster", "tls", "saslauth", "dialback", "s2s_bidi", "smacks", "ping" }',
    'VirtualHost "a.example" Component "c.a.example" "muc"',
    'c.a.example',
    ['dialback', 'iq', 'muc', 's2s', 's2s_bidi', 'saslauth', 'smacks', 'tls'],
  ],
  [
    'a component lists its own',
    'modules_enabled = { "tls" } modules_disabled = { "s2s" }',
    'VirtualHost "a.example" Component "c.a.example" "muc" modules_enabled = { "ping", "s2s" } modules_disabled = { "iq" }',
    'c.a.example',
    ['muc', 'ping', 's2s', 'tls'],
  ],
]

describe('modules of a host', () => {
  for (const [name, global, host, domain, expected] of cases) {
    test(name, async () => {
      const config = await load(`${global}\n${host}`)
      assert.deepEqual([...config.enabledModules(domain)].toSorted(), [...expected].toSorted())
      assert.equal(config.hasErrors, false)
    })
  }

  test('what runs by itself may be listed; what is not there may be disabled', async () => {
    const config = await load('modules_enabled = { "posix", "s2s" }\nmodules_disabled = { "mam" }\nVirtualHost "a.example"')
    assert.deepEqual(told(config), [])
  })

  test('a disabled name that nobody knows is told', async () => {
    const config = await load('modules_disabled = { "s2z" }\nVirtualHost "a.example"')
    assert.deepEqual(told(config), ['1:22 warning there is no module "s2z" (did you mean "s2s"?); it is not loaded'])
  })
})
