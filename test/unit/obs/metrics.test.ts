import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { METRICS } from '../../../src/obs/declarations.ts'
import { MOST_EVENTS, MOST_REMOTES, MOST_STRANGERS, RemoteHistory } from '../../../src/obs/history.ts'
import { watchLoopLag } from '../../../src/obs/loop-lag.ts'
import { createMetrics, MOST_SERIES } from '../../../src/obs/metrics.ts'
import { openMetricsText } from '../../../src/obs/open-metrics.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { readOpenMetrics } from '../../helpers/open-metrics.ts'

describe('metrics', () => {
  test('labels in any order are one series', () => {
    const metrics = createMetrics()
    metrics.count('entente_s2s_bounced_total', { stage: 'tls', condition: 'x' })
    metrics.count('entente_s2s_bounced_total', { condition: 'x', stage: 'tls' }, 2)
    assert.deepEqual([...metrics.read()], [['entente_s2s_bounced_total{condition="x",stage="tls"}', 3]])
  })

  test('whatever the labels, a name has a bounded number of series, and nothing is lost', () => {
    const metrics = createMetrics()
    for (let i = 0; i < MOST_SERIES + 50; i++) metrics.count('entente_c2s_logins_total', { mechanism: `m${i}` })
    assert.equal(metrics.read().size, MOST_SERIES + 1)
    assert.equal(metrics.read().get('entente_c2s_logins_total{mechanism="other"}'), 50)
  })

  test('the text is OpenMetrics, whatever stands in a label', () => {
    const metrics = createMetrics()
    metrics.count('entente_c2s_logins_total', { mechanism: 'a"b\\c\nd' })
    for (const value of [0.001, 0.3, 1, 100])
      metrics.observe('entente_s2s_handshake_seconds', { direction: 'in', stage: 'tls' }, value)
    metrics.collect('entente_c2s_streams', () => [{ labels: {}, value: 7 }])
    const families = readOpenMetrics(openMetricsText(metrics.families()))
    assert.equal(families.size, Object.keys(METRICS).length)
    assert.deepEqual(families.get('entente_c2s_logins')!.samples, [
      { name: 'entente_c2s_logins_total', labels: 'mechanism="a\\"b\\\\c\\nd"', value: 1 },
    ])
    const lines = families.get('entente_s2s_handshake_seconds')!.samples
    const at = (le: string): number | undefined => lines.find(({ labels }) => labels.endsWith(`le="${le}"`))?.value
    assert.deepEqual([at('0.005'), at('0.25'), at('0.5'), at('1.0'), at('30.0'), at('+Inf')], [1, 1, 2, 3, 3, 4])
    assert.equal(lines.find(({ name }) => name.endsWith('_sum'))?.value, 101.301)
  })

  test('names and labels are those of the format', () => {
    for (const [name, { type, labels }] of Object.entries(METRICS)) {
      assert.match(name, /^(entente|process)_[a-z0-9_]+$/)
      assert.equal(name.endsWith('_total'), type === 'counter', name)
      for (const label of labels) assert.match(label, /^[a-z]+$/, name)
    }
  })

  test('every counted name carries the labels that it declares', () => {
    const source = readFileSync(join(import.meta.dirname, '../../../src/obs/events.ts'), 'utf8')
    const counted = [...source.matchAll(/metrics\.(?:count|observe)\('(\w+)'(?:, \{ ([^}]*) \})?/g)]
    assert.ok(counted.length > 15)
    for (const [, name, labels = ''] of counted) {
      const used = [...labels.matchAll(/(?:^|, )(\w+)/g)].map(([, label]) => label!)
      const declared = new Map<string, { labels: readonly string[] }>(Object.entries(METRICS)).get(name!)?.labels ?? []
      assert.deepEqual(used.sort(), [...declared].sort(), name!)
    }
  })

  test('nothing is declared that nobody tells', () => {
    const root = join(import.meta.dirname, '../../../src')
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (f) => f.endsWith('.ts') && f !== 'obs/declarations.ts',
    )
    const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n')
    assert.deepEqual(
      Object.keys(METRICS).filter((name) => !text.includes(`'${name}'`)),
      [],
    )
  })

  test('the lag of the event loop is how late a timer came', async () => {
    const clock = new FakeClock()
    let late = 0
    const metrics = createMetrics()
    const watching = watchLoopLag({ every: (ms, run) => clock.every(ms, run), mono: () => clock.mono() + late }, metrics)
    await clock.advance(500)
    late = 300
    await clock.advance(250)
    watching.dispose()
    assert.equal(clock.waiting, 0)
    const { samples } = metrics.families().find(({ name }) => name === 'entente_event_loop_lag_seconds')!
    const at = (le: string): number | undefined => samples.find(({ labels }) => labels['le'] === le)?.value
    assert.deepEqual([at('0.001'), at('0.25'), at('0.5')], [2, 2, 3])
  })
})

describe('the history of remote domains', () => {
  test('keeps the last events of each', () => {
    const history = new RemoteHistory(() => 5)
    for (let i = 0; i < MOST_EVENTS + 3; i++) history.note('b.example', 'refused', { i, text: 'a\u001b[31mb', none: undefined })
    const events = history.of('b.example')
    assert.equal(events.length, MOST_EVENTS)
    assert.deepEqual(events[0], { timeMs: 5, event: 'refused', fields: { i: 3, text: 'a\\u001b[31mb' } })
    assert.deepEqual(history.of('c.example'), [])
  })

  test('whoever makes names up pushes out made-up names only', () => {
    const history = new RemoteHistory()
    history.note('known.example', 'authenticated', {})
    history.note('known.example', 'refused', {}, false)
    for (let i = 0; i < 2 * MOST_REMOTES; i++) history.note(`x${i}.example`, 'refused', {}, false)
    assert.equal(history.of('known.example').length, 2)
    assert.equal(history.size, MOST_STRANGERS + 1)
    for (let i = 0; i < 2 * MOST_REMOTES; i++) history.note(`y${i}.example`, 'authenticated', {})
    assert.equal(history.size, MOST_REMOTES)
    assert.deepEqual(history.of('known.example'), [])
  })

  test('a stranger that proves itself keeps what was remembered', () => {
    const history = new RemoteHistory()
    history.note('b.example', 'refused', {}, false)
    history.note('b.example', 'authenticated', {})
    assert.deepEqual(
      history.of('b.example').map((e) => e.event),
      ['refused', 'authenticated'],
    )
    assert.equal(history.size, 1)
  })
})
