import type { PastEvent } from '../obs/history.ts'
import { visible } from '../obs/sanitize.ts'
import type { Command, Outcome } from './commands.ts'
import { bytes, duration, fieldsText, plural, when } from './words.ts'

/** A stream with another server. */
export interface StreamReport {
  readonly id: string
  readonly direction: 'in' | 'out'
  /** A stream that came in and has proven nothing yet is with whom it claims to be; '' before it claims anything. */
  readonly local: string
  readonly remote: string
  readonly pairs: readonly {
    readonly local: string
    readonly remote: string
    readonly via: string
    readonly certificate: string
  }[]
  readonly address: string
  readonly port: number
  readonly tls: { readonly version: string; readonly cipher: string } | undefined
  readonly certificate: string | undefined
  readonly ageSeconds: number
  readonly idleSeconds: number
  readonly stanzasIn: number
  readonly stanzasOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly congested: boolean
}

/** What waits for a stream of one pair of domains. */
export interface QueueReport {
  readonly local: string
  readonly remote: string
  readonly state: string
  readonly queued: number
  readonly bytes: number
  readonly oldestSeconds: number
  readonly senders: number
}

export type Decision = 'block' | 'allow'

/** One line of a trace; `note` says what happened in words. */
export interface TraceReport {
  readonly timeMs: number
  readonly id: string
  readonly direction: 'in' | 'out' | 'note'
  readonly text: string
}

/** What commands may do about other servers. `remote` is an enforced domain. */
export interface Federation {
  /** The domain of what was typed, enforced; for `block` and `allow` also `*.domain`. undefined when it is none. */
  domain(typed: string, wildcard: boolean): string | undefined
  streams(): readonly StreamReport[]
  queues(): readonly QueueReport[]
  history(remote: string): readonly PastEvent[]
  decisions(): ReadonlyMap<string, Decision>
  /** Ends every stream with the remote with these words. Returns how many. */
  close(remote: string, text: string): number
  /** Forgets every wait and dials now; returns for how many domains of ours. */
  retry(remote: string): number
  /** Kept, and in force at once. undefined: the configuration decides again. */
  decide(remote: string, decision: Decision | undefined): Promise<void>
  trace(remote: string, bodies: boolean, write: (line: TraceReport) => void): { dispose(): void }
}

type Action = (federation: Federation, remote: string, args: readonly string[]) => Outcome | Promise<Outcome>

interface ActionFacts {
  readonly help: string
  readonly remote: 'needed' | 'none' | 'pattern'
  readonly run: Action
}

/** Every action of `s2s`, as the command line lists them. */
export const S2S_ACTIONS: ReadonlyMap<string, ActionFacts> = new Map<string, ActionFacts>([
  ['list', { help: 'every stream with another server', remote: 'none', run: list }],
  ['show', { help: 'all that is known of a remote domain: streams, queue, what happened last', remote: 'needed', run: show }],
  ['close', { help: 'ends the streams with a remote domain', remote: 'needed', run: close }],
  ['retry', { help: 'tries at once to reach a remote domain, whatever wait it is under', remote: 'needed', run: retry }],
  ['block', { help: 'refuses a remote domain (or *.domain) from now on, also after a restart', remote: 'pattern', run: block }],
  ['allow', { help: 'takes a block back; without one, allows what the configuration blocks', remote: 'pattern', run: allow }],
  ['queue', { help: 'what waits for a remote domain', remote: 'needed', run: queue }],
  ['trace', { help: 'what is said with a remote domain, as it is said, without secrets', remote: 'needed', run: trace }],
])

export const federationCommands: readonly Command<{ readonly federation: Federation }>[] = [
  {
    name: 's2s',
    summary: 'Shows and steers the streams with other servers.',
    parameters: [
      { name: 'ACTION', help: [...S2S_ACTIONS.keys()].join(', ') },
      { name: 'REMOTE', help: 'a remote domain; all actions but list need one', optional: true },
    ],
    run: async ({ federation }, [name = '', typed, ...args]) => {
      const action = S2S_ACTIONS.get(name)
      if (action === undefined)
        return refused(`s2s has no action ${JSON.stringify(name)}; it has ${[...S2S_ACTIONS.keys()].join(', ')}.`)
      if (action.remote === 'none') return action.run(federation, '', args)
      if (typed === undefined) return refused(`s2s ${name} needs a REMOTE.`)
      const remote = federation.domain(typed, action.remote === 'pattern')
      if (remote === undefined) return refused(`${JSON.stringify(typed)} is no domain.`)
      return action.run(federation, remote, args)
    },
  },
]

const refused = (line: string): Outcome => ({ ok: false, lines: [line] })

/** Streams that carry nothing for the remote yet count when they claim to be its. */
const isWith = (remote: string) => (s: StreamReport) => s.remote === remote || s.pairs.some((pair) => pair.remote === remote)

function list(federation: Federation): Outcome {
  const streams = federation.streams()
  const lines = streams.map(streamLine)
  return { ok: true, lines: lines.length === 0 ? ['There are no streams with other servers.'] : lines, data: { streams } }
}

