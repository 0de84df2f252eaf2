import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type C2sAnswer, type C2sState, c2s, c2sStart } from '../../../src/protocol/c2s.ts'
import { availableBindings, bindingBytes } from '../../../src/protocol/sasl/channel-binding.ts'
import type { Input } from '../../../src/protocol/step.ts'
import { el } from '../../../src/xmpp/element.ts'
import { NS } from '../../../src/xmpp/ns.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'
import { keysOf } from '../../helpers/scram-client.ts'
import { Conversation, contextOf, parseXml, stanzaOf, tlsFacts } from '../../transcripts/c2s-runner.ts'

type In = Input<C2sAnswer>

const header = (to: string): In => ({
  on: 'header',
  header: {
    name: 'stream', ns: NS.streams, prefix: 'stream', contentNs: NS.client, to, from: undefined, id: undefined,
    version: '1.0', lang: undefined, prefixes: new Map(),
  },
}) // biome-ignore format: short

const sasl = (xml: string): In => ({ on: 'element', element: parseXml(xml)[0]! })
const AUTH = `<auth xmlns='${NS.sasl}' mechanism=`
const b64 = (text: string): string => Buffer.from(text).toString('base64')

describe('the wire', () => {
  const sent = (state: C2sState, input: In): string => {
    const effect = c2s(contextOf())(state, input).effects.find((e) => e.do === 'send')
    return effect?.do === 'send' ? effect.xml : ''
  }
  const open: C2sState = { at: 'header', tls: undefined, failures: 0, nextId: 1, login: undefined }

  test('our header and the features before TLS', () => {
    assert.equal(
      sent(open, header('example.org')),
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " +
        "from='example.org' id='AQEBAQEBAQEBAQEBAQEBAQEB' version='1.0' xml:lang='en'><stream:features>" +
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>",
    )
  })

  test('the features over TLS', () => {
    assert.match(
      sent({ ...open, tls: tlsFacts() }, header('example.org')),
      /<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256-PLUS<\/mechanism>.*<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'\/><channel-binding type='tls-server-end-point'\/><\/sasl-channel-binding><\/stream:features>$/,
    )
  })

  test('the domain is compared in its enforced form', () =>
    assert.match(sent(open, header('EXAMPLE.org.')), /from='example\.org'/))
})

describe('channel bindings', () => {
  test('of a session', () => {
    assert.deepEqual(availableBindings(undefined), [])
    assert.deepEqual(availableBindings(tlsFacts('TLSv1.2')), ['tls-server-end-point'])
    assert.deepEqual(availableBindings({ ...tlsFacts(), serverEndPoint: undefined }), ['tls-exporter'])
  })
  test('of a session whose socket is gone', () => {
    const gone = {
      ...tlsFacts(),
      exporter: (): Uint8Array => {
        throw new Error('destroyed')
      },
    }
    assert.equal(bindingBytes(gone, 'tls-exporter'), undefined)
  })
})

test('an answer of the wrong kind never lets anybody in', () => {
  const answers: C2sAnswer[] = [
    { kind: 'password', valid: true },
    { kind: 'resource', resource: 'x' },
    { kind: 'scram-keys', keys: keysOf('sha256', 'x', Buffer.from('salt'), 1) },
  ]
  for (const first of ['auth PLAIN |romeo|secret', 'scram SCRAM-SHA-256 n,, romeo pencil']) {
    for (const answer of answers) {
      const right = first.includes('PLAIN') ? 'password' : 'scram-keys'
      if (answer.kind === right) continue
      const talk = new Conversation(contextOf())
      for (const line of ['secured', 'open', 'header to=example.org', first]) talk.arrive(line)
      const asked = talk.state
      assert.equal(asked.at, 'checking')
      const next = c2s(contextOf())(asked, { on: 'answer', id: (asked as C2sState & { asked: number }).asked, answer })
      assert.equal(next.state.at, 'features', `${first} answered with ${answer.kind}`)
    }
  }
})

/** Every input that means something somewhere. */
const ALPHABET: readonly In[] = [
  { on: 'open' },
  { on: 'secured', tls: tlsFacts() },
  header('example.org'),
  header('elsewhere.example'),
  sasl(`<starttls xmlns='${NS.tls}'/>`),
  sasl(`${AUTH}'PLAIN'>${b64('\0romeo\0secret')}</auth>`),
  sasl(`${AUTH}'SCRAM-SHA-256'/>`),
  sasl(`<response xmlns='${NS.sasl}'>${b64('n,,n=romeo,r=abc')}</response>`),
  sasl(`<abort xmlns='${NS.sasl}'/>`),
  { on: 'element', element: el('what', 'urn:example:nonza') },
  { on: 'stanza', stanza: stanzaOf(parseXml(`<iq type='set' id='1'><bind xmlns='${NS.bind}'/></iq>`)[0]!) },
  { on: 'stanza', stanza: Stanza.of('message', {}) },
  { on: 'fault', condition: 'not-well-formed', text: '' },
  { on: 'peer-end' },
  { on: 'lost', stage: 'socket', why: 'reset' },
  { on: 'timer', name: 'negotiation' },
  { on: 'close', condition: 'system-shutdown' },
  { on: 'close' },
  { on: 'answer', id: 1, answer: { kind: 'password', valid: true } },
  { on: 'answer', id: 1, answer: { kind: 'scram-keys', keys: keysOf('sha256', 'x', Buffer.from('salt'), 1) } },
  { on: 'answer', id: 2, answer: { kind: 'resource', resource: 'balcony' } },
]

test('over all short sequences nothing throws, and nobody is ready without having been checked and bound', () => {
  const step = c2s(contextOf())
  let walked = 0
  let ready = 0
  /** `proof`: how far the answers of the accounts and the owner have come. */
  const walk = (state: C2sState, depth: number, checked: boolean, secured: boolean): void => {
    for (const input of ALPHABET) {
      const next = step(state, input)
      walked += 1
      const isSecured = secured || input.on === 'secured'
      const isChecked = checked || (state.at === 'checking' && input.on === 'answer' && input.answer.kind === 'password')
      for (const e of next.effects) {
        if (e.do === 'ready') {
          ready += 1
          assert.ok(isChecked && isSecured && state.at === 'binding' && next.state.at === 'ready')
        }
        if (e.do === 'tell' && e.event.kind === 'login') assert.ok(isChecked && isSecured)
        if (e.do === 'ask') assert.equal(e.hold, true)
        if (e.do === 'finish') assert.equal(next.state.at, 'closed')
      }
      if (state.at === 'closed') assert.deepEqual(next, { state, effects: [] })
      if (depth > 1 && next.state.at !== 'closed') walk(next.state, depth - 1, isChecked, isSecured)
    }
  }
  walk(c2sStart, 4, false, false)
  // Deeper from where it becomes interesting: after the header over TLS.
  const over = [{ on: 'secured', tls: tlsFacts() }, { on: 'open' }, header('example.org')] as const
  let state = c2sStart
  for (const input of over) state = step(state, input).state
  walk(state, 5, false, true)
  assert.ok(walked > 10_000 && ready > 0, `${walked} steps, ${ready} ready`)
})
