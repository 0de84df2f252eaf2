import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { peerRules } from '../../../src/policy/peer.ts'
import { S2S_IN_START, type S2sInAnswer, type S2sInEvent, type S2sInQuestion, s2sIn } from '../../../src/protocol/s2s-in.ts'
import { S2S_OUT_START, type S2sOutAnswer, type S2sOutEvent, s2sOut } from '../../../src/protocol/s2s-out.ts'
import type { Effect, Input } from '../../../src/protocol/step.ts'
import { NS } from '../../../src/xmpp/ns.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'
import { inContext, optionsOf, outContext, readXml, tlsFacts } from '../../transcripts/s2s-conversation.ts'

/*
 * Every sequence of inputs up to a depth, over an alphabet that holds all that matters: states met before with the same
 * past are not walked twice. What must hold is checked at every step against what has really happened on the way.
 */
const POLICIES = [
  [],
  ['require-encryption'],
  ['secure-auth'],
  ['secure-auth', 'insecure=b.example'],
  ['secure=b.example', 'no-dialback'],
  ['no-tls'],
] as const

/** Maps are written as entries, so that two states are equal when their texts are. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, v) => (v instanceof Map ? [...v] : v instanceof Set ? [...v].sort() : v))

function walk<S extends { at: string }, I, F>(
  start: S,
  past: F,
  alphabet: readonly I[],
  depth: number,
  visit: (state: S, input: I, past: F) => { state: S; past: F },
): number {
  let edge = [{ state: start, past }]
  const met = new Set([textOf(edge[0])])
  for (let d = 0; d < depth; d++) {
    const further: typeof edge = []
    for (const at of edge) {
      for (const input of alphabet) {
        const next = visit(at.state, input, at.past)
        const text = textOf(next)
        if (met.has(text)) continue
        met.add(text)
        further.push(next)
      }
    }
    edge = further
  }
  return met.size
}

const header = (o: { to?: string; from?: string; id?: string; version?: string; contentNs?: string }) =>
  ({
    on: 'header',
    header: {
      name: 'stream',
      ns: NS.streams,
      prefix: 'stream',
      contentNs: NS.server,
      to: undefined,
      from: undefined,
      id: undefined,
      version: undefined,
      lang: undefined,
      prefixes: new Map<string, string>(),
      ...o,
    },
  }) as const
const element = (xml: string) => ({ on: 'element', element: readXml(xml) }) as const
const secured = { on: 'secured', tls: tlsFacts([Uint8Array.of(1)]) } as const
const message = { on: 'stanza', stanza: Stanza.of('message', {}) } as const
const COMMON = [
  { on: 'open' },
  secured,
  message,
  { on: 'timer', name: 'negotiation' },
  { on: 'peer-end' },
  { on: 'lost', stage: 'socket', why: 'reset' },
  { on: 'fault', condition: 'not-well-formed', text: '' },
  { on: 'close', condition: 'system-shutdown' },
] as const

/** What has been proven on the way, told apart from what the machine believes. */
interface InPast {
  readonly questions: readonly { readonly id: number; readonly question: S2sInQuestion }[]
  readonly keys: readonly string[]
  readonly certificates: readonly string[]
  readonly encrypted: boolean
  readonly ready: boolean
}

