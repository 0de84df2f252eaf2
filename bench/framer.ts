/**
 * What it costs to frame and prove stanzas: CPU microseconds a stanza, for chat messages and for a mixture, at two
 * sizes of chunks. The best of several rounds, since the machine is shared.
 */
import { authenticatedBudget, Framer } from '../src/xmpp/framer.ts'

const HEADER =
  "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='a.example' to='b.example' version='1.0'>"

const chat = (i: number): string =>
  `<message from='romeo@montague.example/orchard' to='juliet@capulet.example/balcony' type='chat' id='m-${i}-3f2a'><body>Neither, fair saint, if either thee dislike. Line ${i}</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`

const presence = (i: number): string =>
  `<presence from='nurse@capulet.example/${i % 50}' to='romeo@montague.example'><show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://client.example/' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/><x xmlns='vcard-temp:x:update'><photo>da39a3ee5e6b4b0d3255bfef95601890afd80709</photo></x></presence>`

const iq = (i: number): string =>
  `<iq from='capulet.example' to='romeo@montague.example/orchard' type='result' id='d${i}'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im' name='Capulet'/><feature var='urn:xmpp:ping'/><feature var='jabber:iq:version'/><feature var='urn:xmpp:carbons:2'/></query></iq>`

const archived = (i: number): string =>
  `<message from='juliet@capulet.example' to='romeo@montague.example/orchard'><result xmlns='urn:xmpp:mam:2' id='${i}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2025-01-01T00:00:00Z'/><message xmlns='jabber:client' from='juliet@capulet.example/x' to='romeo@montague.example' type='chat'><body>Д\u0443\u0448\u0430 &amp; \u2665 thou art</body></message></forwarded></result></message>`

const MIXED = [chat, presence, chat, iq, chat, archived]

function wire(count: number, make: (i: number) => string): Uint8Array {
  let text = HEADER
  for (let i = 0; i < count; i++) text += make(i)
  return Buffer.from(text)
}

function round(bytes: Uint8Array, chunkBytes: number): { readonly count: number; readonly us: number } {
  let count = 0
  const framer = new Framer(
    {
      header() {},
      stanza(stanza) {
        if (stanza.malformed === undefined) count++
      },
      element() {},
      end() {},
      fault(condition, text) {
        throw new Error(`${condition}: ${text}`)
      },
    },
    authenticatedBudget(524_288),
  )
  const begin = process.cpuUsage()
  for (let p = 0; p < bytes.length; p += chunkBytes) framer.push(bytes.subarray(p, Math.min(p + chunkBytes, bytes.length)))
  const { user, system } = process.cpuUsage(begin)
  return { count, us: user + system }
}

const STANZAS = 30_000
for (const [name, make] of [
  ['chat', chat],
  ['mixed', (i: number) => MIXED[i % MIXED.length]!(i)],
] as const) {
  const bytes = wire(STANZAS, make)
  for (const chunkBytes of [1460, 16_384]) {
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 8; i++) {
      const { count, us } = round(bytes, chunkBytes)
      if (count !== STANZAS) throw new Error(`${count} stanzas instead of ${STANZAS}`)
      best = Math.min(best, us / STANZAS)
    }
    const size = Math.round((bytes.length - HEADER.length) / STANZAS)
    console.log(`${name}\t${size} B/stanza\tchunks of ${chunkBytes}\t${best.toFixed(2)} us/stanza`)
  }
}
