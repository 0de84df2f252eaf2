import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../../src/net/clock.ts'
import { type DialOptions, dial } from '../../../src/net/dial.ts'
import type { Endpoint } from '../../../src/net/endpoints.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const at = (address: string, port = 5269): Endpoint => ({
  host: 'xmpp.example',
  address,
  family: address.includes(':') ? 6 : 4,
  port,
  tls: 'starttls',
  priority: 0,
  secure: false,
})

describe('with real sockets', () => {
  let server: Server
  let open: Endpoint
  let closed: Endpoint
  const options: DialOptions = { clock: systemClock, connectTimeoutMs: 5_000 }
  before(async () => {
    server = createServer((socket) => socket.on('error', () => {}).write('hello'))
    open = at('127.0.0.1', await listen(server))
    const gone = createServer()
    closed = at('127.0.0.1', await listen(gone))
    await new Promise((done) => gone.close(done))
  })
  after(() => {
    server.close()
  })
  const listen = async (s: Server): Promise<number> => {
    s.listen(0, '127.0.0.1')
    await once(s, 'listening')
    const address = s.address()
    return typeof address === 'object' ? (address?.port ?? 0) : 0
  }

  test('a connection is connected and paused, and nothing that has arrived is lost', async () => {
    const connection = await dial([open], options).next()
    assert.ok(connection)
    const { socket } = connection
    assert.equal(connection.endpoint, open)
    assert.equal(socket.remotePort, open.port)
    assert.equal(socket.isPaused(), true)
    socket.resume()
    const [bytes] = await once(socket, 'data')
    assert.equal(String(bytes), 'hello')
    socket.destroy()
  })

  test('a refused endpoint is passed over at once', async () => {
    const dialling = dial([closed, open], options)
    const connection = await dialling.next()
    assert.equal(connection?.endpoint, open)
    assert.deepEqual(dialling.failures, [{ endpoint: closed, stage: 'connect', why: 'connection refused' }])
    connection?.socket.destroy()
  })

  test('after a failure of a later stage the next endpoint comes, until none is left', async () => {
    const [first, second] = [{ ...open }, { ...open }]
    const dialling = dial([first, closed, second], options)
    const one = await dialling.next()
    assert.equal(one?.endpoint, first)
    one?.socket.destroy()
    dialling.report(first, 'tls', 'certificate has expired')
    const two = await dialling.next()
    assert.equal(two?.endpoint, second)
    two?.socket.destroy()
    dialling.report(second, 'auth', 'not authorized')
    assert.equal(await dialling.next(), undefined)
    assert.equal(await dialling.next(), undefined)
    assert.deepEqual(
      dialling.failures.map((f) => f.stage),
      ['tls', 'connect', 'auth'],
    )
  })

  test('an error on a connection that nobody listens to does not end the process', async () => {
    const connection = await dial([open], options).next()
    assert.ok(connection)
    const closed = new Promise((done) => connection.socket.once('close', done))
    connection.socket.destroy(new Error('reset'))
    assert.equal(await closed, true)
  })

  test('no endpoints, no connection', async () => assert.equal(await dial([], options).next(), undefined))
})

/** Dials with sockets that do what the test says, on a clock that stands still. */
function scripted(endpoints: readonly Endpoint[], more: Partial<DialOptions> = {}) {
  const clock = new FakeClock()
  const begun: { readonly address: string; readonly atMs: number; readonly socket: Socket }[] = []
  const connect = ({ address }: Endpoint): Socket => {
    const socket = new Socket()
    begun.push({ address, atMs: clock.mono(), socket })
    return socket
  }
  const dialling = dial(endpoints, { clock, connectTimeoutMs: 20_000, connect, ...more })
  const last = (address: string): Socket => begun.findLast((b) => b.address === address)!.socket
  const starts = () => begun.map((b) => `${b.address} ${b.atMs}`)
  return { clock, begun, dialling, last, starts }
}
const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

