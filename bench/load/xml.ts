export const NS = {
  client: 'jabber:client',
  server: 'jabber:server',
  stream: 'http://etherx.jabber.org/streams',
  dialback: 'jabber:server:dialback',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  ping: 'urn:xmpp:ping',
} as const

export const HEADER = /<stream:stream[^>]*>/
export const FEATURES = /<stream:features\s*\/>|<stream:features[^>]*>[\s\S]*?<\/stream:features>/
export const PROCEED = /<proceed[^>]*>/
export const SUCCESS = /<success[^>]*>/

export interface Header {
  readonly content: 'client' | 'server'
  readonly from?: string
  readonly to: string
  readonly id?: string
}

export function header({ content, from, to, id }: Header): string {
  const address = `${from === undefined ? '' : ` from='${from}'`} to='${to}'${id === undefined ? '' : ` id='${id}'`}`
  const dialback = content === 'server' ? ` xmlns:db='${NS.dialback}'` : ''
  return `<?xml version='1.0'?><stream:stream xmlns='${NS[content]}' xmlns:stream='${NS.stream}'${dialback}${address} version='1.0'>`
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

const SENTENCE = 'an ordinary sentence with words of usual length, as people write them; '

export interface MessageShape {
  readonly to: string
  /** Of the remote's client; none from a local one, whose server stamps it. */
  readonly from?: string
  /** Of the whole stanza as sent. */
  readonly bytes: number
}

/** Chat messages of exactly that size, each with an id of its own, one after the other. */
export function messages(shape: MessageShape, howMany: number): Buffer {
  return Buffer.concat(Array.from({ length: howMany }, (_, i) => message(shape, i)))
}

/** Whether these are the bytes of such a message, whatever attributes a server has added or moved. */
export function resembles(received: string, shape: MessageShape): boolean {
  const body = /<body>[^<]*<\/body>/
  const sent = body.exec(message(shape, 0).toString())?.[0] ?? ''
  const start = /<message [^>]*>/.exec(received)?.[0] ?? ''
  return start.includes(shape.to) && start.includes(shape.from ?? '') && body.exec(received)?.[0] === sent
}

function message({ to, from, bytes }: MessageShape, number: number): Buffer {
  const sender = from === undefined ? '' : ` from='${from}'`
  const start = `<message type='chat' id='m${String(number).padStart(4, '0')}'${sender} to='${to}'><body>`
  const end = '</body></message>'
  const room = bytes - start.length - end.length
  if (room < 1) throw new Error(`no message to ${to} fits in ${bytes} bytes`)
  return Buffer.from(start + SENTENCE.repeat(Math.ceil(room / SENTENCE.length)).slice(0, room) + end)
}
