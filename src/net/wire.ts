import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket, connect as tlsConnect } from 'node:tls'

export type { Socket }

import type { TlsFacts } from '../protocol/step.ts'
import type { Sink } from '../xmpp/stanza.ts'
import type { Outbox } from './outbox.ts'
import { tlsFacts } from './tls-facts.ts'

/** What a wire tells its owner. After `lost` nothing follows. */
export interface WireEvents {
  data(chunk: Uint8Array): void
  /** The peer will send nothing more. */
  ended(): void
  lost(why: string): void
  /** The kernel takes no more for now. */
  blocked(): void
  /** What was congested has room again. */
  drained(): void
}

/** How to do the TLS handshake: as the one that was dialled, or as the one that dials. */
export type TlsSetup =
  | {
      readonly side: 'server'
      /** For STARTTLS, where the stream's `to` has chosen; and for a client that names no server. */
      readonly context: SecureContext
      /** For direct TLS: the context of a name, undefined when it is none of ours (`unrecognized_name`). Never throws. */
      readonly contextFor?: (serverName: string) => SecureContext | undefined
      readonly askCertificate: boolean
      /** Acceptable ALPN protocols; a client that offers others only is refused (RFC 9325 §3.8). Empty: ALPN is not looked at. */
      readonly alpn: readonly string[]
    }
  | { readonly side: 'client'; readonly context: SecureContext; readonly serverName: string; readonly alpn: readonly string[] }

/** Above this a wire is congested: whoever fills it should stop reading what fills it. */
export const CONGESTED_BYTES = 1024 * 1024

const SCRATCH_BYTES = 256 * 1024

/** Where parts of one flush are put together; shared by all wires, used within one synchronous call only. */
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/**
 * One socket, plain or TLS: everything written in one turn leaves in one write. Owns the socket and disposes it.
 */
export class Wire implements Sink {
  readonly remoteAddress: string
  readonly remotePort: number
  #socket: Socket
  #events: WireEvents
  #outbox: Outbox
  #parts: (string | Uint8Array)[] = []
  #partBytes = 0
  #queued = false
  #blocked = false
  #drains = 0
  #ending = false
  #gone = false
  #tls: TlsFacts | undefined

  constructor(socket: Socket, outbox: Outbox, events: WireEvents) {
    this.remoteAddress = socket.remoteAddress ?? ''
    this.remotePort = socket.remotePort ?? 0
    this.#socket = socket
    this.#outbox = outbox
    this.#events = events
    socket.setNoDelay(true)
    this.#attach(socket)
  }

