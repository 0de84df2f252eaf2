import { connect, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext, TLSSocket } from 'node:tls'
import { Dialogue } from './dialogue.ts'
import type { DialOrder, LoginOrder, Place } from './orders.ts'
import { base64, FEATURES, HEADER, header, NS, PROCEED, SUCCESS } from './xml.ts'

/** Logs in with PLAIN over STARTTLS, binds, sends presence; the server has handled it all when this resolves. */
export async function login(order: LoginOrder): Promise<Socket> {
  const { host, user, password, resource } = order
  const opening = header({ content: 'client', to: host })
  const talk = await startTls(order, opening, host, undefined)
  await opened(talk, opening)
  talk.send(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${base64(`\0${user}\0${password}`)}</auth>`)
  await talk.hear(SUCCESS)
  await opened(talk, opening)
  talk.send(`<iq type='set' id='bind'><bind xmlns='${NS.bind}'><resource>${resource}</resource></bind></iq>`)
  await talk.hear(/<\/jid>[\s\S]*?<\/iq>/)
  talk.send(`<presence/><iq type='get' id='settled' to='${host}'><ping xmlns='${NS.ping}'/></iq>`)
  await talk.hear(/<iq[^>]*id=['"]settled['"][^>]*>/)
  return talk.leave()
}

/** Opens a stream as a remote server: STARTTLS with a certificate of its own, then SASL EXTERNAL. */
export async function dialAsServer(order: DialOrder, identity: SecureContext): Promise<Socket> {
  const opening = header({ content: 'server', from: order.from, to: order.to })
  const talk = await startTls(order, opening, order.to, identity)
  await opened(talk, opening)
  talk.send(`<auth xmlns='${NS.sasl}' mechanism='EXTERNAL'>${base64(order.from)}</auth>`)
  await talk.hear(SUCCESS)
  await opened(talk, opening)
  return talk.leave()
}

/** Takes a server's stream from its header to its authentication; `identityOf` gives the certificate of a domain. */
export async function acceptServer(socket: Socket, identityOf: (domain: string) => SecureContext): Promise<Socket> {
  socket.setNoDelay(true)
  const plain = new Dialogue(socket)
  const to = await answerHeader(plain, `<starttls xmlns='${NS.tls}'><required/></starttls>`)
  await plain.hear(/<starttls[^>]*>/)
  const secureContext = identityOf(to)
  plain.send(`<proceed xmlns='${NS.tls}'/>`).leave()
  const secure = new TLSSocket(socket, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false })
  const talk = new Dialogue(secure)
  await answerHeader(talk, `<mechanisms xmlns='${NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>`)
  await talk.hear(/<auth[^>]*>/)
  talk.send(`<success xmlns='${NS.sasl}'/>`)
  await answerHeader(talk, '')
  return talk.leave()
}

async function startTls(
  place: Place,
  opening: string,
  servername: string,
  identity: SecureContext | undefined,
): Promise<Dialogue> {
  const socket = connect({ host: place.address, port: place.port, noDelay: true })
  const plain = new Dialogue(socket)
  await opened(plain, opening)
  plain.send(`<starttls xmlns='${NS.tls}'/>`)
  await plain.hear(PROCEED)
  plain.leave()
  // the generator judges nobody: what is measured is the server
  const secure = connectTls({ socket, servername, rejectUnauthorized: false, ...(identity && { secureContext: identity }) })
  return new Dialogue(secure)
}

async function opened(talk: Dialogue, opening: string): Promise<void> {
  talk.send(opening)
  await talk.hear(HEADER)
  await talk.hear(FEATURES)
}

/** Returns the domain that the other side wants. */
async function answerHeader(talk: Dialogue, features: string): Promise<string> {
  const [theirs] = await talk.hear(HEADER)
  const [from, to] = [attribute(theirs, 'from'), attribute(theirs, 'to')]
  talk.send(`${header({ content: 'server', from: to, to: from, id: 'bench' })}<stream:features>${features}</stream:features>`)
  return to
}

function attribute(tag: string, name: string): string {
  return new RegExp(`\\s${name}=['"]([^'"]*)['"]`).exec(tag)?.[1] ?? ''
}
