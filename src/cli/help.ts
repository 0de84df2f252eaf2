import { didYouMean } from '../config/suggest.ts'
import { EXIT, Failure } from './shell.ts'
import { type Call, type CliCommand, FLAGS, TABLE } from './table.ts'

/** `help COMMAND`, and `help check config` with what is checked. */
export async function run({ args, shell }: Call): Promise<number> {
  const [name] = args
  const lines = name === undefined ? overview() : explain(commandNamed(name))
  for (const line of lines) shell.out(line)
  return EXIT.done
}

/** @throws {Failure} with the name that was most likely meant */
export function commandNamed(name: string): CliCommand {
  const command = TABLE.find((c) => c.name === name)
  if (command !== undefined) return command
  const known = TABLE.map((c) => c.name)
  throw new Failure(
    `there is no command ${JSON.stringify(name)}${didYouMean(name, known)}; "entente help" lists them.`,
    EXIT.usage,
  )
}

/** `entente adduser JID [PASSWORD] [--config FILE]` */
export function usage(command: CliCommand): string {
  const parameters = command.parameters.map(({ name, optional }) => (optional ? `[${name}]` : name))
  const flags = command.flags.filter((flag) => flag !== 'help').map((flag) => `[${flagForm(flag)}]`)
  return ['entente', command.name, ...parameters, ...flags].join(' ')
}

export function overview(): readonly string[] {
  return [
    'Entente, a federated XMPP server.',
    '',
    'Usage: entente COMMAND [--config FILE]',
    '',
    ...columns(TABLE.map((c) => [c.name, c.summary])),
    '',
    ...columns([
      ['--help', 'after a command: explains it, with examples'],
      ['--version', 'prints the version'],
    ]),
    '',
    'Without --config: the file in ENTENTE_CONFIG, ./entente.cfg.lua, /etc/entente/entente.cfg.lua, in this order.',
    '',
    'To begin: entente init example.com',
  ]
}

export function explain(command: CliCommand): readonly string[] {
  const { summary, parameters, flags, notes = [], examples } = command
  return [
    `Usage: ${usage(command)}`,
    '',
    summary,
    ...notes,
    '',
    ...columns([
      ...parameters.map(({ name, help }): Row => [name, help]),
      ...flags.map((flag): Row => [flagForm(flag), FLAGS[flag].help]),
    ]),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...examples.map((example) => `  entente ${example}`),
  ]
}

type Row = readonly [string, string]

function columns(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`)
}

function flagForm(flag: keyof typeof FLAGS): string {
  const { value } = FLAGS[flag]
  return value === undefined ? `--${flag}` : `--${flag} ${value}`
}
