import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Network } from '../helpers/network.ts'
import { ServerProcess } from '../helpers/server-process.ts'

let network: Network
before(async () => {
  network = await Network.create()
})
after(() => network[Symbol.asyncDispose]())

/** Starts a server whose logger(1) is this shell script. */
async function withLogger(domain: string, script: string): Promise<{ server: ServerProcess; folder: string }> {
  const folder = join(network.folder, `${domain}-bin`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'logger'), `#!/bin/sh\ncd ${folder}\n${script}\n`, { mode: 0o755 })
  const syslog = '{ to = "syslog", levels = { min = "info" }, syslog_name = "chat", syslog_facility = "local3" }'
  const file = network.prepare(domain, { certificate: 'none', log: `{ debug = "*console", ${syslog} }` })
  const server = await ServerProcess.start(file, [], { ...process.env, PATH: `${folder}:${process.env['PATH']}` })
  return { server, folder }
}

describe('the log of the system', { concurrency: 2 }, () => {
  test('gets lines with facility and severity, under the given name', async () => {
    const { server, folder } = await withLogger('syslog.example', 'echo "$@" >arguments\ncat >lines')
    await using _ = server
    await server.stop()
    while (!existsSync(join(folder, 'lines')) || !readFileSync(join(folder, 'lines'), 'utf8').includes('"stopped"')) {
      await new Promise((resolve) => setImmediate(resolve)) // the script reads on by itself
    }
    assert.match(readFileSync(join(folder, 'arguments'), 'utf8'), /--tag chat/)
    const lines = readFileSync(join(folder, 'lines'), 'utf8').trim().split('\n')
    const warning = lines.find((line) => line.includes('has no certificate'))
    assert.match(warning ?? '', /^<156>\{/) // local3.warning
    assert.match(lines.at(-1)!, /^<158>\{.*"event":"stopped"/) // local3.info
  })

  for (const [what, script] of [
    ['fails at once', 'exit 3'],
    ['dies later', 'read line\nexit 1'],
  ] as const) {
    test(`that ${what} costs nobody the server: standard error says so once`, async () => {
      const { server } = await withLogger(`${what.replaceAll(' ', '-')}.example`, script)
      await using _ = server
      while (!server.stderr.includes('\n')) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(await server.stop(), { code: 0, signal: null })
      assert.match(server.stderr, /^entente: the system log cannot be written: (?:logger ended with \d|write EPIPE)\n$/)
    })
  }

  test('that is not there costs nobody the server either', async () => {
    const file = network.prepare('nolog.example', { log: '{ debug = "*console", info = "*syslog" }' })
    const node = join(import.meta.dirname, '..', '..', 'node_modules', '.bin')
    const tools = join(network.folder, 'tools')
    mkdirSync(tools)
    for (const tool of ['dirname', 'readlink']) {
      writeFileSync(join(tools, tool), `#!/bin/sh\nPATH=/usr/bin:/bin exec ${tool} "$@"\n`, { mode: 0o755 })
    }
    await using server = await ServerProcess.start(file, [], { ...process.env, PATH: `${node}:${tools}` })
    while (!server.stderr.includes('\n')) await new Promise((resolve) => setImmediate(resolve))
    assert.match(server.stderr, /^entente: the system log cannot be written: .*ENOENT/)
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  })
})
