import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import packet from 'dns-packet'
import type { TestRecords } from './dns-records.ts'
import { answerQuery } from './dns-zone.ts'

export type { DnsBehaviour, TestRecords, TestSrv, TestTlsa } from './dns-records.ts'

export interface TestDnsQuery {
  readonly name: string
  readonly type: string
  readonly via: 'udp' | 'tcp'
}

/**
 * A small name server on loopback for tests and demonstrations: authoritative for everything, with its zones as data.
 *
 * ```ts
 * const dns = new TestDns({
 *   '_xmpp-server._tcp.a.example': { SRV: [{ target: 'xmpp.a.example', port: 5269 }] },
 *   'xmpp.a.example': { A: ['127.0.0.1'] },
 * })
 * const { address, port } = await dns.start()
 * ```
 */
export class TestDns {
  /** What has been asked, oldest first. */
  readonly queries: TestDnsQuery[] = []
  readonly #names = new Map<string, TestRecords>()
  readonly #connections = new Set<Socket>()
  readonly #delays = new Set<NodeJS.Timeout>()
  #udp: UdpSocket | undefined
  #tcp: Server | undefined

  constructor(zones: Readonly<Record<string, TestRecords>> = {}) {
    for (const [name, records] of Object.entries(zones)) this.set(name, records)
  }

  /** Replaces everything known of a name; undefined removes it. */
  set(name: string, records: TestRecords | undefined): void {
    const key = name.toLowerCase().replace(/\.$/, '')
    if (records === undefined) this.#names.delete(key)
    else this.#names.set(key, records)
  }

  /** Listens with UDP and TCP on the same port: a free one unless told which. */
  async start(address = '127.0.0.1', wanted = 0): Promise<{ address: string; port: number }> {
    for (let attempt = 1; ; attempt++) {
      try {
        const port = await this.#listen(address, wanted)
        return { address, port }
      } catch (error) {
        await this.stop()
        if (attempt === 10 || wanted !== 0) throw error
      }
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#delays) clearTimeout(timer)
    for (const socket of this.#connections) socket.destroy()
    const [udp, tcp] = [this.#udp, this.#tcp]
    this.#udp = this.#tcp = undefined
    await Promise.all([
      new Promise<void>((done) => (udp ? udp.close(() => done()) : done())),
      new Promise<void>((done) => (tcp?.listening ? tcp.close(() => done()) : done())),
    ])
  }

  async #listen(address: string, wanted: number): Promise<number> {
    const tcp = createServer((socket) => this.#serve(socket))
    this.#tcp = tcp
    await listening(tcp, (done) => tcp.listen(wanted, address, done))
    const bound = tcp.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    await listening(udp, (done) => udp.bind(port, address, done))
    this.#udp = udp
    udp.on('message', (bytes, from) => this.#handle(bytes, 'udp', (answer) => this.#udp?.send(answer, from.port, from.address)))
    return port
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0)
    this.#connections.add(socket)
    socket.on('close', () => this.#connections.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0)
        this.#handle(received.subarray(2, end), 'tcp', (answer) => {
          const length = Buffer.alloc(2)
          length.writeUInt16BE(answer.length)
          socket.write(Buffer.concat([length, answer]))
        })
        received = received.subarray(end)
      }
    })
  }

  #handle(bytes: Buffer, via: 'udp' | 'tcp', send: (answer: Uint8Array) => void): void {
    const query = parsed(bytes)
    const question = query?.questions[0]
    if (query === undefined || question === undefined) return
    this.queries.push({ name: question.name, type: question.type, via })
    const answer = answerQuery(this.#names, query, via)
    if (answer !== undefined) this.#later(this.#names.get(question.name.toLowerCase())?.delayMs ?? 0, () => send(answer))
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs === 0) {
      run()
      return
    }
    const timer = setTimeout(() => {
      this.#delays.delete(timer)
      run()
    }, delayMs)
    this.#delays.add(timer)
  }
}

function parsed(bytes: Buffer): packet.Packet | undefined {
  try {
    return packet.decode(bytes)
  } catch {
    return undefined
  }
}

async function listening(server: UdpSocket | Server, begin: (done: () => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    begin(resolve)
  })
}