describe('a walk through the receiving machine', () => {
  const alphabet: readonly Input<S2sInAnswer>[] = [
    ...COMMON,
    header({ to: 'a.example', from: 'b.example', version: '1.0' }),
    header({ to: 'd.example', from: 'evil.example', version: '1.0' }),
    header({ to: 'a.example', from: 'b.example' }),
    element(`<starttls xmlns='tls'/>`),
    element(`<auth xmlns='sasl' mechanism='EXTERNAL'>Yi5leGFtcGxl</auth>`),
    element(`<auth xmlns='sasl' mechanism='EXTERNAL'/>`),
    element(`<response xmlns='sasl'>=</response>`),
    element(`<db:result from='b.example' to='a.example'>k</db:result>`),
    element(`<db:result from='victim.example' to='a.example'>k</db:result>`),
    element(`<db:result from='b.example' to='a.example' type='valid'/>`),
    element(`<enable xmlns='sm' resume='true'/>`),
    element(`<resume xmlns='sm' previd='x' h='0'/>`),
    element(`<r xmlns='sm'/>`),
    element(`<bidi xmlns='bidi'/>`),
    { on: 'timer', name: 'bidi' },
    { on: 'timer', name: 'dialback-1' },
    ...[1, 2].flatMap((id): Input<S2sInAnswer>[] => [
      { on: 'answer', id, answer: { certificate: 'valid' } },
      { on: 'answer', id, answer: { certificate: 'self-signed' } },
      { on: 'answer', id, answer: { dialback: 'valid' } },
      { on: 'answer', id, answer: { dialback: 'invalid' } },
      { on: 'answer', id, answer: { resumed: 1 } },
    ]),
  ]

  const check = (event: S2sInEvent, words: readonly string[], past: InPast) => {
    if (event.event !== 'authorised') return
    assert.equal(event.encrypted, past.encrypted)
    if (words.includes('require-encryption')) assert.ok(past.encrypted)
    const certified = past.certificates.includes(event.remote)
    if (words.includes('secure-auth') && !(words.includes('insecure=b.example') && event.remote === 'b.example'))
      assert.ok(certified)
    if (words.includes('secure=b.example') && event.remote === 'b.example') assert.ok(certified)
    if (event.via === 'external') assert.ok(past.encrypted && certified)
    else assert.ok(past.keys.includes(`${event.remote} ${event.local}`) && !words.includes('no-dialback'))
  }

  for (const words of POLICIES) {
    test(`under ${words.join(' ') || 'the defaults'}`, () => {
      const step = s2sIn({
        ...inContext(peerRules(optionsOf(words))),
        randomId: () => 's',
        management: () => ({ resumeSeconds: 600 }),
        bidi: () => true,
      })
      const start: InPast = { questions: [], keys: [], certificates: [], encrypted: false, ready: false }
      let reached = 0
      const states = walk(S2S_IN_START, start, alphabet, 9, (state, input, before) => {
        let past = before
        if (input.on === 'secured' && (state.at === 'idle' || state.at === 'securing')) past = { ...past, encrypted: true }
        if (input.on === 'answer') past = withProof(past, input.id, input.answer)
        const next = step(state, input)
        if (state.at === 'closed') assert.deepEqual(next, { state, effects: [] })
        let told = false
        const managed = 'stream' in next.state && next.state.stream.sm.is === 'on'
        if (managed) assert.equal(next.state.at, 'ready')
        for (const effect of next.effects) {
          if (effect.do === 'ask')
            past = { ...past, questions: [...past.questions, { id: effect.id, question: effect.question }] }
          if (effect.do === 'tell') {
            check(effect.event, words, past)
            told ||= effect.event.event === 'authorised'
          }
          if (effect.do === 'ready') {
            assert.ok(told && !past.ready)
            reached++
            past = { ...past, ready: true }
          }
          // A restart forgets the keys that were looked at for the old stream, whatever their answers say.
          if (effect.do === 'start-tls' || effect.do === 'restart') past = { ...past, questions: [], keys: [] }
        }
        assert.equal(next.state.at === 'ready', past.ready && next.state.at !== 'closed')
        checkEnd(next.effects)
        return { state: next.state, past }
      })
      assert.ok(reached > 0 && states > 50)
    })
  }

  function withProof(past: InPast, id: number, answer: S2sInAnswer): InPast {
    const asked = past.questions.find((q) => q.id === id)?.question
    if (asked?.ask === 'certificate' && 'certificate' in answer && answer.certificate === 'valid') {
      return past.certificates.includes(asked.remote) ? past : { ...past, certificates: [...past.certificates, asked.remote] }
    }
    if (asked?.ask !== 'verify-dialback' || !('dialback' in answer) || answer.dialback !== 'valid') return past
    const pair = `${asked.from} ${asked.to}`
    return past.keys.includes(pair) ? past : { ...past, keys: [...past.keys, pair] }
  }
})

/** Whoever ends says so last: `</stream:stream>` before `finish`, nothing after either. */
function checkEnd(effects: readonly Effect<unknown, unknown>[]): void {
  const last = effects.findIndex((e) => e.do === 'finish' || e.do === 'destroy')
  if (last === -1) return
  assert.equal(last, effects.length - 1)
  if (effects[last]?.do === 'finish') assert.ok(effects.findLast((e) => e.do === 'send')?.xml.endsWith('</stream:stream>'))
}

interface OutPast {
  readonly encrypted: boolean
  readonly certified: boolean
  readonly said: string
  readonly accepted: 'no' | 'external' | 'dialback'
  readonly over: boolean
}

