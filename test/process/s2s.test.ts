import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { Network, PASSWORD } from '../helpers/network.ts'
import { readOpenMetrics } from '../helpers/open-metrics.ts'
import { entente, ServerProcess } from '../helpers/server-process.ts'
import type { TestClient } from '../helpers/test-client.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'entente')
let network: Network
let server: ServerProcess
let file: string
let romeo: TestClient
let juliet: TestClient

before(async () => {
  network = await Network.create()
  file = network.prepare('here.example', { log: '{ debug = "*console" }' })
  assert.equal(entente('adduser', '--config', file, 'romeo@here.example', PASSWORD).code, 0)
  server = await ServerProcess.start(file)
  await network.server('far.example', { users: ['juliet'] })
  romeo = await server.client('romeo@here.example', PASSWORD)
  juliet = await network.client('juliet@far.example')
})
after(async () => {
  romeo.destroy()
  await server[Symbol.asyncDispose]()
  await network[Symbol.asyncDispose]()
})

const say = async (body: string): Promise<void> => {
  romeo.send(`<message to='juliet@far.example' type='chat'><body>${body}</body></message>`)
  await juliet.message((m) => m.child('body')?.text === body)
}

test('that encryption is not required is news, not a warning', async () => {
  assert.equal((await server.line(/encryption between servers is not required/)).level, 'info')
})

test('s2s list and metrics over the control socket, as text and as data', async () => {
  await say('hello')
  const listed = entente('s2s', 'list', '--config', file)
  assert.equal(listed.code, 0)
  assert.match(listed.out, /^far\.example <- here\.example {2}/)
  const data = JSON.parse(entente('s2s', 'list', '--json', '--config', file).out)
  assert.equal(data.streams[0].remote, 'far.example')
  readOpenMetrics(entente('metrics', '--config', file).out)
  const refused = entente('s2s', 'show', 'no domain', '--config', file)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /"no domain" is no domain\./)
  const asData = entente('s2s', 'close', 'x.example', '--json', '--config', file)
  assert.deepEqual([asData.code, JSON.parse(asData.out)], [1, { error: 'there is no stream with x.example.' }])
})

test('s2s trace prints until it is told to end', async () => {
  const child = spawn(BIN, ['s2s', 'trace', 'far.example', '--json', '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await server.line('trace begun by command')
  await say('watched')
  const seen = JSON.parse(String((await lines.next()).value))
  assert.equal(seen.direction, 'out')
  assert.match(seen.text, /<body>\[7 characters\]<\/body>/)
  child.kill('SIGINT')
  assert.deepEqual(await exit, [0, null])
  await server.line('trace ended')
})

test('a watcher that does not read loses lines, and nobody waits for it', async () => {
  const socket = connect(join(dirname(file), 'data', 'entente.sock'))
  const from = server.lines.length
  socket.write('{"command":"s2s","args":["trace","far.example","bodies"]}\n')
  await server.line('trace begun by command', from)
  socket.pause()
  const body = 'x'.repeat(8_000)
  for (let i = 0; i < 300; i++) romeo.send(`<message to='juliet@far.example' type='chat'><body>${body}</body></message>`)
  await say('after the flood')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  socket.resume()
  await once(socket, 'data')
  while (!/"lost":\d+/.test(text)) {
    await say('once more')
    await new Promise((resolve) => setImmediate(resolve))
  }
  const kept = text.split('\n').filter((line) => line.includes('"direction"')).length
  const lost = [...text.matchAll(/"lost":(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0)
  assert.ok(lost > 0 && kept > 10, `${kept} kept, ${lost} lost`)
  socket.destroy()
})

test('somebody who watches does not keep the server from ending', async () => {
  const child = spawn(BIN, ['s2s', 'trace', 'far.example', '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const [first] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  assert.equal(first, 'Watching far.example; Ctrl-C ends this.\n')
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  assert.deepEqual(await exit, [0, null])
  assert.match(entente('s2s', 'list', '--config', file).err, /no server is running/)
})
