import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Outcome, runCommand } from '../../src/admin/commands.ts'
import type { QueueReport, StreamReport, TraceReport } from '../../src/admin/federation.ts'
import type { PastEvent } from '../../src/obs/history.ts'
import type { Server } from '../../src/server.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network } from '../helpers/network.ts'
import { readOpenMetrics } from '../helpers/open-metrics.ts'
import { ScriptedPeer } from '../helpers/scripted-peer.ts'
import type { TestClient } from '../helpers/test-client.ts'

let network: Network
let a: Server
let b: Server
let romeo: TestClient
let juliet: TestClient

const s2s = (...args: string[]): Promise<Outcome> => runCommand(a, 's2s', args)
const streams = async (): Promise<readonly StreamReport[]> =>
  ((await s2s('list')).data as { streams: readonly StreamReport[] }).streams
/** What `show` knows of b.example. */
const shown = async (remote = 'b.example') =>
  (await s2s('show', remote)).data as {
    decision?: string
    streams: readonly StreamReport[]
    queues: readonly QueueReport[]
    history: readonly PastEvent[]
  }

before(async () => {
  network = await Network.create()
  a = await network.server('a.example', { users: ['romeo'] })
  b = await network.server('b.example', { users: ['juliet'] })
  romeo = await network.client('romeo@a.example')
  juliet = await network.client('juliet@b.example')
})
after(() => network[Symbol.asyncDispose]())

/** A message each way, so that there is a stream in each direction. */
async function talk(): Promise<void> {
  romeo.send("<message to='juliet@b.example' type='chat'><body>soft</body></message>")
  await juliet.message((m) => m.child('body')?.text === 'soft')
  juliet.send("<message to='romeo@a.example' type='chat'><body>light</body></message>")
  await romeo.message((m) => m.child('body')?.text === 'light')
}

