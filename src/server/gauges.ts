import type { Links } from '../core/links.ts'
import type { Router } from '../core/router.ts'
import { SOFTWARE } from '../core/software.ts'
import type { Labels, Metrics, Sample } from '../obs/metrics.ts'
import type { Clients } from '../streams/clients.ts'
import type { Peers } from '../streams/peers.ts'
import type { StreamFacts } from '../streams/witness.ts'

/** Tells the metrics where to read what is not counted event by event. */
export function registerGauges(metrics: Metrics, parts: { router: Router; links: Links; clients: Clients; peers: Peers }): void {
  const { router, links, clients, peers } = parts
  registerProcess(metrics)
  const one = (read: () => number) => () => [{ labels: {}, value: read() }]
  metrics.collect(
    'entente_c2s_streams',
    one(() => clients.size),
  )
  metrics.collect('entente_c2s_sessions', () =>
    [...router.hosts.values()]
      .filter((host) => host.kind === 'virtual')
      .map(({ domain, sessions }) => ({ labels: { host: domain }, value: sessions.size })),
  )
  metrics.collect('entente_s2s_streams', () => tally(peers.witnesses.list().map(streamLabels)))
  metrics.collect('entente_s2s_links', () => tally(links.list().map(({ state }) => ({ state }))))
  metrics.collect(
    'entente_s2s_queued_stanzas',
    one(() => total(links.waiting().map(({ queued }) => queued))),
  )
  metrics.collect(
    'entente_s2s_queued_bytes',
    one(() => total(links.waiting().map(({ bytes }) => bytes))),
  )
  metrics.collect(
    'entente_s2s_queue_age_seconds',
    one(() => links.waiting().reduce((most, q) => Math.max(most, q.oldestSeconds), 0)),
  )
  metrics.collect('entente_s2s_stanzas_total', () => {
    const { stanzasIn, stanzasOut } = peers.witnesses.traffic
    return bothWays(stanzasIn, stanzasOut)
  })
  metrics.collect('entente_s2s_bytes_total', () => {
    const { bytesIn, bytesOut } = peers.witnesses.traffic
    return bothWays(bytesIn, bytesOut)
  })
}

function registerProcess(metrics: Metrics): void {
  const startSeconds = Date.now() / 1000 - process.uptime()
  metrics.collect('entente_build_info', () => [{ labels: { version: SOFTWARE.version }, value: 1 }])
  metrics.collect('process_start_time_seconds', () => [{ labels: {}, value: startSeconds }])
  metrics.collect('process_cpu_seconds_total', () => {
    const { user, system } = process.cpuUsage()
    return [{ labels: {}, value: (user + system) / 1e6 }]
  })
  metrics.collect('process_resident_memory_bytes', () => [{ labels: {}, value: process.memoryUsage.rss() }])
  metrics.collect('entente_heap_bytes', () => {
    const { heapUsed, heapTotal, external } = process.memoryUsage()
    return Object.entries({ used: heapUsed, total: heapTotal, external }).map(([kind, value]) => ({ labels: { kind }, value }))
  })
}

function streamLabels({ direction, tls, pairs, address }: StreamFacts): Labels {
  const family = address.includes(':') && !address.startsWith('::ffff:') ? 'ipv6' : 'ipv4'
  return { direction, tls: tls?.version ?? 'none', via: pairs[0]?.via ?? 'none', family }
}

/** How often each combination of labels is there. */
function tally(all: readonly Labels[]): readonly Sample[] {
  const counts = new Map<string, { readonly labels: Labels; value: number }>()
  for (const labels of all) {
    const key = Object.values(labels).join(' ')
    const counted = counts.get(key)
    if (counted === undefined) counts.set(key, { labels, value: 1 })
    else counted.value++
  }
  return [...counts.values()]
}

const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const bothWays = (received: number, sent: number): readonly Sample[] => [
  { labels: { direction: 'in' }, value: received },
  { labels: { direction: 'out' }, value: sent },
]