  #attach(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#events.data(chunk))
    socket.on('end', () => this.#events.ended())
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lose(describe(error)))
    socket.on('close', () => this.#lose('connection closed'))
    socket.on('drain', () => {
      this.#blocked = false
      this.#drains++
      if (this.#parts.length > 0) this.flush()
      if (this.#ending) this.end()
      if (!this.#blocked) this.#events.drained()
    })
  }

  #lose(why: string): void {
    if (this.#gone) return
    this.#gone = true
    this.#parts = []
    this.#socket.destroy()
    this.#events.lost(why)
  }

  get tls(): TlsFacts | undefined {
    return this.#tls
  }

  get isGone(): boolean {
    return this.#gone
  }

  /** Bytes that were written here and have not reached the kernel. Text counts by its length, which is close enough. */
  get bufferedBytes(): number {
    return this.#partBytes + this.#socket.writableLength
  }

  get isCongested(): boolean {
    return this.bufferedBytes > CONGESTED_BYTES
  }

  /** Written bytes wait for the other side to read. */
  get isBlocked(): boolean {
    return this.#blocked && !this.#gone
  }

  /** Counts how often what waited has left; the same as before means that nothing moved. */
  get drains(): number {
    return this.#drains
  }

  text(text: string): void {
    this.#parts.push(text)
    this.#partBytes += text.length
    if (!this.#queued) this.#queue()
  }

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#partBytes += bytes.length
    if (!this.#queued) this.#queue()
  }

  #queue(): void {
    this.#queued = true
    this.#outbox.add(this)
  }

  /** Writes what has gathered. Called by the outbox; call it yourself only before the wire changes its nature. */
  flush(): void {
    this.#queued = false
    if (this.#blocked || this.#gone || this.#parts.length === 0) return
    const parts = this.#parts
    this.#parts = []
    this.#partBytes = 0
    let used = 0
    for (let index = 0; index < parts.length; index++) {
      const part = parts[index]!
      const most = typeof part === 'string' ? part.length * 3 : part.length // UTF-8 takes at most three bytes a UTF-16 unit
      if (used + most > SCRATCH_BYTES) {
        this.#write(used)
        used = 0
        // in pieces, so that each that leaves shows that the other side reads
        if (this.#blocked) {
          this.#keep(parts.slice(index))
          return
        }
      }
      if (most > SCRATCH_BYTES) this.#socketWrite(typeof part === 'string' ? Buffer.from(part) : part)
      else if (typeof part === 'string') used += scratch.write(part, used)
      else {
        scratch.set(part, used)
        used += part.length
      }
    }
    this.#write(used)
  }

  #keep(parts: (string | Uint8Array)[]): void {
    this.#parts = parts
    for (const part of parts) this.#partBytes += part.length
  }

  #write(used: number): void {
    // the socket may keep what it is given until the kernel takes it, so it gets a copy of its own
    if (used > 0) this.#socketWrite(Buffer.from(scratch.subarray(0, used)))
  }

  #socketWrite(bytes: Uint8Array): void {
    if (this.#socket.write(bytes) || this.#blocked) return
    this.#blocked = true
    this.#events.blocked()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#gone) this.#socket.resume()
  }

  /**
   * The TLS handshake, over what is a plain socket until now. What was written before leaves first, in plain.
   * The callbacks come at most once, and never after `lost`.
   *
   * @param secured the handshake is complete; `lost` on the events when it fails
   */
  startTls(setup: TlsSetup, secured: (tls: TlsFacts) => void): void {
    this.flush()
    const plain = this.#socket
    plain.removeAllListeners('data')
    plain.removeAllListeners('end')
    plain.removeAllListeners('drain')
    plain.removeAllListeners('close')
    const socket = setup.side === 'server' ? acceptTls(plain, setup) : dialTls(plain, setup)
    this.#socket = socket
    this.#blocked = false
    this.#attach(socket)
    socket.on('_tlsError', (error: NodeJS.ErrnoException) => this.#lose(describe(error)))
    socket.once(setup.side === 'server' ? 'secure' : 'secureConnect', () => {
      if (this.#gone) return
      this.#tls = tlsFacts(socket, setup.side)
      secured(this.#tls)
    })
  }

  /** No more writes: what has gathered leaves, then close_notify and FIN. */
  end(): void {
    this.#ending = true
    this.flush()
    if (!this.#gone && this.#parts.length === 0) this.#socket.end()
  }

  /** Closes at once; `lost` follows unless it came already. */
  destroy(why = 'closed here'): void {
    this.#lose(why)
  }
}

function acceptTls(plain: Socket, setup: TlsSetup & { side: 'server' }): TLSSocket {
  return new TLSSocket(plain, {
    isServer: true,
    secureContext: setup.context,
    requestCert: setup.askCertificate,
    rejectUnauthorized: false, // judged by our own path validation (security reference, section 0)
    ...(setup.alpn.length === 0
      ? {}
      : { ALPNCallback: ({ protocols }: { protocols: string[] }) => protocols.find((p) => setup.alpn.includes(p)) }),
    ...(setup.contextFor === undefined
      ? {}
      : {
          SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => {
            const context = setup.contextFor!(name)
            if (context === undefined) done(new Error(`no certificate for this name`))
            else done(null, context)
          },
        }),
  })
}

function dialTls(plain: Socket, setup: TlsSetup & { side: 'client' }): TLSSocket {
  return tlsConnect({
    socket: plain,
    servername: setup.serverName,
    secureContext: setup.context,
    rejectUnauthorized: false, // judged by our own path validation
    ...(setup.alpn.length === 0 ? {} : { ALPNProtocols: [...setup.alpn] }),
  })
}

/** An error in words for logs and bounces: no stack, no addresses of ours. */
export function describe(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'connection refused'
    case 'ECONNRESET':
      return 'connection reset by the other side'
    case 'ETIMEDOUT':
      return 'connection timed out'
    case 'EHOSTUNREACH':
      return 'no route to host'
    case 'ENETUNREACH':
      return 'network unreachable'
    case 'EPIPE':
      return 'connection closed by the other side'
    default:
      return error.code === undefined
        ? error.message
        : `${error.code
            .replace(/^ERR_SSL_/, 'TLS: ')
            .replaceAll('_', ' ')
            .toLowerCase()}`
  }
}
