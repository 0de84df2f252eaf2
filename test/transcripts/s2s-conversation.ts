import assert from 'node:assert/strict'
import { SaxesParser } from 'saxes'
import { type PeerOptions, peerRules } from '../../src/policy/peer.ts'
import { type PeerRule, rulesOfOptions } from '../../src/policy/rules.ts'
import type { CertificateVerdict, KeyVerdict, PeerRules } from '../../src/protocol/s2s.ts'
import { S2S_IN_START, type S2sInContext, s2sIn } from '../../src/protocol/s2s-in.ts'
import { S2S_OUT_START, type S2sOutContext, s2sOut } from '../../src/protocol/s2s-out.ts'
import type { Effect, Input, Step, TlsFacts } from '../../src/protocol/step.ts'
import { STREAM_END } from '../../src/protocol/stream.ts'
import { Element, type Node } from '../../src/xmpp/element.ts'
import type { StanzaCondition, StreamCondition } from '../../src/xmpp/errors.ts'
import { authenticatedBudget, type StreamHeader } from '../../src/xmpp/framer.ts'
import { jid } from '../../src/xmpp/jid.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { Stanza, type StanzaKind } from '../../src/xmpp/stanza.ts'

/*
 * A transcript is a list of conversations. `# title` begins one; `@ in` or `@ out link|verify` with options says whose
 * machine under which policy; `<` arrives, `>` leaves, `=` is the state at the end.
 * a.example, c.example (s2s disabled there) and d.example are ours, b.example and others are not.
 * In XML, xmlns='tls' stands for the namespace that xmpp/ns.ts calls tls; the prefixes `stream` and `db` are declared.
 */

type Answer = { certificate: CertificateVerdict } | { dialback: KeyVerdict } | { resumed: number | undefined }
export type AnyInput = Input<Answer>
export type AnyEffect = Effect<{ ask: string }, { event: string }>
type AnyStep = Step<{ at: string }, Answer, { ask: string }, { event: string }>

export interface Conversation {
  readonly title: string
  readonly lines: readonly string[]
}

export function readTranscript(text: string): Conversation[] {
  const conversations: { title: string; lines: string[] }[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('# ')) conversations.push({ title: line.slice(2), lines: [] })
    else if (line.trim() !== '') conversations.at(-1)?.lines.push(line)
  }
  return conversations
}

/** Plays what arrives and writes down the whole conversation as it really went. */
export function replay(conversation: Conversation): string[] {
  const setup = conversation.lines.find((l) => l.startsWith('@ '))
  assert.ok(setup !== undefined, 'a conversation says whose it is')
  let { step, state } = machine(setup.slice(2))
  const out = [setup]
  const listener = new Listener()
  for (const line of conversation.lines) {
    if (!line.startsWith('< ')) continue
    out.push(line)
    const next = step(state, readInput(line.slice(2)))
    state = next.state
    for (const effect of next.effects) {
      listener.hear(effect)
      out.push(...writeEffect(effect).map((l) => `> ${l}`))
    }
  }
  out.push(`= ${state.at}`)
  return out
}

/** Proves that all we say is well-formed and declares its prefixes, stream by stream. */
class Listener {
  #parser = new SaxesParser({ xmlns: true })

  hear(effect: AnyEffect): void {
    if (effect.do === 'start-tls' || effect.do === 'restart') this.#parser = new SaxesParser({ xmlns: true })
    if (effect.do !== 'send') return
    this.#parser.on('error', (error) => assert.fail(`${error.message} in ${effect.xml}`))
    this.#parser.write(effect.xml)
  }
}

const BLOCKED: PeerRule = {
  remotes: new Set(['blocked.example']),
  action: 'block',
  origin: { option: 's2s_rules', at: undefined },
}

export const HOSTS = ['a.example', 'c.example', 'd.example']

/** Policies by the words of an `@` line. Nothing said: all modules, all options at their defaults. */
export function optionsOf(words: readonly string[]): (local: string) => PeerOptions {
  const listed = (name: string) =>
    new Set(
      words
        .find((w) => w.startsWith(`${name}=`))
        ?.slice(name.length + 1)
        .split(','),
    )
  return (local) => ({
    s2s: local !== 'c.example' && !words.includes('no-s2s'),
    tls: !words.includes('no-tls'),
    saslauth: !words.includes('no-saslauth'),
    dialback: !words.includes('no-dialback'),
    ownCertificate: !words.includes('no-certificate'),
    rules: [
      BLOCKED,
      ...rulesOfOptions({
        secureAuth: words.includes('secure-auth'),
        secureDomains: listed('secure'),
        insecureDomains: listed('insecure'),
        requireEncryption: words.includes('require-encryption'),
        at: () => undefined,
      }),
    ],
    refuseDowngrades: false,
    bestOf: () => undefined,
    isLocal: (domain) => HOSTS.includes(domain),
  })
}

