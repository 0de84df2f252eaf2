import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { live, Signals, type Startable } from '../../../src/cli/start.ts'
import { FakeShell } from '../../helpers/fake-shell.ts'

/** A server that notes what it is told; `stop` ends it unless it is stuck. */
function fakeServer(options: { start?: () => Promise<void>; stuck?: boolean } = {}) {
  const told: string[] = []
  const ended = Promise.withResolvers<void>()
  const server: Startable = {
    start: async () => {
      told.push('start')
      await options.start?.()
    },
    stop: async (reason) => {
      told.push(`stop ${reason}`)
      if (options.stuck) await new Promise(() => {})
      ended.resolve()
    },
    ended: ended.promise,
    reload: async () => told.push('reload'),
    reopenLogs: () => void told.push('reopen'),
  }
  return { server, told, end: ended.resolve }
}

function shellAndSignals() {
  const shell = new FakeShell({ cwd: '/' })
  return { shell, signals: new Signals(shell) }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('signals of a running server', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends it in order`, async () => {
      const { shell, signals } = shellAndSignals()
      const { server, told } = fakeServer()
      const code = live(server, signals)
      await turn()
      shell.signals.emit(signal)
      assert.equal(await code, 0)
      assert.deepEqual(told, ['start', `stop ${signal}`])
      assert.deepEqual(shell.exits, [])
    })
  }

  test('a second one ends the process at once', async () => {
    const { shell, signals } = shellAndSignals()
    const { server, told } = fakeServer({ stuck: true })
    void live(server, signals)
    await turn()
    shell.signals.emit('SIGTERM')
    assert.deepEqual(shell.exits, [])
    shell.signals.emit('SIGTERM')
    shell.signals.emit('SIGINT')
    assert.deepEqual(shell.exits, [143, 130])
    assert.deepEqual(told, ['start', 'stop SIGTERM'])
  })

  test('SIGHUP opens log files again and reloads; not while it ends', async () => {
    const { shell, signals } = shellAndSignals()
    const { server, told } = fakeServer()
    const code = live(server, signals)
    await turn()
    shell.signals.emit('SIGHUP')
    shell.signals.emit('SIGTERM')
    shell.signals.emit('SIGHUP')
    await code
    assert.deepEqual(told, ['start', 'reopen', 'reload', 'stop SIGTERM'])
  })

  test('SIGHUP before there is a server is not the end', () => {
    const { shell } = shellAndSignals()
    assert.ok(shell.signals.emit('SIGHUP'))
    assert.deepEqual(shell.exits, [])
  })

  test('told to end before there is a server: it never starts', async () => {
    const { shell, signals } = shellAndSignals()
    shell.signals.emit('SIGTERM')
    const { server, told } = fakeServer()
    assert.equal(await live(server, signals), 0)
    assert.deepEqual(told, ['stop SIGTERM'])
  })

  test('told to end while it starts: that it did not get there is no failure', async () => {
    const { shell, signals } = shellAndSignals()
    const { server } = fakeServer({
      start: async () => {
        shell.signals.emit('SIGTERM')
        throw new Error('closed')
      },
    })
    assert.equal(await live(server, signals), 0)
  })

  test('a start that fails by itself is told', async () => {
    const { signals } = shellAndSignals()
    const { server } = fakeServer({ start: () => Promise.reject(new Error('port 5222 is taken')) })
    await assert.rejects(live(server, signals), /port 5222 is taken/)
  })

  test('a server that another command ended ends the process with 0', async () => {
    const { signals } = shellAndSignals()
    const { server, end } = fakeServer()
    const code = live(server, signals)
    await turn()
    end()
    assert.equal(await code, 0)
  })

  test('afterwards no listener is left', async () => {
    const { shell, signals } = shellAndSignals()
    signals.dispose()
    assert.deepEqual(shell.signals.eventNames(), [])
  })
})