function streamLine(s: StreamReport): string {
  const pairs =
    s.pairs.length === 0
      ? [{ local: s.local, remote: s.remote, via: 'not proven', certificate: s.certificate ?? 'not judged' }]
      : s.pairs
  const who = pairs.map(
    ({ local, remote }) => `${remote || '(unknown)'} ${s.direction === 'in' ? '->' : '<-'} ${local || '(unknown)'}`,
  )
  const how = [...new Set(pairs.map(({ via, certificate }) => `${via}, certificate ${certificate}`))]
  const traffic = `${s.stanzasIn}/${s.stanzasOut} stanzas, ${bytes(s.bytesIn)}/${bytes(s.bytesOut)} in/out`
  const age = `${duration(s.ageSeconds)} old, idle ${duration(s.idleSeconds)}`
  const tail = s.congested ? ', does not read' : ''
  return `${who.join(', ')}  ${s.id}  ${s.tls?.version ?? 'not encrypted'}, ${how.join('; ')}, ${age}, ${traffic}${tail}`
}

function show(federation: Federation, remote: string): Outcome {
  const streams = federation.streams().filter(isWith(remote))
  const queues = federation.queues().filter((q) => q.remote === remote)
  const history = federation.history(remote)
  const decision = decisionOn(federation, remote)
  const lines = [
    ...(decision === undefined ? [] : [`${decision.by} is ${WORD[decision.is]} by command, whatever the configuration says.`]),
    ...(streams.length === 0 ? [`There is no stream with ${remote}.`] : streams.flatMap(streamLines)),
    ...queues.map(queueLine),
    ...(history.length === 0 ? ['Nothing is remembered of it.'] : ['What happened last:', ...history.map(eventLine)]),
  ]
  return { ok: true, lines, data: { remote, decision: decision?.is, streams, queues, history } }
}

const WORD = { block: 'blocked', allow: 'allowed' } as const

function streamLines(s: StreamReport): string[] {
  const tls = s.tls === undefined ? '' : `, ${s.tls.cipher}`
  return [streamLine(s), `  ${s.direction === 'in' ? 'from' : 'to'} ${s.address} port ${s.port}${tls}`]
}

const eventLine = ({ timeMs, event, fields }: PastEvent): string => `  ${when(timeMs)}  ${event}  ${fieldsText(fields)}`

function decisionOn(federation: Federation, remote: string): { readonly is: Decision; readonly by: string } | undefined {
  for (const [pattern, is] of federation.decisions()) {
    if (pattern === remote || (pattern.startsWith('*.') && remote.endsWith(pattern.slice(1)))) return { is, by: pattern }
  }
  return undefined
}

function close(federation: Federation, remote: string): Outcome {
  const closed = federation.close(remote, 'The operator of this server has closed the stream; you may open another one')
  return closed === 0
    ? refused(`there is no stream with ${remote}.`)
    : done(`${plural(closed, 'stream')} with ${remote} closed.`, { closed })
}

function retry(federation: Federation, remote: string): Outcome {
  const tried = federation.retry(remote)
  return done(
    `${remote} is being dialled for ${plural(tried, 'domain')} of ours; "entente s2s show ${remote}" tells what comes of it.`,
    { tried },
  )
}

async function block(federation: Federation, remote: string): Promise<Outcome> {
  await federation.decide(remote, 'block')
  return done(`${remote} is blocked, now and after a restart, whatever the configuration says.`, { remote, decision: 'block' })
}

async function allow(federation: Federation, remote: string): Promise<Outcome> {
  if (federation.decisions().get(remote) === 'block') {
    await federation.decide(remote, undefined)
    return done(`The block of ${remote} is taken back: the configuration decides again.`, { remote })
  }
  await federation.decide(remote, 'allow')
  return done(`${remote} is allowed, now and after a restart, also where the configuration blocks it.`, {
    remote,
    decision: 'allow',
  })
}

function queue(federation: Federation, remote: string): Outcome {
  const queues = federation.queues().filter((q) => q.remote === remote && q.queued > 0)
  const lines = queues.length === 0 ? [`Nothing waits for ${remote}.`] : queues.map(queueLine)
  return { ok: true, lines, data: { remote, queues } }
}

function queueLine({ local, remote, state, queued, bytes: size, oldestSeconds, senders }: QueueReport): string {
  const waiting = `${plural(queued, 'stanza')} of ${plural(senders, 'sender')} (${bytes(size)}), the oldest for ${duration(oldestSeconds)}`
  return `${local} to ${remote} (${state}): ${queued === 0 ? 'nothing waits' : waiting}`
}

function trace(federation: Federation, remote: string, [bodies]: readonly string[]): Outcome {
  return {
    ok: true,
    lines: [`Watching ${remote}; Ctrl-C ends this.`],
    follow: (write) => federation.trace(remote, bodies === 'bodies', write),
  }
}

const done = (line: string, data: unknown): Outcome => ({ ok: true, lines: [line], data })

const ARROWS = { in: '<-', out: '->', note: '--' } as const

/** A line of a trace for people, as it came over the control socket: a report, or how many lines were lost. */
export function traceText(line: unknown): string {
  if (typeof line !== 'object' || line === null) return String(line)
  if ('lost' in line) return `(${line.lost} lines lost: they came faster than they were read)`
  const { timeMs, id, direction, text } = line as TraceReport // what our own server has written
  return `${new Date(timeMs).toISOString().slice(11, 23)} ${id} ${ARROWS[direction]} ${visible(text)}`
}
