import type { TLSSocket } from 'node:tls'
import type { TlsFacts } from '../protocol/step.ts'
import { peerChainOf } from './chain.ts'
import { endPointHash } from './x509.ts'

/** Reads a finished handshake. What costs (chains, keying material) is read when asked for, at most once. */
export function tlsFacts(socket: TLSSocket, side: 'server' | 'client'): TlsFacts {
  let chain: readonly Uint8Array[] | undefined
  return {
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher()?.name ?? '',
    alpn: socket.alpnProtocol || '',
    serverName: (side === 'server' ? socket.servername : '') || '',
    get peerChain() {
      chain ??= peerChainOf(socket)
      return chain
    },
    get ownLeaf() {
      return ownLeaf(socket)
    },
    get serverEndPoint() {
      const own = ownLeaf(socket)
      return own === undefined ? undefined : endPointHash(own)
    },
    exporter: (label, lengthBytes) => socket.exportKeyingMaterial(lengthBytes, label, Buffer.alloc(0)),
  }
}

function ownLeaf(socket: TLSSocket): Uint8Array | undefined {
  const own = socket.getCertificate()
  return own !== null && 'raw' in own && own.raw instanceof Buffer ? own.raw : undefined
}