describe('entente s2s', () => {
  test('list: who, how it was proven, how much came and went', async () => {
    await talk()
    const both = await streams()
    assert.deepEqual(both.map((s) => s.direction).sort(), ['in', 'out'])
    for (const s of both) {
      assert.equal(s.remote, 'b.example')
      assert.deepEqual(s.pairs, [{ local: 'a.example', remote: 'b.example', via: 'external', certificate: 'valid' }])
      assert.equal(s.tls?.version, 'TLSv1.3')
      assert.equal(s.certificate, 'valid')
      assert.ok(s.bytesIn > 500 && s.bytesOut > 500, 'a negotiation was counted')
      assert.ok(s.ageSeconds >= s.idleSeconds && s.idleSeconds >= 0)
      assert.deepEqual([s.stanzasIn, s.stanzasOut], s.direction === 'in' ? [1, 0] : [0, 1])
    }
    const { lines } = await s2s('list')
    assert.match(lines.join('\n'), /^b\.example (->|<-) a\.example {2}[0-9a-f]{16} {2}TLSv1\.3, external, certificate valid, /m)
  })

  test('what it does not know, it says', async () => {
    assert.match((await s2s('lst')).lines[0]!, /no action "lst"; it has list, show/)
    assert.match((await s2s('show')).lines[0]!, /needs a REMOTE/)
    assert.match((await s2s('show', 'b example')).lines[0]!, /is no domain/)
    assert.match((await s2s('close', 'nobody.example')).lines[0]!, /there is no stream/)
    assert.equal((await s2s('show', 'nobody.example')).ok, true)
  })

  test('close: both streams end with a text, and the next stanza makes a new one', async () => {
    await talk()
    const before = await streams()
    assert.deepEqual((await s2s('close', 'B.example')).data, { closed: 2 })
    await eventually('the streams are gone', () => a.status().serverStreams.length === 0)
    await talk()
    const now = await streams()
    assert.ok(now.every((s) => !before.some((old) => old.id === s.id)))
    const { history } = await shown()
    assert.ok(history.some(({ event, fields }) => event === 'stream ended' && /operator/.test(String(fields['text']))))
  })

  test('block: at once, for both directions, kept over a restart; allow takes it back', async () => {
    await talk()
    assert.equal((await s2s('block', '*.other.example')).ok, true)
    assert.equal((await s2s('block', 'b.example')).ok, true)
    await eventually('the streams are gone', () => a.status().serverStreams.length === 0)
    const bounced = async (): Promise<void> => {
      romeo.send("<message to='juliet@b.example' type='chat' id='x'><body>hark</body></message>")
      const error = (await romeo.message((m) => m.attr('type') === 'error')).child('error')!
      assert.ok(error.child('not-allowed', NS.stanzaErrors) !== undefined)
    }
    await bounced()
    juliet.send("<message to='romeo@a.example' type='chat' id='y'><body>nay</body></message>")
    const refused = await juliet.message((m) => m.attr('type') === 'error')
    assert.match(
      refused.child('error')!.child('text', NS.stanzaErrors)!.text,
      /Communication with your domain is not allowed here/,
    )
    assert.equal(a.metrics().get('entente_s2s_refused_total{because="blocked",direction="in"}'), 1)

    a = await network.restart('a.example')
    romeo = await network.client('romeo@a.example')
    assert.equal((await shown()).decision, 'block')
    assert.equal((await shown('x.other.example')).decision, 'block')
    assert.equal((await shown('other.example')).decision, undefined)
    const { lines } = await runCommand(a, 'explain', ['b.example'])
    assert.match(lines.join('\n'), /action.*blocked .*entente s2s block/)
    await bounced()
    assert.match((await s2s('allow', 'b.example')).lines[0]!, /configuration decides again/)
    await talk()
    assert.match((await s2s('allow', 'b.example')).lines[0]!, /also where the configuration blocks it/)
    assert.equal((await shown()).decision, 'allow')
  })

  test('queue and retry: what waits for a server that does not answer', async () => {
    await using peer = await ScriptedPeer.listen(network, 'slow.example')
    for (const id of ['1', '2']) romeo.send(`<message to='x@slow.example' type='chat' id='${id}'><body>secret</body></message>`)
    const stream = await peer.accepted()
    await eventually('both wait', () => a.federation.queues().some((q) => q.queued === 2))
    const { lines, data } = await s2s('queue', 'slow.example')
    const [waiting] = (data as { queues: readonly QueueReport[] }).queues
    assert.equal(waiting?.senders, 1)
    assert.ok(waiting.bytes > 400 && waiting.oldestSeconds >= 0)
    assert.match(lines[0]!, /^a\.example to slow\.example \(connecting\): 2 stanzas of 1 sender \(4\d\d B\), the oldest for 0 s$/)
    assert.doesNotMatch(JSON.stringify(data), /secret/)
    stream.destroy()
    await romeo.message((m) => m.attr('type') === 'error' && m.attr('id') === '2')
    assert.deepEqual((await s2s('queue', 'slow.example')).lines, ['Nothing waits for slow.example.'])

    assert.equal((await s2s('retry', 'slow.example')).ok, true)
    ;(await peer.accepted()).destroy()
    const { history } = await shown('slow.example')
    assert.deepEqual(
      history.map((e) => e.event),
      ['endpoint failed', 'unreachable'],
    )
    assert.equal(history[0]!.fields['stage'], history[1]!.fields['stage'], 'one word for one stage')
  })

  test('show tells of a certificate that we refuse, and it is counted', async () => {
    await using network2 = await Network.create()
    const strict = await network2.server('strict.example', { global: 's2s_secure_auth = true', users: ['romeo'] })
    await network2.server('self.example', { certificate: 'self-signed', users: ['juliet'] })
    const user = await network2.client('romeo@strict.example')
    const far = await network2.client('juliet@self.example')
    user.send("<message to='juliet@self.example' type='chat'><body>hi</body></message>")
    await user.message((m) => m.attr('type') === 'error')
    far.send("<message to='romeo@strict.example' type='chat'><body>hi</body></message>")
    await far.message((m) => m.attr('type') === 'error')
    for (const direction of ['in', 'out']) {
      const key = `entente_s2s_refused_total{because="certificate-self-signed",direction="${direction}"}`
      assert.equal(strict.metrics().get(key), 1, key)
    }
    const { lines } = await runCommand(strict, 's2s', ['show', 'self.example'])
    assert.match(lines.join('\n'), /refused .*because=certificate-self-signed/)
    const explained = await runCommand(strict, 'explain', ['self.example'])
    assert.match(explained.lines.join('\n'), /certificate-self-signed/)
  })
})

