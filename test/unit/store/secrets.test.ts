import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openMemoryStore } from '../../../src/store/memory.ts'
import { serverSecret } from '../../../src/store/secrets.ts'

test('a secret is made once, whoever asks, and each name has its own', async () => {
  const store = openMemoryStore()
  const [one, same] = await Promise.all([
    serverSecret(store, 'dialback', randomBytes),
    serverSecret(store, 'dialback', randomBytes),
  ])
  assert.equal(one.byteLength, 32)
  assert.deepEqual(one, same)
  assert.deepEqual(await serverSecret(store, 'dialback', randomBytes), one)
  assert.notDeepEqual(await serverSecret(store, 'salt', randomBytes), one)
})
