import assert from 'node:assert/strict'
import { test } from 'node:test'
import { starterConfig } from '../../../src/config/starter.ts'
import { load } from './load-text.ts'

test('the starter configuration loads without any problem and is strict about other servers', async () => {
  const config = await load(starterConfig('example.org'))
  assert.deepEqual(config.problems, [])
  assert.deepEqual(
    config.hosts.map((h) => [h.kind, h.domain]),
    [['virtual', 'example.org']],
  )
  assert.equal(config.get('example.org', 's2s_require_encryption'), true)
  assert.equal(config.get('example.org', 's2s_secure_auth'), true)
  assert.equal(config.get(undefined, 'data_path'), '/etc/data')
  for (const name of ['tls', 'saslauth', 'dialback', 'roster', 'disco', 's2s', 'c2s']) {
    assert.equal(config.enabledModules('example.org').has(name), true, name)
  }
})