describe('happy eyeballs', () => {
  const [a, b, c] = [at('192.0.2.1'), at('192.0.2.2'), at('192.0.2.3')]

  test('a new attempt every 250 ms while none has finished; the first connection wins, the others are dropped', async () => {
    const { clock, dialling, last, starts } = scripted([a, b, c])
    const next = dialling.next()
    await clock.advance(500)
    assert.deepEqual(starts(), ['192.0.2.1 0', '192.0.2.2 250', '192.0.2.3 500'])
    last('192.0.2.2').emit('connect')
    assert.equal((await next)?.endpoint, b)
    assert.deepEqual([last('192.0.2.1').destroyed, last('192.0.2.2').destroyed, last('192.0.2.3').destroyed], [true, false, true])
    assert.equal(clock.waiting, 0)
    assert.deepEqual(dialling.failures, [])
  })

  test('who only was slower stays in the list, in its place', async () => {
    const { clock, dialling, last, starts } = scripted([a, b, c])
    const first = dialling.next()
    await clock.advance(250)
    last('192.0.2.2').emit('connect')
    await first
    const second = dialling.next()
    await clock.advance(250)
    last('192.0.2.3').emit('connect')
    assert.equal((await second)?.endpoint, c)
    const third = dialling.next()
    last('192.0.2.1').emit('connect')
    assert.equal((await third)?.endpoint, a)
    assert.equal(await dialling.next(), undefined)
    assert.deepEqual(starts(), ['192.0.2.1 0', '192.0.2.2 250', '192.0.2.1 250', '192.0.2.3 500', '192.0.2.1 500'])
  })

  test('after a failure the next attempt starts at once, and the 250 ms begin anew', async () => {
    const { clock, dialling, last, starts } = scripted([a, b, c])
    const next = dialling.next()
    await clock.advance(100)
    last('192.0.2.1').emit('error', refused())
    await clock.advance(249)
    assert.deepEqual(starts(), ['192.0.2.1 0', '192.0.2.2 100'])
    await clock.advance(1)
    assert.equal(starts().at(-1), '192.0.2.3 350')
    last('192.0.2.3').emit('connect')
    assert.equal((await next)?.endpoint, c)
  })

  test('each attempt has its time, and all together end', async () => {
    const { clock, begun, dialling } = scripted([a, b, c])
    const next = dialling.next()
    await clock.advance(20_500)
    assert.equal(await next, undefined)
    assert.deepEqual(
      dialling.failures.map((f) => `${f.endpoint.address} ${f.why}`),
      ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => `${address} no connection within 20 s`),
    )
    assert.ok(begun.every((x) => x.socket.destroyed))
    assert.equal(clock.waiting, 0)
  })

  test('abort ends what is under way', async () => {
    const { clock, begun, dialling } = scripted([a, b])
    const next = dialling.next()
    await clock.advance(250)
    dialling.abort()
    assert.equal(await next, undefined)
    assert.equal(await dialling.next(), undefined)
    assert.deepEqual([begun.length, begun.every((x) => x.socket.destroyed), clock.waiting], [2, true, 0])
  })
})

describe('what is never dialled (SSRF)', () => {
  const never = [
    '0.0.0.0',
    '169.254.169.254',
    '::',
    'fe80::1',
    'ff02::1',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '224.0.0.1',
    'fd00:ec2::254',
  ]

  test('no connection is begun to an address that leads nowhere good', async () => {
    const { begun, dialling } = scripted(never.map((address) => at(address)))
    assert.equal(await dialling.next(), undefined)
    assert.deepEqual(begun, [])
    assert.deepEqual(
      dialling.failures.map((f) => `${f.stage} ${f.endpoint.address}`),
      never.map((address) => `policy ${address}`),
    )
  })

  test('the policy is asked at each attempt, for address and port', async () => {
    let closed = false
    const asked: string[] = []
    const mayDial = (address: string, port: number) => {
      asked.push(`${address} ${port}`)
      return port === 6379 || closed ? 'port not allowed' : undefined
    }
    const { begun, dialling, last } = scripted([at('192.0.2.1', 6379), at('192.0.2.2'), at('192.0.2.3')], { mayDial })
    const next = dialling.next()
    last('192.0.2.2').emit('connect')
    await next
    closed = true
    assert.equal(await dialling.next(), undefined)
    assert.deepEqual(asked, ['192.0.2.1 6379', '192.0.2.2 5269', '192.0.2.3 5269'])
    assert.equal(begun.length, 1)
    assert.equal(dialling.failures[0]?.why, 'port not allowed')
  })
})
