import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { load } from './load-text.ts'

const text = readFileSync(join(import.meta.dirname, 'fixtures', 'distribution.cfg.lua'))

test('a configuration of the shape that Prosody ships loads unchanged', async () => {
  const config = await load(text, {
    files: {
      'conf.d/example.cfg.lua':
        'VirtualHost "example.com"\n  enabled = false\n  ssl = { key = "/k.key"; certificate = "/c.crt"; }\n',
    },
  })
  assert.equal(config.hasErrors, false)
  assert.deepEqual(
    config.hosts.map((h) => h.domain),
    ['localhost'],
  )
  assert.deepEqual(
    config.idle.map((h) => h.domain),
    ['example.com'],
  )
  assert.equal(config.get('localhost', 's2s_secure_auth'), true)
  assert.equal(config.get(undefined, 'log')?.length, 3)
  assert.deepEqual(config.get(undefined, 'limits'), { c2s: { rate: 10_000 }, s2sin: { rate: 30_000, burst: 2000 } })
  assert.equal(config.enabledModules('localhost').has('roster'), true)
})

test('each thing in it that is not there yet is one warning at its line', async () => {
  const config = await load(text, { files: { 'conf.d/none.txt': '' } })
  const warned = config.problems
    .filter((p) => p.severity === 'warning')
    .map((p) => /"(\w+)"/.exec(p.message)?.[1] ?? p.message.split(' ')[0])
  assert.deepEqual(warned, [
    'plugin_paths',
    ...[
      'blocklist',
      'carbons',
      'limits',
      'pep',
      'private',
      'vcard4',
      'vcard_legacy',
      'register',
      'time',
      'admin_adhoc',
      'admin_shell',
    ],
    'limits',
    'archive_expires_after',
  ])
})
