import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Jid } from '../../xmpp/jid.ts'
import { encodeBase64 } from './base64.ts'
import {
  type ChannelBinding,
  failure,
  type SaslAnswer,
  type SaslFacts,
  type ScramHash,
  type ScramKeys,
  type Turn,
} from './mechanism.ts'
import { accountOf, decodeText, mayActAs, prepareText } from './prepare.ts'
import { type BindingFlag, type ClientFirst, parseClientFinal, parseClientFirst } from './scram-message.ts'

interface Common {
  readonly by: 'scram'
  readonly hash: ScramHash
  readonly plus: boolean
}

interface Started extends Common {
  readonly first: ClientFirst
  /** Prepared; only for our own log. */
  readonly username: string
  /** undefined for a name that no account can have: the exchange goes on and fails at its end like any other. */
  readonly account: Jid | undefined
  /** What `c=` must decode to: gs2 header and channel binding. */
  readonly channelBinding: Uint8Array
}

/** RFC 5802, RFC 7677: client-first, (the accounts give keys), client-final. */
export type ScramExchange =
  | (Common & { readonly at: 'first' })
  | (Started & { readonly at: 'keys' })
  | (Started & { readonly at: 'final'; readonly keys: ScramKeys; readonly nonce: string; readonly serverFirst: string })

type At<S extends ScramExchange['at']> = Extract<ScramExchange, { at: S }>

const NONCE_BYTES = 18
const NO_BINDING = new Uint8Array(0)

/** Is what the client says about channel binding right for the mechanism it chose and for what we offered? RFC 5802 §6. */
function judgeBinding(plus: boolean, said: BindingFlag, facts: SaslFacts): Uint8Array | Turn<never> {
  if (said.flag === 'p') {
    if (!plus) return failure('malformed-request', 'channel binding needs a -PLUS mechanism')
    return facts.binding(said.name) ?? failure('not-authorized', 'this channel binding is not offered here')
  }
  if (plus) return failure('malformed-request', 'a -PLUS mechanism needs channel binding')
  if (said.flag === 'y' && facts.plusOffered)
    return failure('not-authorized', 'channel binding was offered: somebody changed the list of mechanisms')
  return NO_BINDING
}

export function scramFirst(at: At<'first'>, facts: SaslFacts, data: Uint8Array): Turn<ScramExchange> {
  const message = decodeText(data)
  const first = message === undefined ? undefined : parseClientFirst(message)
  if (first === undefined) return failure('malformed-request', 'this is no SCRAM client-first message')
  const bound = judgeBinding(at.plus, first.binding, facts)
  if (!(bound instanceof Uint8Array)) return bound
  const username = prepareText(first.username)
  if (username === undefined) return failure('not-authorized', '', first.username)
  const account = accountOf(username, facts.domain)
  if (!mayActAs(first.authzid, account)) return failure('invalid-authzid', '', username)
  const channelBinding = Buffer.concat([Buffer.from(first.gs2Header), bound])
  return {
    turn: 'ask',
    question: { kind: 'scram-keys', username: account?.local ?? username, hash: at.hash },
    exchange: { by: 'scram', hash: at.hash, plus: at.plus, at: 'keys', first, username, account, channelBinding },
  }
}

export function scramKeys(at: At<'keys'>, facts: SaslFacts, answer: SaslAnswer): Turn<ScramExchange> {
  if (answer.kind === 'failed') return failure(answer.condition, answer.text, at.username)
  if (answer.kind !== 'scram-keys') return failure('temporary-auth-failure', '', at.username)
  const keys = answer.keys
  const nonce = at.first.nonce + encodeBase64(facts.random(NONCE_BYTES))
  const serverFirst = `r=${nonce},s=${encodeBase64(keys.salt)},i=${keys.iterations}`
  return { turn: 'challenge', data: Buffer.from(serverFirst), exchange: { ...at, at: 'final', keys, nonce, serverFirst } }
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)
const hmac = (hash: ScramHash, key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest()

/** Does the proof show that the client knows the key whose hash we keep? RFC 5802 §3. */
function proves(hash: ScramHash, storedKey: Uint8Array, authMessage: string, proof: Uint8Array): boolean {
  const signature = hmac(hash, storedKey, authMessage)
  if (proof.length !== signature.length) return false
  const clientKey = signature.map((byte, i) => byte ^ proof[i]!)
  return equal(createHash(hash).update(clientKey).digest(), storedKey)
}

export function scramFinal(at: At<'final'>, data: Uint8Array): Turn<ScramExchange> {
  const message = decodeText(data)
  const final = message === undefined ? undefined : parseClientFinal(message)
  if (final === undefined) return failure('malformed-request', 'this is no SCRAM client-final message', at.username)
  const { first, hash, keys, username, account } = at
  if (final.nonce !== at.nonce || !equal(final.channelBinding, at.channelBinding)) return failure('not-authorized', '', username)
  const authMessage = `${first.bare},${at.serverFirst},${final.withoutProof}`
  if (!proves(hash, keys.storedKey, authMessage, final.proof) || account === undefined)
    return failure('not-authorized', '', username)
  const verifier = `v=${encodeBase64(hmac(hash, keys.serverKey, authMessage))}`
  // judgeBinding let only an offered name pass
  const binding = first.binding.flag === 'p' ? (first.binding.name as ChannelBinding) : undefined
  return { turn: 'success', account, data: Buffer.from(verifier), binding }
}
