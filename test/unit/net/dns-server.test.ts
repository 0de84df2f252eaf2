import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../src/net/clock.ts'
import { DnsClient } from '../../../src/net/dns-client.ts'
import { socketTransport } from '../../../src/net/dns-transport.ts'
import { TestDns } from '../../../src/testing/dns-server.ts'

const dns = new TestDns({ 'A.example.': { A: ['192.0.2.1'], delayMs: 30 }, 'b.example': { behaviour: 'silent' } })
let server: { address: string; port: number }
before(async () => {
  server = await dns.start()
})
after(() => dns.stop())
const newClient = () => new DnsClient({ servers: () => [server], transport: socketTransport, clock: systemClock })
const lookup = (name: string) => newClient().lookup(name, 'A')

test('names are found whatever their case, after the delay that was asked for', async () => {
  const started = performance.now()
  assert.equal((await lookup('a.EXAMPLE')).status, 'ok')
  assert.ok(performance.now() - started >= 25)
})

test('records can be replaced and removed while it runs, and questions are logged', async () => {
  dns.queries.splice(0)
  dns.set('c.example', { A: ['192.0.2.1'] })
  assert.equal((await lookup('c.example')).status, 'ok')
  dns.set('c.example', undefined)
  assert.equal((await lookup('c.example')).status, 'nxdomain')
  assert.equal((await lookup('example')).status, 'nodata') // a name below it exists
  assert.deepEqual(dns.queries[0], { name: 'c.example', type: 'A', via: 'udp' })
})

test('garbage does not disturb it', async () => {
  const socket = connect(server.port, server.address)
  socket.end(Buffer.from([0, 3, 1, 2, 3]))
  socket.resume()
  await once(socket, 'close')
  dns.set('d.example', { behaviour: 'garbage', A: ['192.0.2.1'] })
  const client = newClient()
  const pending = client.lookup('d.example', 'A')
  assert.equal((await lookup('a.example')).status, 'ok')
  client.dispose()
  assert.deepEqual(await pending, { status: 'timeout' }) // the garbage was not taken for an answer
})

test('stop leaves nothing behind, with a question and a connection open', async () => {
  const other = new TestDns({ 'a.example': { delayMs: 60_000, A: ['192.0.2.1'] } })
  const { address, port } = await other.start()
  const socket = connect(port, address)
  await once(socket, 'connect')
  const client = new DnsClient({ servers: () => [{ address, port }], transport: socketTransport, clock: systemClock })
  const pending = client.lookup('a.example', 'A')
  const closed = once(socket, 'close')
  await other.stop()
  await closed
  client.dispose()
  assert.match((await pending).status, /^(timeout|refused)$/)
})
