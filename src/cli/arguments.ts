import { parseArgs } from 'node:util'
import { didYouMean } from '../config/suggest.ts'
import { commandNamed, usage } from './help.ts'
import { EXIT, Failure } from './shell.ts'
import { type CliCommand, FLAGS, type FlagName } from './table.ts'

/** What a command line asks for. */
export type Request =
  | { readonly ask: 'version' }
  | { readonly ask: 'overview' }
  | { readonly ask: 'help'; readonly command: CliCommand }
  | {
      readonly ask: 'run'
      readonly command: CliCommand
      readonly args: readonly string[]
      readonly config: string | undefined
      readonly json: boolean
      readonly strict: boolean
      readonly bodies: boolean
    }

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  json: { type: 'boolean' },
  strict: { type: 'boolean' },
  bodies: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

type OptionToken = { readonly name: string; readonly rawName: string; readonly value?: string | undefined }

/**
 * Reads a command line, options anywhere in it.
 *
 * @throws {Failure} with exit code 2 for what cannot be meant
 */
export function readArguments(argv: readonly string[]): Request {
  // not strict: the sentences of parseArgs are about its caller's code
  const { positionals, tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const options: readonly OptionToken[] = tokens.filter((token) => token.kind === 'option')
  const given = new Set(options.map(({ name }) => name))
  const [name, ...args] = positionals
  if (given.has('version')) return { ask: 'version' }
  if (name === undefined) return bare(options, given)
  const command = commandNamed(name)
  if (given.has('help')) return { ask: 'help', command }
  for (const option of options) checkOption(option, command)
  checkCount(command, args)
  const config = options.findLast((option) => option.name === 'config')?.value
  const [json, strict, bodies] = [given.has('json'), given.has('strict'), given.has('bodies')]
  return { ask: 'run', command, args, config, json, strict, bodies }
}

function bare(options: readonly OptionToken[], given: ReadonlySet<string>): Request {
  if (given.has('help')) return { ask: 'overview' }
  const [first] = options
  const what = first === undefined ? 'a command is missing' : `there is no command beside ${first.rawName}`
  throw new Failure(`${what}; "entente help" lists the commands.`, EXIT.usage)
}

function checkOption({ name, rawName, value }: OptionToken, command: CliCommand): void {
  const flag = command.flags.find((one) => one === name)
  if (flag === undefined) {
    throw wrong(`${command.name} has no option ${rawName}${meantOption(rawName, command.flags)}`, command)
  }
  const wanted = FLAGS[flag].value
  if (wanted === undefined ? value !== undefined : value === undefined || value === '') {
    throw wrong(wanted === undefined ? `${rawName} takes no value` : `${rawName} needs a ${wanted} after it`, command)
  }
}

function meantOption(rawName: string, flags: readonly FlagName[]): string {
  return didYouMean(
    rawName,
    flags.map((flag) => `--${flag}`),
  )
}

function checkCount(command: CliCommand, args: readonly string[]): void {
  const { name, parameters } = command
  const missing = parameters.filter((parameter) => !parameter.optional)[args.length]
  if (missing !== undefined) throw wrong(`${name} needs a ${missing.name}`, command)
  // `help check config` names a command by two words
  if (args.length > parameters.length && name !== 'help') throw wrong(`${name} has one argument too many`, command)
}

function wrong(what: string, command: CliCommand): Failure {
  return new Failure(`${what}. Usage: ${usage(command)}`, EXIT.usage)
}