export function inContext(rules: PeerRules): S2sInContext {
  let ids = 0
  return {
    serves: (domain) => HOSTS.includes(domain),
    defaultHost: 'a.example',
    rules,
    dialbackKey: (receiving, originating, id) => `key-${receiving}-${originating}-${id}`,
    formerDialbackKey: (receiving, originating, id) => `old-${receiving}-${originating}-${id}`,
    randomId: () => `s${++ids}`,
    budget: authenticatedBudget(524_288),
    negotiationMs: 30_000,
    dialbackMs: 25_000,
    limits: undefined,
    management: () => undefined,
    bidi: () => false,
  }
}

export function outContext(rules: PeerRules, purpose: S2sOutContext['purpose'] = { is: 'link' }): S2sOutContext {
  return {
    local: 'a.example',
    remote: 'b.example',
    purpose,
    rules,
    dialbackKey: (receiving, originating, id) => `key-${receiving}-${originating}-${id}`,
    budget: authenticatedBudget(524_288),
    negotiationMs: 30_000,
    management: undefined,
    bidi: false,
  }
}

function machine(setup: string): { step: AnyStep; state: { at: string } } {
  const words = setup.split(' ')
  const rules = peerRules(optionsOf(words))
  // Both machines are driven by the same text; an answer of the wrong kind is the transcript's mistake.
  if (words[0] === 'in') {
    const ctx = inContext(rules)
    const limits = words.includes('limits') ? { maxBytes: 524_288, idleSeconds: 840 } : undefined
    const management = () => (words.includes('sm') ? { resumeSeconds: 600 } : undefined)
    return {
      step: s2sIn({ ...ctx, limits, management, bidi: () => words.includes('bidi') }) as unknown as AnyStep,
      state: S2S_IN_START,
    }
  }
  const purpose = words[1] === 'verify' ? ({ is: 'verify', streamId: 'their-stream', key: 'their-key' } as const) : undefined
  const resume = words.includes('resume') ? { ns: NS.sm, previd: 'earlier', h: 3 } : undefined
  const management = words.includes('sm') ? { resume } : undefined
  return {
    step: s2sOut({ ...outContext(rules, purpose), management, bidi: words.includes('bidi') }) as unknown as AnyStep,
    state: S2S_OUT_START,
  }
}

export const tlsFacts = (peerChain: readonly Uint8Array[]): TlsFacts => ({
  version: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  alpn: '',
  serverName: '',
  peerChain,
  ownLeaf: undefined,
  serverEndPoint: undefined,
  exporter: (_, length) => new Uint8Array(length),
})

function readInput(line: string): AnyInput {
  if (line.startsWith('<')) {
    const element = readXml(line)
    if (element.ns !== NS.client) return { on: 'element', element }
    const { to, from } = Object.fromEntries(element.attrs)
    const addresses = { ...(to === undefined ? {} : { to: jid(to) }), ...(from === undefined ? {} : { from: jid(from) }) }
    return { on: 'stanza', stanza: Stanza.of(element.name as StanzaKind, addresses) } // transcripts hold nothing else there
  }
  const [word = '', ...rest] = line.split(' ')
  const text = rest.slice(1).join(' ')
  switch (word) {
    case 'open':
    case 'peer-end':
      return { on: word }
    case 'header':
      return { on: 'header', header: readHeader(line) }
    case 'secured':
      return { on: 'secured', tls: tlsFacts(rest[0] === 'no-certificate' ? [] : [Uint8Array.of(1)]) }
    case 'answer':
      return { on: 'answer', id: Number(rest[0]), answer: readAnswer(rest.slice(1)) }
    case 'timer':
      return { on: 'timer', name: rest[0]! }
    case 'lost':
      return { on: 'lost', stage: rest[0] === 'tls' ? 'tls' : 'socket', why: text }
    case 'fault':
      return { on: 'fault', condition: rest[0] as StreamCondition, text } // a word of the transcript's author
    case 'close':
      return rest.length === 0 ? { on: 'close' } : { on: 'close', condition: rest[0] as StreamCondition, text } // as above
    default:
      throw new Error(`no such input: ${line}`)
  }
}

