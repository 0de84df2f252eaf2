import assert from 'node:assert/strict'
import { SaxesParser } from 'saxes'
import { clientOffer, insecureMechanisms } from '../../src/policy/client.ts'
import { type C2sAnswer, type C2sContext, type C2sState, type ClientHost, c2s, c2sStart } from '../../src/protocol/c2s.ts'
import type { C2sEffect } from '../../src/protocol/c2s-state.ts'
import type { Input, TlsFacts } from '../../src/protocol/step.ts'
import { Element, el, type Node } from '../../src/xmpp/element.ts'
import { StanzaError, type StreamCondition } from '../../src/xmpp/errors.ts'
import type { StreamHeader } from '../../src/xmpp/framer.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { Stanza, type StanzaKind } from '../../src/xmpp/stanza.ts'
import { keysOf, ScramClient } from '../helpers/scram-client.ts'

/** Reads a line of XML into elements, as inside a client stream. */
export function parseXml(xml: string): readonly Element[] {
  const parser = new SaxesParser({ xmlns: true })
  const stack: { name: string; ns: string; attrs: Map<string, string>; nodes: Node[] }[] = []
  const top: Node[] = []
  parser.on('opentag', (tag) => {
    const attrs = new Map(
      Object.values(tag.attributes)
        .filter((a) => a.name !== 'xmlns' && a.prefix !== 'xmlns')
        .map((a) => [a.prefix === '' || a.prefix === 'xml' ? a.name : `{${a.uri}}${a.local}`, a.value]),
    )
    stack.push({ name: tag.local, ns: tag.uri, attrs, nodes: [] })
  })
  parser.on('text', (text) => void stack.at(-1)?.nodes.push(text))
  parser.on('closetag', () => {
    const { name, ns, attrs, nodes } = stack.pop()!
    const into = stack.at(-1)?.nodes ?? top
    into.push(new Element(name, ns, attrs, nodes))
  })
  parser.write(`<w xmlns='${NS.client}' xmlns:stream='${NS.streams}'>${xml}</w>`).close()
  return (top[0] as Element).children
}

/** What a section's `:` line says about the host; everything else as Prosody has it by default. */
interface Setting {
  readonly optionalTls: boolean
  readonly noTls: boolean
  readonly plain: boolean
  readonly anonymous: boolean
  readonly disabled: readonly string[]
}

export function contextOf(setting: Partial<Setting> = {}): C2sContext {
  const policy = {
    authentication: setting.anonymous ? 'anonymous' : 'passwords',
    canStartTls: !setting.noTls,
    sasl: true,
    requireEncryption: !setting.optionalTls,
    insecure: insecureMechanisms(undefined, setting.plain ?? false),
    disabled: new Set(setting.disabled ?? []),
  } as const
  const host = (domain: string): ClientHost => ({
    domain,
    offer: (facts) => clientOffer(policy, facts),
    features: () => [el('ver', NS.rosterVersioning)],
    stanzaBytes: 262_144,
  })
  return {
    host: (domain) => (['example.org', 'example.net'].includes(domain) ? host(domain) : undefined),
    anyDomain: 'example.org',
    negotiationMs: 30_000,
    random: (length) => Buffer.alloc(length, 1),
  }
}

export const tlsFacts = (version = 'TLSv1.3'): TlsFacts => ({
  version,
  cipher: 'TLS_AES_128_GCM_SHA256',
  alpn: '',
  serverName: 'example.org',
  peerChain: [],
  ownLeaf: undefined,
  serverEndPoint: Buffer.alloc(32, 9),
  exporter: (label, length) => Buffer.alloc(length, label === 'EXPORTER-Channel-Binding' ? 7 : 0),
})

const decoded = (text: string): string => (text === '=' ? '=' : Buffer.from(text, 'base64').toString())

