import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newPassword } from '../../../src/cli/password.ts'
import { FakeShell } from '../../helpers/fake-shell.ts'

/** Types one text after each question. */
function typing(...texts: readonly string[]): { shell: FakeShell; answer: Promise<string> } {
  const shell = new FakeShell({ cwd: '/', terminal: true })
  const left = [...texts]
  shell.onAsk = () => setImmediate(() => shell.input.write(left.shift() ?? ''))
  return { shell, answer: newPassword(shell, 'romeo@a.example') }
}

describe('a password on a terminal', () => {
  test('is asked for twice, unseen, and the terminal is as before', async () => {
    const { shell, answer } = typing('sesame\r', 'sesame\r')
    assert.equal(await answer, 'sesame')
    assert.deepEqual(shell.questions, ['Password of romeo@a.example: ', 'The same again: '])
    assert.deepEqual(shell.input.raw, [true, false, true, false])
    assert.equal(shell.stdout.length + shell.stderr.filter((line) => line !== '').length, 0)
  })

  const typed = [
    ['backspace takes a character back', 'sesamx\u007fe\r', 'sesame'],
    ['backspace takes a whole emoji back', 'a😀\u007fb\r', 'ab'],
    ['backspace at the start does nothing', '\u007f\u007fab\r', 'ab'],
    ['Ctrl-U begins anew', 'wrong\u0015right\r', 'right'],
    ['other control characters are no part of it', 'a\u0001\tb\n', 'ab'],
    ['letters of every script', 'pässwörd-пароль\r', 'pässwörd-пароль'],
  ] as const
  for (const [what, keys, expected] of typed) {
    test(what, async () => assert.equal(await typing(keys, keys).answer, expected))
  }

  test('both answers may be pasted at once', async () => {
    assert.equal(await typing('sesame\nsesame\n').answer, 'sesame')
  })

  test('a character split over two reads is one character', async () => {
    const shell = new FakeShell({ cwd: '/', terminal: true })
    const [first, second] = [Buffer.from('é\r').subarray(0, 1), Buffer.from('é\r').subarray(1)]
    shell.onAsk = () =>
      setImmediate(() => {
        shell.input.write(first)
        setImmediate(() => shell.input.write(second))
      })
    assert.equal(await newPassword(shell, 'a@b'), 'é')
  })

  const refused = [
    ['two that differ', ['one\r', 'two\r'], 'the two passwords are not the same.'],
    ['none', ['\r'], 'the password is empty.'],
    ['Ctrl-C', ['ses\u0003'], 'given up; nothing was changed.'],
    ['Ctrl-D', ['\u0004'], 'given up; nothing was changed.'],
  ] as const
  for (const [what, keys, message] of refused) {
    test(`${what}: refused, and the terminal is as before`, async () => {
      const { shell, answer } = typing(...keys)
      await assert.rejects(answer, { name: 'Failure', message, code: 1 })
      assert.equal(shell.input.raw.at(-1), false)
    })
  }
})

describe('a password on a pipe', () => {
  const piped = async (text: string): Promise<string> => {
    const shell = new FakeShell({ cwd: '/' })
    shell.input.end(text)
    return newPassword(shell, 'a@b')
  }

  for (const text of ['sesame\n', 'sesame', 'sesame\r\n', 'sesame\nmore\n']) {
    test(`the first line of ${JSON.stringify(text)}`, async () => assert.equal(await piped(text), 'sesame'))
  }

  test('blanks belong to it', async () => assert.equal(await piped(' a b \n'), ' a b '))

  test('an empty line and an empty input are refused', async () => {
    await assert.rejects(piped('\n'), { name: 'Failure', message: 'the password is empty.' })
    await assert.rejects(piped(''), { name: 'Failure', message: 'standard input ended before the answer.' })
  })
})
