/** What a number is. Units are those of OpenMetrics: seconds and bytes. */
export interface Declaration {
  /** A counter only grows from 0 at the start of the process; a gauge is asked for when it is read. */
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** Each has few values: never a remote domain, an address or a text of a peer. */
  readonly labels: readonly string[]
  /** Upper bounds of a histogram, ascending, in its unit. */
  readonly buckets?: readonly number[]
}

const counter = (help: string, ...labels: readonly string[]) => ({ type: 'counter', help, labels }) as const
const gauge = (help: string, ...labels: readonly string[]) => ({ type: 'gauge', help, labels }) as const
const seconds = (help: string, buckets: readonly number[], ...labels: readonly string[]) =>
  ({ type: 'histogram', help, labels, buckets }) as const

const HANDSHAKE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const LAG_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** Every number that the server tells, in the order in which it is told. docs/metrics.md is made from this. */
export const METRICS = {
  entente_build_info: gauge('Always 1: which software this is.', 'version'),
  process_start_time_seconds: gauge('When the process began, in seconds since 1970.'),
  process_cpu_seconds_total: counter('Processor time of the process.'),
  process_resident_memory_bytes: gauge('Memory of the process as the system counts it.'),
  entente_heap_bytes: gauge('Memory of JavaScript objects.', 'kind'),
  entente_event_loop_lag_seconds: seconds('How late a timer came, looked at four times a second.', LAG_SECONDS),
  entente_bugs_total: counter('Exceptions that no code of ours expects.'),

  entente_c2s_accepted_total: counter('Connections of clients.', 'transport'),
  entente_c2s_logins_total: counter('Logins of clients.', 'mechanism'),
  entente_c2s_login_failures_total: counter('Refused logins.', 'condition'),
  entente_c2s_closed_total: counter('Streams of clients that had logged in and are gone.'),
  entente_c2s_streams: gauge('Streams of clients.'),
  entente_c2s_sessions: gauge('Clients that are logged in.', 'host'),

  entente_s2s_accepted_total: counter('Connections of other servers.', 'transport'),
  entente_s2s_initiated_total: counter('Connections to other servers.', 'host'),
  entente_s2s_encrypted_total: counter('TLS handshakes with other servers.', 'direction', 'protocol', 'cipher'),
  entente_s2s_certificates_total: counter('Judged certificates of other servers.', 'direction', 'verdict'),
  entente_s2s_authenticated_total: counter('Pairs of domains that were proven on a stream.', 'direction', 'mechanism'),
  entente_s2s_refused_total: counter(
    'Other servers that were refused by policy or could not prove who they are.',
    'direction',
    'because',
  ),
  entente_s2s_downgrades_total: counter('Domains that proved themselves worse than before.', 'direction', 'from', 'to'),
  entente_s2s_unsolicited_total: counter('Answers of other servers that nobody had asked for.'),
  entente_s2s_ended_total: counter('Streams that were ended with a word.', 'direction', 'by', 'condition'),
  entente_s2s_closed_total: counter('Streams that are gone.', 'direction'),
  entente_s2s_lookup_failures_total: counter('Domains for which DNS gave nothing to dial.', 'kind'),
  entente_s2s_endpoint_failures_total: counter('Addresses of other servers that failed.', 'stage'),
  entente_s2s_unreachable_total: counter('Domains of which every address has failed.', 'stage'),
  entente_s2s_bounced_total: counter('Stanzas that went back to their senders.', 'condition', 'stage'),
  entente_s2s_handshake_seconds: seconds('How long the stages of a new stream took.', HANDSHAKE_SECONDS, 'direction', 'stage'),
  entente_s2s_stanzas_total: counter('Stanzas from and to other servers.', 'direction'),
  entente_s2s_bytes_total: counter('Bytes from and to other servers, inside TLS.', 'direction'),
  entente_s2s_streams: gauge('Streams with other servers.', 'direction', 'tls', 'via', 'family'),
  entente_s2s_links: gauge('Pairs of a domain of ours and a remote one, by how they stand.', 'state'),
  entente_s2s_queued_stanzas: gauge('Stanzas that wait for a stream to another server.'),
  entente_s2s_queued_bytes: gauge('What they count for.'),
  entente_s2s_queue_age_seconds: gauge('How long the oldest of them has waited.'),
} as const satisfies Readonly<Record<string, Declaration>>

export type MetricName = keyof typeof METRICS
/** The names of one type of number. */
export type NameOf<T extends Declaration['type']> = {
  readonly [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never
}[MetricName]