/** One arriving or leaving thing as a word or two: the rules are few enough to stand here. */
function sayElement(e: Element, client: ScramClient | undefined): string {
  if (e.is('features', NS.streams)) return ['features', ...e.children.map(sayFeature)].join(' ')
  if (e.is('error', NS.streams)) return `error ${e.children[0]!.name}`
  if (e.is('failure', NS.tls)) return 'tls-failure'
  if (e.is('failure', NS.sasl)) return `failure ${e.children[0]!.name}`
  if (e.is('challenge', NS.sasl)) return e.text === '' ? 'challenge' : 'challenge scram'
  if (e.is('success', NS.sasl) && e.text !== '') return client?.verify(decoded(e.text)) ? 'success verified' : 'success wrong'
  if (e.name === 'iq') {
    const inside = e.child('error') ? e.child('error')!.children[0]!.name : (e.child('bind', NS.bind)?.child('jid')?.text ?? '')
    return `iq ${e.attr('type')} ${e.attr('id')} ${inside}`.trim()
  }
  return e.name
}

function sayFeature(f: Element): string {
  if (f.name === 'starttls') return f.child('required') ? 'starttls-required' : 'starttls'
  if (f.name === 'mechanisms') return f.children.map((m) => m.text).join(' ')
  if (f.name === 'sasl-channel-binding') return f.children.map((b) => b.attr('type')).join(' ')
  if (f.name === 'session') return f.child('optional', NS.session) ? 'session' : 'session-required'
  return f.name
}

/** What one `send` holds, element by element. */
function saySent(xml: string, client: ScramClient | undefined): readonly string[] {
  const said: string[] = []
  const header = /^<\?xml version='1.0'\?>(<stream:stream [^>]*>)/.exec(xml)
  if (header !== null) {
    const [e] = parseXml(`${header[1]}</stream:stream>`)
    assert.ok(e!.attr('id') !== undefined && e!.attr('version') === '1.0', xml)
    said.push(`header ${e!.attr('from')}${e!.attr('to') === undefined ? '' : ` to ${e!.attr('to')}`}`)
    xml = xml.slice(header[0].length)
  }
  const ends = xml.endsWith('</stream:stream>')
  if (ends) xml = xml.slice(0, -'</stream:stream>'.length)
  for (const e of parseXml(xml)) said.push(sayElement(e, client))
  return ends ? [...said, 'end'] : said
}

export function sayEffect(e: C2sEffect, client?: ScramClient): readonly string[] {
  switch (e.do) {
    case 'send':
      return saySent(e.xml, client)
    case 'budget':
      return [`budget ${e.budget.stanzaBytes}`]
    case 'timer':
      return [`timer ${e.name} ${e.delayMs}`]
    case 'timer-off':
      return [`timer-off ${e.name}`]
    case 'ask': {
      const q = e.question
      if (q.kind === 'bind') return [`ask bind ${q.account} ${q.wanted ?? '-'}`]
      return [`ask ${q.kind} ${q.username} ${q.kind === 'scram-keys' ? q.hash : q.password}`]
    }
    case 'tell':
      if (e.event.kind === 'login-failed') return [`tell login-failed ${e.event.username ?? '-'} ${e.event.condition}`]
      if (e.event.kind === 'bound') return [`tell bound ${e.event.jid}`]
      return [`tell login ${e.event.login.account} ${e.event.login.binding ?? 'unbound'}`]
    default:
      return [e.do]
  }
}

export function stanzaOf(e: Element): Stanza {
  const [type, id] = [e.attr('type'), e.attr('id')]
  return Stanza.of(e.name as StanzaKind, { type, id }, ...e.nodes)
}

