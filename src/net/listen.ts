import { createServer, type Server, type Socket } from 'node:net'

/** Where to accept connections: an interface address ('*' and '::' mean all of a family) and a port. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
  /** Connections that the kernel holds for us. */
  readonly backlog: number
}

/** A port that is open; closing stops new connections only. */
export interface Listening {
  readonly address: string
  readonly port: number
  close(): void
}

/**
 * Opens one port. Rejects with an error whose message says address, port and reason in words.
 *
 * @param accept gets each connection, paused by nothing; it owns the socket
 * @param failed told when a connection could not be accepted (out of file descriptors); the port stays open
 */
export function listen(
  where: ListenAddress,
  accept: (socket: Socket) => void,
  failed: (error: NodeJS.ErrnoException) => void,
): Promise<Listening> {
  const server: Server = createServer({ noDelay: true, allowHalfOpen: true }, accept)
  const host = where.address === '*' ? '0.0.0.0' : where.address
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new Error(refusal(where, error))))
    server.listen({ host, port: where.port, ipv6Only: host.includes(':'), backlog: where.backlog }, () => {
      server.removeAllListeners('error')
      server.on('error', failed)
      const bound = server.address()
      const port = bound !== null && typeof bound === 'object' ? bound.port : where.port
      resolve({ address: where.address, port, close: () => void server.close() })
    })
  })
}

function refusal({ address, port }: ListenAddress, error: NodeJS.ErrnoException): string {
  const place = `port ${port} on ${address}`
  switch (error.code) {
    case 'EADDRINUSE':
      return `${place} is in use by another program`
    case 'EACCES':
      return `${place} needs rights that this process does not have`
    case 'EADDRNOTAVAIL':
      return `${place}: this machine has no such address`
    case 'EAFNOSUPPORT':
      return `${place}: this machine does not speak that address family`
    default:
      return `${place}: ${error.message}`
  }
}

/** Is an address family simply not there (a kernel without IPv6)? Then an interface of '::' is skipped, not an error. */
export function isFamilyMissing(message: string): boolean {
  return message.includes('address family') || message.includes('no such address')
}