describe('entente s2s trace', () => {
  /** Watches b.example while something happens. */
  async function traced(args: readonly string[], work: () => Promise<void>): Promise<readonly TraceReport[]> {
    const outcome = await s2s('trace', 'b.example', ...args)
    const heard: TraceReport[] = []
    const watching = outcome.follow!((line) => heard.push(line))
    await work()
    watching.dispose()
    const seen = heard.length
    await talk()
    assert.equal(heard.length, seen, 'nothing comes after the end')
    return heard
  }

  test('a whole conversation, without secrets and words', async () => {
    await s2s('close', 'b.example')
    await eventually('the streams are gone', () => a.status().serverStreams.length === 0)
    const heard = await traced([], talk)
    const text = heard.map((l) => `${l.direction} ${l.text}`).join('\n')
    assert.match(text, /^out <\?xml version='1.0'\?><stream:stream .*from='a\.example'/m)
    assert.match(text, /^note encrypted with TLSv1\.3/m)
    assert.match(text, /^out <auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>(\[secret\]|=)<\/auth>/m)
    assert.match(text, /^note b\.example proven by external, certificate valid/m)
    assert.match(text, /^out <message to='juliet@b\.example' .*><body>\[4 characters\]<\/body><\/message>/m)
    assert.match(text, /^in <message to='romeo@a\.example' .*><body>\[5 characters\]<\/body><\/message>/m)
    assert.doesNotMatch(text, /soft|light/)
  })

  test('with the words of people where that is asked for', async () => {
    const heard = await traced(['bodies'], talk)
    assert.match(heard.map((l) => l.text).join('\n'), /<body>soft<\/body>/)
  })

  test('others are not in it', async () => {
    await network.server('c.example', { users: ['nurse'] })
    const nurse = await network.client('nurse@c.example')
    const heard = await traced(['bodies'], async () => {
      romeo.send("<message to='nurse@c.example' type='chat'><body>madam</body></message>")
      await nurse.message()
    })
    assert.deepEqual(heard, [])
  })
})

describe('entente metrics', () => {
  test('valid OpenMetrics with all that was declared', async () => {
    await talk()
    const { ok, lines } = await runCommand(a, 'metrics', [])
    assert.equal(ok, true)
    const families = readOpenMetrics(`${lines.join('\n')}\n`)
    const value = (name: string, labels = ''): number | undefined =>
      families.get(name)?.samples.find((s) => s.name.startsWith(name) && s.labels === labels)?.value
    assert.equal(value('entente_c2s_sessions', 'host="a.example"'), 1)
    assert.ok(value('entente_s2s_stanzas', 'direction="in"')! >= 1)
    assert.ok(value('entente_s2s_bytes', 'direction="out"')! > 500)
    assert.equal(value('entente_s2s_queued_stanzas'), 0)
    assert.ok(value('process_resident_memory_bytes')! > 1e7)
    assert.ok(value('entente_s2s_streams', 'direction="out",tls="TLSv1.3",via="external",family="ipv4"')! >= 1)
    const stages = new Set(
      families.get('entente_s2s_handshake_seconds')!.samples.map((s) => /direction="\w+",stage="\w+"/.exec(s.labels)![0]),
    )
    for (const stage of ['lookup', 'connect', 'stream', 'tls', 'auth', 'total'])
      assert.ok(stages.has(`direction="out",stage="${stage}"`), stage)
    for (const stage of ['stream', 'tls', 'auth', 'total']) assert.ok(stages.has(`direction="in",stage="${stage}"`), stage)
    assert.equal(b.families().length, families.size)
  })
})