function headerOf(words: readonly string[]): StreamHeader {
  const said = new Map(words.map((w) => w.split('=') as [string, string]))
  return {
    name: 'stream',
    ns: said.get('stream-ns') ?? NS.streams,
    prefix: 'stream',
    contentNs: said.get('xmlns') ?? NS.client,
    to: said.get('to'),
    from: said.get('from'),
    id: undefined,
    version: said.has('version') ? said.get('version') : '1.0',
    lang: undefined,
    prefixes: new Map([['stream', NS.streams]]),
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** One conversation under way. */
export class Conversation {
  state: C2sState = c2sStart
  #said: readonly string[] = []
  #asked = 0
  #challenge = ''
  #client: ScramClient | undefined
  readonly #step: ReturnType<typeof c2s>

  constructor(context: C2sContext) {
    this.#step = c2s(context)
  }

  /** A `<` line: feeds it, and returns what leaves because of it. */
  arrive(line: string): readonly string[] {
    const next = this.#step(this.state, this.#inputOf(line))
    this.state = next.state
    for (const e of next.effects) {
      if (e.do === 'ask') this.#asked = e.id
      if (e.do === 'send' && e.xml.startsWith('<challenge')) this.#challenge = decoded(parseXml(e.xml)[0]!.text)
    }
    this.#said = next.effects.flatMap((e) => sayEffect(e, this.#client))
    return this.#said
  }

  #answer(answer: C2sAnswer, id = this.#asked): Input<C2sAnswer> {
    return { on: 'answer', id, answer }
  }

  #sasl(name: string, attrs: Record<string, string>, text: string): Input<C2sAnswer> {
    return { on: 'element', element: el(name, NS.sasl, attrs, text) }
  }

  #inputOf(line: string): Input<C2sAnswer> {
    if (line.startsWith('<')) {
      const e = parseXml(line)[0]!
      const isStanza = e.ns === NS.client && ['message', 'presence', 'iq'].includes(e.name)
      return isStanza ? { on: 'stanza', stanza: stanzaOf(e) } : { on: 'element', element: e }
    }
    const [verb, ...words] = line.split(' ') as [string, ...string[]]
    switch (verb) {
      case 'open':
      case 'peer-end':
        return { on: verb }
      case 'secured':
        return { on: 'secured', tls: tlsFacts(words[0]) }
      case 'lost':
        return { on: 'lost', stage: 'socket', why: 'reset' }
      case 'timer':
        return { on: 'timer', name: words[0]! }
      case 'fault':
        return { on: 'fault', condition: words[0] as StreamCondition, text: '' } // a condition, as the transcript says
      case 'close':
        return { on: 'close', condition: words[0] as StreamCondition | undefined } // the same
      case 'header':
        return { on: 'header', header: headerOf(words) }
      case 'auth':
        return this.#sasl(
          'auth',
          { mechanism: words[0]! },
          words[1] === undefined ? '' : words[1] === '=' ? '=' : base64(spell(words[1])),
        )
      case 'response':
        return this.#sasl('response', {}, words[0] === undefined ? '' : base64(spell(words[0])))
      case 'scram':
        return this.#scram(words)
      case 'keys':
        return this.#answer({
          kind: 'scram-keys',
          keys: keysOf(words[1] === 'sha1' ? 'sha1' : 'sha256', words[0]!, Buffer.from('salt'), 4096),
        })
      case 'password':
        return this.#answer({ kind: 'password', valid: words[0] === 'right' })
      case 'failed':
        return this.#answer({ kind: 'failed', condition: 'temporary-auth-failure' })
      case 'resource':
        return this.#answer({ kind: 'resource', resource: words[0]! })
      case 'refused':
        return this.#answer({ kind: 'refused', error: new StanzaError('conflict') })
      case 'late':
        return this.#answer({ kind: 'password', valid: true }, this.#asked + 1)
      default:
        throw new Error(`the transcript says ${line}`)
    }
  }

  /** `scram MECHANISM GS2 USER PASSWORD`, or `scram final`. */
  #scram([mechanism, gs2, username, password]: readonly string[]): Input<C2sAnswer> {
    if (mechanism === 'final') return this.#sasl('response', {}, base64(this.#client!.final(this.#challenge)))
    const hash = mechanism!.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1'
    const binding = gs2!.includes('tls-exporter') ? Buffer.alloc(32, 7) : Buffer.alloc(gs2!.startsWith('p=') ? 32 : 0, 9)
    this.#client = new ScramClient({ hash, username: username!, password: password!, nonce: 'abc', gs2: gs2!, binding })
    return this.#sasl('auth', { mechanism: mechanism! }, base64(this.#client.first()))
  }
}

/** `|` stands for NUL. */
const spell = (text: string): string => text.replaceAll('|', '\0')

export function settingOf(line: string): Partial<Setting> {
  const words = line.split(' ')
  return {
    optionalTls: words.includes('encryption-optional'),
    noTls: words.includes('no-certificate'),
    plain: words.includes('plain-allowed'),
    anonymous: words.includes('anonymous'),
    disabled: words.filter((w) => w.startsWith('without:')).map((w) => w.slice(8)),
  }
}