function readAnswer([kind, word, condition]: readonly string[]): Answer {
  if (kind === 'resumed') return { resumed: word === 'unknown' ? undefined : Number(word) }
  if (kind === 'certificate') return { certificate: word as CertificateVerdict } // a word of the transcript's author
  if (word === 'error') return { dialback: { error: condition as StanzaCondition } } // as above
  return { dialback: word as 'valid' | 'invalid' } // as above
}

function readHeader(line: string): StreamHeader {
  const given = readXml(`<${line}/>`).attrs
  const namespace = (name: string) => new Map<string, string>(Object.entries(NS)).get(name) ?? name
  return {
    name: given.get('root') ?? 'stream',
    ns: namespace(given.get('ns') ?? 'streams'),
    prefix: 'stream',
    contentNs: namespace(given.get('content') ?? 'server'),
    to: given.get('to'),
    from: given.get('from'),
    id: given.get('id'),
    version: given.get('version'),
    lang: undefined,
    prefixes: new Map(),
  }
}

/** One element with short namespaces; what stands in the content namespace is in NS.client, as the framer gives it. */
export function readXml(xml: string): Element {
  const full = xml.replace(/xmlns='(\w+)'/g, (whole, name: string) => {
    const uri = new Map<string, string>(Object.entries(NS)).get(name)
    return uri === undefined ? whole : `xmlns='${uri}'`
  })
  const open: { name: string; ns: string; attrs: Map<string, string>; nodes: Node[] }[] = []
  let root: Element | undefined
  const parser = new SaxesParser({ xmlns: true })
  parser.on('opentag', (tag) => {
    const attrs = new Map<string, string>()
    for (const [name, a] of Object.entries(tag.attributes)) if (!name.startsWith('xmlns')) attrs.set(name, a.value)
    open.push({ name: tag.local, ns: tag.uri, attrs, nodes: [] })
  })
  parser.on('text', (text) => void open.at(-1)?.nodes.push(text))
  parser.on('closetag', () => {
    const done = open.pop()!
    const element = new Element(done.name, done.ns, done.attrs, done.nodes)
    if (open.length === 1) root = element
    open.at(-1)?.nodes.push(element)
  })
  parser.on('error', (error) => assert.fail(`${error.message} in ${xml}`))
  parser.write(`<r xmlns='${NS.client}' xmlns:stream='${NS.streams}' xmlns:db='${NS.dialback}'>${full}</r>`).close()
  assert.ok(root !== undefined, xml)
  return root
}

const SHORT = new Map(Object.entries(NS).map(([name, uri]) => [uri as string, name]))

/** What leaves, one line a thing; a header without what never varies. */
function writeEffect(effect: AnyEffect): string[] {
  switch (effect.do) {
    case 'send':
      return writeXml(effect.xml)
    case 'timer':
      return [`timer ${effect.name} ${effect.delayMs}`]
    case 'timer-off':
      return [`timer-off ${effect.name}`]
    case 'ask': {
      const { ask, tls: _, ...about } = effect.question as { ask: string; tls?: TlsFacts } // any question; only these two are named
      return [`ask ${effect.id} ${ask} ${values(about)}${effect.hold ? ' hold' : ''}`]
    }
    case 'tell': {
      const { event, ...about } = effect.event
      return [`tell ${event} ${values(about)}`.trimEnd()]
    }
    default:
      return [effect.do]
  }
}

const values = (o: object): string =>
  Object.entries(o)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) =>
      typeof value === 'object' && value !== null ? values(value) : `${key}=${JSON.stringify(value)?.replaceAll('"', "'")}`,
    )
    .join(' ')

function writeXml(xml: string): string[] {
  const lines: string[] = []
  let rest = xml
  const header = /^<\?xml version='1.0'\?><stream:stream( [^>]*)>/.exec(rest)
  if (header !== null) {
    const fixed = ` xmlns='${NS.server}' xmlns:stream='${NS.streams}' xmlns:db='${NS.dialback}'`
    assert.ok(header[1]!.startsWith(fixed), rest)
    lines.push(`header${header[1]!.slice(fixed.length)}`)
    rest = rest.slice(header[0].length)
  }
  const ends = rest.endsWith(STREAM_END)
  if (ends) rest = rest.slice(0, -STREAM_END.length)
  if (rest !== '')
    lines.push(rest.replace(/xmlns='([^']+)'/g, (whole, uri: string) => (SHORT.has(uri) ? `xmlns='${SHORT.get(uri)}'` : whole)))
  if (ends) lines.push('end')
  return lines
}
