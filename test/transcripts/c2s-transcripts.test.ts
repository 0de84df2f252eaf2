import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Conversation, contextOf, settingOf } from './c2s-runner.ts'

/**
 * A conversation: `#` its title, `:` the host's settings, `<` arrives, `>` leaves (all that leaves, in order),
 * `=` the state in which it ends.
 */
function run(lines: readonly string[]): void {
  const setting = lines.find((l) => l.startsWith(':'))
  const talk = new Conversation(contextOf(setting === undefined ? {} : settingOf(setting.slice(1).trim())))
  let left: readonly string[] = []
  const wanted: string[] = []
  let last = 'the beginning'
  const compare = (): void => assert.deepEqual(left, wanted.splice(0), `after: ${last}`)
  for (const line of lines) {
    const text = line.slice(1).trim()
    if (line.startsWith('>')) wanted.push(text)
    if (line.startsWith('<')) {
      compare()
      left = talk.arrive(text)
      last = line
    }
    if (line.startsWith('=')) {
      compare()
      assert.equal(talk.state.at, text)
      return
    }
  }
  assert.fail('a transcript ends with =')
}

const folder = import.meta.dirname
for (const file of readdirSync(folder).filter((f) => f.startsWith('c2s-') && f.endsWith('.txt'))) {
  describe(file, () => {
    for (const section of readFileSync(join(folder, file), 'utf8').split(/^# /m).slice(1)) {
      const [title, ...lines] = section.split('\n')
      test(title!, () => run(lines))
    }
  })
}