describe('a walk through the initiating machine', () => {
  const alphabet: readonly Input<S2sOutAnswer>[] = [
    ...COMMON,
    header({ from: 'b.example', to: 'a.example', id: 'p', version: '1.0' }),
    header({ from: 'b.example', to: 'a.example', id: 'p' }),
    header({ from: 'b.example', to: 'a.example', version: '1.0' }),
    element(`<stream:features/>`),
    element(
      `<stream:features><starttls xmlns='tls'/><bidi xmlns='bidiFeature'/><dialback xmlns='dialbackFeature'/></stream:features>`,
    ),
    element(
      `<stream:features><mechanisms xmlns='sasl'><mechanism>EXTERNAL</mechanism></mechanisms><dialback xmlns='dialbackFeature'/></stream:features>`,
    ),
    element(`<stream:features><dialback xmlns='dialbackFeature'/><sm xmlns='sm'/></stream:features>`),
    element(`<resumed xmlns='sm' previd='x' h='0'/>`),
    element(`<failed xmlns='sm'/>`),
    element(`<enabled xmlns='sm'/>`),
    element(`<proceed xmlns='tls'/>`),
    element(`<failure xmlns='tls'/>`),
    element(`<success xmlns='sasl'/>`),
    element(`<challenge xmlns='sasl'/>`),
    element(`<failure xmlns='sasl'/>`),
    element(`<db:result from='b.example' to='a.example' type='valid'/>`),
    element(`<db:result from='b.example' to='a.example' type='invalid'/>`),
    element(`<db:result from='victim.example' to='a.example' type='valid'/>`),
    element(`<db:verify from='b.example' to='a.example' id='x' type='valid'/>`),
    element(`<stream:error><host-unknown xmlns='streamErrors'/></stream:error>`),
    ...[1, 2].flatMap((id): Input<S2sOutAnswer>[] => [
      { on: 'answer', id, answer: { certificate: 'valid' } },
      { on: 'answer', id, answer: { certificate: 'self-signed' } },
    ]),
  ]

  const check = (event: S2sOutEvent, words: readonly string[], past: OutPast) => {
    if (event.event === 'failed' || event.event === 'verified') assert.equal(past.over, false)
    if (event.event === 'verified') assert.equal(past.said, 'verify')
    if (event.event !== 'ready') return
    assert.equal(event.via, past.accepted)
    assert.equal(event.encrypted, past.encrypted)
    if (demandsTls(words)) assert.ok(past.encrypted)
    if (demandsCertificate(words)) assert.ok(past.certified)
  }

  const demandsCertificate = (words: readonly string[]) =>
    words.includes('secure=b.example') || (words.includes('secure-auth') && !words.includes('insecure=b.example'))
  const demandsTls = (words: readonly string[]) => words.includes('require-encryption') || demandsCertificate(words)

  const checkSent = (xml: string, words: readonly string[], past: OutPast) => {
    const secret = xml.includes('<db:') || xml.includes('<auth') || xml.includes('<response')
    if (!secret) return
    if (demandsTls(words)) assert.ok(past.encrypted, xml)
    if (demandsCertificate(words)) assert.ok(past.certified, xml)
  }

  for (const words of POLICIES) {
    for (const is of ['link', 'verify'] as const) {
      test(`${is} under ${words.join(' ') || 'the defaults'}`, () => {
        const purpose = is === 'link' ? { is } : { is, streamId: 'x', key: 'k' }
        const management = { resume: { ns: NS.sm, previd: 'x', h: 0 } }
        const step = s2sOut({ ...outContext(peerRules(optionsOf(words)), purpose), management, bidi: true })
        const start: OutPast = { encrypted: false, certified: false, said: '', accepted: 'no', over: false }
        let reached = 0
        const states = walk(S2S_OUT_START, start, alphabet, 14, (state, input, before) => {
          let past = before
          if (input.on === 'secured' && (state.at === 'idle' || state.at === 'securing')) past = { ...past, encrypted: true }
          if (input.on === 'answer' && input.answer.certificate === 'valid' && state.at === 'judging')
            past = { ...past, certified: true }
          if (input.on === 'element')
            past = {
              ...past,
              accepted: acceptance(past, input.element.name, input.element.attr('from'), input.element.attr('type')),
            }
          const next = step(state, input)
          if (state.at === 'closed') assert.deepEqual(next, { state, effects: [] })
          for (const effect of next.effects) {
            if (effect.do === 'send') {
              checkSent(effect.xml, words, past)
              past = { ...past, said: lastSaid(effect.xml) ?? past.said }
            }
            if (effect.do === 'tell') {
              check(effect.event, words, past)
              if (effect.event.event === (is === 'link' ? 'ready' : 'verified')) reached++
              if (effect.event.event === 'failed' || effect.event.event === 'verified') past = { ...past, over: true }
            }
            if (effect.do === 'ready') assert.ok(is === 'link' && state.at !== 'ready')
          }
          checkEnd(next.effects)
          return { state: next.state, past }
        })
        assert.ok(reached > 0 && states > 20)
      })
    }
  }

  const lastSaid = (xml: string): string | undefined => /<(?:db:)?(result|verify|auth|starttls)\b/.exec(xml)?.[1]

  function acceptance(past: OutPast, name: string, from: string | undefined, type: string | undefined): OutPast['accepted'] {
    if (name === 'success' && past.said === 'auth') return 'external'
    if (name === 'result' && past.said === 'result' && from === 'b.example' && type === 'valid') return 'dialback'
    return past.accepted
  }
})
