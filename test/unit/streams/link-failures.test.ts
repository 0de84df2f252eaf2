import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LookupFailureKind } from '../../../src/net/endpoints.ts'
import { parseDialback } from '../../../src/protocol/dialback.ts'
import { peerFailure, type S2sOutContext } from '../../../src/protocol/s2s-out-state.ts'
import { further, ofConnecting, ofLookup, ofStream, placesOf } from '../../../src/streams/link-failures.ts'
import { el } from '../../../src/xmpp/element.ts'
import { STANZA_CONDITIONS, STREAM_CONDITIONS, StreamError } from '../../../src/xmpp/errors.ts'
import { NS } from '../../../src/xmpp/ns.ts'

const typed = ({ stage, condition }: { stage: string; condition: keyof typeof STANZA_CONDITIONS }): string =>
  `${stage} ${STANZA_CONDITIONS[condition]}/${condition}`

/** Every kind of failed look-up, with the text that the resolver gives it. */
const lookups: { readonly [K in LookupFailureKind]: string } = {
  'not-a-hostname': 'the domain is not a host name that may be looked up',
  nxdomain: 'address look-up: no such name in DNS',
  'no-service': 'the domain says in DNS that it offers no XMPP service to other servers',
  'no-address': 'address look-up: no address',
  servfail: 'SRV look-up: the name servers report a failure',
  timeout: 'SRV look-up: the name servers do not answer',
  bogus: 'SRV look-up: the answer does not pass DNSSEC validation',
}

describe('what a sender is told', () => {
  for (const [kind, text] of Object.entries(lookups)) {
    test(`look-up, ${kind}: there is no such server`, () => {
      const failure = ofLookup({ kind: kind as LookupFailureKind, text, detail: `${text} (b.example)` })
      assert.equal(typed(failure), 'lookup cancel/remote-server-not-found')
      assert.equal(failure.text, text)
    })
  }

  test('no connection: try later, with every reason once', () => {
    assert.equal(typed(ofConnecting([])), 'connect wait/remote-server-timeout')
    assert.equal(ofConnecting([]).text, 'no connection')
    const refused = ofConnecting(['connection refused', 'connection refused', 'connection timed out'])
    assert.equal(refused.text, 'no connection: connection refused; connection timed out')
  })

  const own: Partial<Record<string, string>> = {
    'host-unknown': 'cancel/remote-server-not-found',
    'host-gone': 'cancel/remote-server-not-found',
    'policy-violation': 'auth/forbidden',
    'resource-constraint': 'wait/resource-constraint',
  }
  // the context gives the domain that is left out of quoted words, and nothing else
  const context = { local: 'a.example', remote: 'b.example' } as S2sOutContext
  for (const condition of STREAM_CONDITIONS) {
    test(`the remote ends the stream with ${condition}`, () => {
      const failure = ofStream(peerFailure(context, new StreamError(condition, 'because of b.example')))
      assert.equal(typed(failure), `stream ${own[condition] ?? 'wait/remote-server-timeout'}`)
      assert.match(failure.text, new RegExp(`^The remote server closed the stream: ${condition} \\(`))
      assert.doesNotMatch(failure.text, /b\.example/)
    })
  }

  /** XEP-0220 §2.5, and what others send. */
  const dialback: Partial<Record<string, string>> = {
    'policy-violation': 'auth/forbidden',
    forbidden: 'auth/forbidden',
    'not-allowed': 'auth/forbidden',
    'not-acceptable': 'auth/forbidden',
    'resource-constraint': 'wait/resource-constraint',
  }
  for (const condition of Object.keys(STANZA_CONDITIONS)) {
    test(`the remote answers our dialback key with the error ${condition}`, () => {
      const error = el('error', NS.client, {}, el(condition, NS.stanzaErrors))
      const answer = parseDialback(el('result', NS.dialback, { from: 'b.example', to: 'a.example', type: 'error' }, error))
      const said = { stage: 'auth', by: 'peer', text: 'words', bounce: 'remote-server-timeout' } as const
      const failure = ofStream({ ...said, condition: `dialback-${answer?.error}` })
      assert.equal(typed(failure), `auth ${dialback[condition] ?? 'wait/remote-server-timeout'}`)
    })
  }

  test('what we refuse ourselves keeps the condition that the machine gave it', () => {
    for (const stage of ['tls', 'certificate', 'auth', 'policy'] as const) {
      const failure = ofStream({ stage, by: 'us', condition: 'policy-violation', text: 'w', bounce: 'remote-server-timeout' })
      assert.equal(typed(failure), `${stage} wait/remote-server-timeout`)
    }
  })

  test('of several addresses the one that came furthest counts, of equals the last', () => {
    const at = (stage: 'tls' | 'stream' | 'auth', text: string) => ({ stage, condition: 'remote-server-timeout', text }) as const
    assert.equal(further(at('auth', '1'), at('tls', '2')).text, '1')
    assert.equal(further(at('tls', '1'), at('stream', '2')).text, '2')
    assert.equal(further(at('tls', '1'), at('tls', '2')).text, '2')
  })
})

describe('where DNS leads', () => {
  const at = (address: string, port = 5269) =>
    ({ host: 'h', address, family: 4, port, tls: 'starttls', priority: 0, secure: false }) as const

  test('the order of answers does not count, what they hold does', () => {
    const word = placesOf({ endpoints: [at('192.0.2.1'), at('192.0.2.2')] })
    assert.equal(placesOf({ endpoints: [at('192.0.2.2'), at('192.0.2.1')] }), word)
    assert.notEqual(placesOf({ endpoints: [at('192.0.2.1'), at('192.0.2.2', 5270)] }), word)
    assert.notEqual(placesOf({ endpoints: [at('192.0.2.1')] }), word)
  })

  test('a failed look-up is a place too', () => {
    assert.equal(placesOf({ failure: { kind: 'nxdomain', text: '', detail: '' } }), 'nxdomain')
  })
})
