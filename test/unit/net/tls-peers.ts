import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { type ConnectionOptions, type SecureContext, TLSSocket, connect as tlsConnect } from 'node:tls'

/**
 * Two ends of one STARTTLS-like connection over loopback: a plain socket that both sides wrap. Sockets go with the test.
 * Rejects when a handshake fails.
 */
export async function wrap(
  t: TestContext,
  server: SecureContext,
  client: SecureContext,
  extra: ConnectionOptions = {},
): Promise<{ server: TLSSocket; client: TLSSocket }> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const plain = connect(typeof address === 'object' ? address!.port : 0, '127.0.0.1')
  const [accepted] = (await once(listener, 'connection')) as [Socket]
  listener.close()
  const ours = new TLSSocket(accepted, { isServer: true, requestCert: true, rejectUnauthorized: false, secureContext: server })
  const theirs = tlsConnect({
    socket: plain,
    servername: 'b.example',
    rejectUnauthorized: false,
    secureContext: client,
    ...extra,
  })
  t.after(() => {
    ours.destroy()
    theirs.destroy()
  })
  const failed = new Promise<never>((_, reject) => {
    for (const socket of [ours, theirs]) for (const event of ['error', '_tlsError']) socket.on(event, reject)
  })
  failed.catch(() => {}) // also after the handshake, when nobody waits any more
  await Promise.race([failed, Promise.all([once(ours, 'secure'), once(theirs, 'secureConnect')])])
  return { server: ours, client: theirs }
}
