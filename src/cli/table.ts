import { COMMANDS } from '../admin/commands.ts'
import { S2S_ACTIONS } from '../admin/federation.ts'
import type { Shell } from './shell.ts'

/** A call of a command, after its arguments were read. */
export interface Call {
  readonly command: CliCommand
  readonly shell: Shell
  readonly args: readonly string[]
  /** What `--config` says. */
  readonly config: string | undefined
  readonly json: boolean
  readonly strict: boolean
  readonly bodies: boolean
}

export interface CliParameter {
  readonly name: string
  readonly help: string
  readonly optional?: boolean
}

export type FlagName = 'config' | 'json' | 'strict' | 'bodies' | 'help'

/** A command as dispatch and help see it. What it does is loaded only when it is run. */
export interface CliCommand {
  readonly name: string
  readonly summary: string
  readonly parameters: readonly CliParameter[]
  readonly flags: readonly FlagName[]
  readonly examples: readonly string[]
  /** What else is worth knowing, in whole sentences. */
  readonly notes?: readonly string[]
  readonly load: () => Promise<{ run(call: Call): Promise<number> }>
}

export const FLAGS: Readonly<Record<FlagName, { readonly value?: string; readonly help: string }>> = {
  config: { value: 'FILE', help: 'the configuration file' },
  json: { help: 'prints data for programs' },
  strict: { help: 'takes warnings for errors' },
  bodies: { help: 's2s trace: shows the words of people too' },
  help: { help: 'prints this' },
}

/** What the command line adds to the operations of `admin/commands.ts`. */
interface Rendering {
  readonly flags: readonly FlagName[]
  readonly examples: readonly string[]
  readonly notes?: readonly string[]
  readonly load: CliCommand['load']
}

const PASSWORD_NOTES = [
  'Without PASSWORD it is asked for on the terminal, or read as one line from standard input.',
  'A password that begins with a hyphen needs -- before the address.',
  'Works while the server runs, and while it does not.',
]
const account = (examples: readonly string[], notes: readonly string[]): Rendering => ({
  flags: ['config', 'help'],
  examples,
  notes,
  load: () => import('./account.ts'),
})
const remote = (examples: readonly string[], notes: readonly string[] = []): Rendering => ({
  flags: ['config', 'json', 'help'],
  examples,
  notes,
  load: () => import('./remote.ts'),
})

const RENDERINGS: ReadonlyMap<string, Rendering> = new Map([
  ['adduser', account(['adduser romeo@example.com', 'adduser romeo@example.com his-password'], PASSWORD_NOTES)],
  ['passwd', account(['passwd romeo@example.com'], PASSWORD_NOTES)],
  ['deluser', account(['deluser romeo@example.com'], PASSWORD_NOTES.slice(2))],
  ['status', remote(['status', 'status --json'])],
  ['reload', remote(['reload'])],
  ['metrics', remote(['metrics'])],
  ['stop', remote(['stop'])],
  [
    's2s',
    {
      flags: ['config', 'json', 'bodies', 'help'],
      examples: ['s2s list', 's2s show example.net', 's2s block "*.spam.example"', 's2s trace example.net'],
      notes: [...S2S_ACTIONS].map(([name, { help }]) => `${`${name}:`.padEnd(7)} ${help}.`),
      load: () => import('./remote.ts'),
    },
  ],
  [
    'explain',
    {
      flags: ['config', 'json', 'help'],
      examples: ['explain example.org', 'explain example.com example.org --json'],
      notes: ['Works while the server runs, when it tells what it has seen too, and while it does not.'],
      load: () => import('./explain.ts'),
    },
  ],
  ['forget', remote(['forget example.org'])],
])

const OPERATIONS: readonly CliCommand[] = COMMANDS.flatMap(({ name, summary, parameters }) => {
  const rendering = RENDERINGS.get(name)
  return rendering === undefined
    ? []
    : [
        {
          name,
          summary,
          parameters: parameters.map((p) => ({ ...p, optional: p.secret === true || p.optional === true })),
          ...rendering,
        },
      ]
})

/** Every command, in the order in which a newcomer meets them. Dispatch and help are made from this. */
export const TABLE: readonly CliCommand[] = [
  {
    name: 'init',
    summary: 'Writes a configuration to start with, a data folder and a certificate for development.',
    parameters: [{ name: 'DOMAIN', help: 'the domain to serve, such as example.com', optional: true }],
    flags: ['config', 'help'],
    examples: ['init example.com', 'init --config /etc/entente/entente.cfg.lua example.com'],
    notes: ['Files go into the current folder, or beside FILE. Nothing that is there is changed.'],
    load: () => import('./init.ts'),
  },
  {
    name: 'start',
    summary: 'Runs the server in the foreground.',
    parameters: [],
    flags: ['config', 'help'],
    examples: ['start', 'start --config /etc/entente/entente.cfg.lua'],
    notes: [
      'SIGTERM and SIGINT end it in order, a second one at once; SIGHUP reads configuration and certificates again.',
      'Errors in the configuration end it with exit code 78, before anything was opened.',
    ],
    load: () => import('./start.ts'),
  },
  ...OPERATIONS,
  {
    name: 'check',
    summary: 'Checks the configuration without starting anything.',
    parameters: [{ name: 'config', help: 'what to check; there is nothing else yet', optional: true }],
    flags: ['config', 'strict', 'json', 'help'],
    examples: ['check config', 'check config --strict --json'],
    notes: ['Exit code: 0 when the server would start, 78 when it would not.'],
    load: () => import('./check.ts'),
  },
  {
    name: 'doctor',
    summary: 'Looks at a remote domain as the server would, step by step, and at our own side.',
    parameters: [
      { name: 'HOST', help: 'one of our hosts; the first one when it is left out', optional: true },
      { name: 'REMOTE', help: 'the remote domain; without one only our own hosts are looked at', optional: true },
    ],
    flags: ['config', 'json', 'help'],
    examples: ['doctor', 'doctor example.org', 'doctor example.com example.org --json'],
    notes: [
      'Needs no running server. Nothing is sent to a user, and we do not authenticate.',
      'Exit code: 0 when the remote domain can be reached under our policy, or without one when nothing is wrong here.',
    ],
    load: () => import('./doctor.ts'),
  },
  {
    name: 'help',
    summary: 'Explains a command.',
    parameters: [{ name: 'COMMAND', help: 'the command; without one, all are listed', optional: true }],
    flags: ['config', 'help'],
    examples: ['help adduser'],
    load: () => import('./help.ts'),
  },
]
