import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readTranscript, replay } from '../../transcripts/s2s-conversation.ts'

const folder = join(import.meta.dirname, '..', '..', 'transcripts')
const files = readdirSync(folder).filter((f) => f.startsWith('s2s-') && f.endsWith('.txt'))

for (const file of files) {
  describe(file, () => {
    for (const conversation of readTranscript(readFileSync(join(folder, file), 'utf8'))) {
      test(conversation.title, () => assert.deepEqual(replay(conversation), conversation.lines))
    }
  })
}

test('there are transcripts', () => assert.ok(files.length >= 4))
