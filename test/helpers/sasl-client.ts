import { createHash, randomBytes } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { ScramClient } from './scram-client.ts'
import type { TestStream } from './test-client.ts'

/** How a test authenticates; `binding` only with a -PLUS mechanism. */
export interface Attempt {
  readonly mechanism: string
  readonly user: string
  readonly password: string
  readonly binding?: 'tls-exporter' | 'tls-server-end-point'
  /** Spoils the binding, as a man in the middle would. */
  readonly wrongBinding?: boolean
}

const decode = (e: Element): string => Buffer.from(e.text, 'base64').toString()
const encode = (text: string): string => Buffer.from(text).toString('base64')

/** The channel binding data of a client's TLS socket, worked out apart from the server's code (RFC 9266; RFC 5929 §4). */
function bindingData(socket: TLSSocket, type: NonNullable<Attempt['binding']>): Buffer {
  if (type === 'tls-exporter') return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  return createHash('sha256').update(socket.getPeerCertificate(true).raw).digest()
}

/** Runs one authentication on an opened stream. Returns `success` or the failure's condition; checks the server's proof. */
export async function authenticate(stream: TestStream, attempt: Attempt): Promise<string> {
  const { mechanism, user, password, binding } = attempt
  if (mechanism === 'PLAIN') return outcome(await say(stream, 'auth', encode(`\0${user}\0${password}`), mechanism))
  if (mechanism === 'ANONYMOUS') return outcome(await say(stream, 'auth', '', mechanism))
  const data = binding === undefined ? undefined : bindingData(stream.socket as TLSSocket, binding) // -PLUS needs TLS
  if (attempt.wrongBinding === true) data![0]! ^= 1
  const scram = new ScramClient({
    hash: mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1',
    username: user,
    password,
    nonce: randomBytes(18).toString('base64'),
    gs2: binding === undefined ? 'n,,' : `p=${binding},,`,
    ...(data === undefined ? {} : { binding: data }),
  })
  const challenge = await say(stream, 'auth', encode(scram.first()), mechanism)
  if (!challenge.is('challenge', NS.sasl)) return outcome(challenge)
  const end = await say(stream, 'response', encode(scram.final(decode(challenge))))
  if (end.is('success', NS.sasl) && !scram.verify(decode(end))) return 'the server did not prove itself'
  return outcome(end)
}

function say(stream: TestStream, name: string, data: string, mechanism?: string): Promise<Element> {
  stream.send(`<${name} xmlns='${NS.sasl}'${mechanism === undefined ? '' : ` mechanism='${mechanism}'`}>${data}</${name}>`)
  return stream.element()
}

const outcome = (e: Element): string => (e.is('success', NS.sasl) ? 'success' : (e.children[0]?.name ?? e.name))
