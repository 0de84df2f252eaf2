import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Disposable } from './clock.ts'

export interface DnsServer {
  /** An IP address, possibly with a zone. */
  readonly address: string
  readonly port: number
}

/** What an exchange reports; never before the call that began it has returned. Nothing follows `failed`. */
export interface ExchangeEvents {
  /** A message from that server; over UDP there may be more than one, and anybody may have forged it. */
  message(bytes: Uint8Array): void
  failed(why: string): void
}

/** How questions reach a name server. The exchange ends when it is disposed. */
export interface DnsTransport {
  udp(server: DnsServer, message: Uint8Array, events: ExchangeEvents): Disposable
  tcp(server: DnsServer, message: Uint8Array, events: ExchangeEvents): Disposable
}

/**
 * Real sockets. Each question has a socket of its own, on a port drawn by the kernel, and is connected to its
 * server: answers from another source are dropped before we see them (RFC 5452 §9).
 */
export const socketTransport: DnsTransport = { udp, tcp }

function udp(server: DnsServer, message: Uint8Array, events: ExchangeEvents): Disposable {
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4')
  let open = true
  const dispose = (): void => {
    if (open) socket.close()
    open = false
  }
  socket.on('error', (error) => {
    if (!open) return
    dispose()
    events.failed(error.message)
  })
  socket.on('message', (bytes) => {
    if (open) events.message(bytes)
  })
  socket.connect(server.port, server.address, () => {
    if (open) socket.send(message)
  })
  return { dispose }
}

function tcp(server: DnsServer, message: Uint8Array, events: ExchangeEvents): Disposable {
  const socket = connect({ host: server.address, port: server.port })
  let received = Buffer.alloc(0)
  let open = true
  const fail = (why: string): void => {
    if (!open) return
    dispose()
    events.failed(why)
  }
  const dispose = (): void => {
    open = false
    socket.destroy()
  }
  socket.on('connect', () => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    socket.write(Buffer.concat([length, message]))
  })
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const end = received.length < 2 ? Number.POSITIVE_INFINITY : 2 + received.readUInt16BE(0)
    if (!open || received.length < end) return
    events.message(received.subarray(2, end))
    fail('no further answer') // one question, one answer
  })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', () => fail('connection closed'))
  return { dispose }
}
