import type { Family } from '../obs/metrics.ts'
import { openMetricsText } from '../obs/open-metrics.ts'
import { type Accounts, accountCommands } from './accounts.ts'
import { type Explainer, explainCommands } from './explain.ts'
import { type Federation, federationCommands, type TraceReport } from './federation.ts'
import { duration } from './words.ts'

/** What a running server lets commands do. */
export interface Operations extends Accounts, Explainer {
  status(): Status
  /** Reads configuration and certificates again. The lines say what was found; with an error the old goes on. */
  reload(): Promise<ReloadOutcome>
  readonly federation: Federation
  families(): readonly Family[]
  /** Begins the shutdown. */
  stop(): void
}

export interface ReloadOutcome {
  /** Everything is as the configuration says. */
  readonly done: boolean
  /** Not done, but for the most part: the lines say what goes on as it was. */
  readonly partly?: boolean
  readonly lines: readonly string[]
}

export interface Status {
  readonly version: string
  readonly pid: number
  readonly upSeconds: number
  readonly hosts: readonly { readonly domain: string; readonly kind: 'virtual' | 'component'; readonly sessions: number }[]
  readonly listening: readonly string[]
  readonly clientStreams: number
  readonly serverStreams: readonly {
    readonly id: string
    readonly direction: 'in' | 'out'
    readonly local: string
    readonly remote: string
  }[]
  readonly queues: readonly { readonly local: string; readonly remote: string; readonly state: string; readonly queued: number }[]
}

/** What a command gives: lines for people, and the same as data. */
export interface Outcome {
  readonly ok: boolean
  readonly lines: readonly string[]
  readonly data?: unknown
  /** More comes, line by line, until whoever asked has enough and disposes it. */
  readonly follow?: (write: (line: TraceReport) => void) => { dispose(): void }
}

/** One operation: the command line, the control socket and later the console are renderings of this table. */
export interface Command<O> {
  readonly name: string
  readonly summary: string
  readonly parameters: readonly {
    readonly name: string
    readonly help: string
    readonly secret?: boolean
    readonly optional?: boolean
  }[]
  run(operations: O, args: readonly string[]): Promise<Outcome>
}

const serverCommands: readonly Command<Operations>[] = [
  {
    name: 'status',
    summary: 'Tells what the running server does.',
    parameters: [],
    run: async (server) => {
      const status = server.status()
      return { ok: true, lines: statusLines(status), data: status }
    },
  },
  {
    name: 'reload',
    summary: 'Reads configuration and certificates again; streams stay.',
    parameters: [],
    run: async (server) => {
      const { done, partly, lines } = await server.reload()
      const kept = partly ? 'Reloaded, but for what is said above.' : 'Not reloaded: the server goes on with what it had.'
      return { ok: done, lines: [...lines, done ? 'Reloaded.' : kept] }
    },
  },
  {
    name: 'metrics',
    summary: 'Prints every counter of the running server in the text format of OpenMetrics.',
    parameters: [],
    run: async (server) => {
      const families = server.families()
      return { ok: true, lines: openMetricsText(families).trimEnd().split('\n'), data: families }
    },
  },
  {
    name: 'stop',
    summary: 'Ends the server in order.',
    parameters: [],
    run: async (server) => {
      server.stop()
      return { ok: true, lines: ['Stopping.'] }
    },
  },
]

export const COMMANDS: readonly Command<Operations>[] = [
  ...accountCommands,
  ...serverCommands,
  ...federationCommands,
  ...explainCommands,
]

/** Runs a command by its name, as it came over the control socket. */
export async function runCommand(operations: Operations, name: string, args: readonly string[]): Promise<Outcome> {
  const command = COMMANDS.find((c) => c.name === name)
  if (command === undefined) return { ok: false, lines: [`There is no command ${JSON.stringify(name)}.`] }
  return command.run(operations, args)
}

function statusLines(s: Status): string[] {
  const lines = [
    `Entente ${s.version}, process ${s.pid}, up ${duration(s.upSeconds)}`,
    `Listening on ${s.listening.join(', ') || 'nothing'}`,
  ]
  for (const { domain, kind, sessions } of s.hosts) {
    lines.push(
      kind === 'virtual' ? `${domain}: ${sessions} client${sessions === 1 ? '' : 's'} connected` : `${domain}: component`,
    )
  }
  for (const { direction, local, remote, id } of s.serverStreams) {
    lines.push(direction === 'in' ? `${remote} -> ${local} (stream ${id})` : `${local} -> ${remote} (stream ${id})`)
  }
  for (const { local, remote, state, queued } of s.queues) {
    if (queued > 0) lines.push(`${queued} stanza${queued === 1 ? '' : 's'} of ${local} wait for ${remote} (${state})`)
  }
  return lines
}
