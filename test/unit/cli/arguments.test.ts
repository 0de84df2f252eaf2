import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readArguments } from '../../../src/cli/arguments.ts'
import { explain, overview, usage } from '../../../src/cli/help.ts'
import { EXIT, Failure } from '../../../src/cli/shell.ts'
import { FLAGS, TABLE } from '../../../src/cli/table.ts'

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '')

/** What a command line asks for, on one line. */
function read(line: string): string {
  const request = readArguments(words(line))
  if (request.ask === 'version' || request.ask === 'overview') return request.ask
  if (request.ask === 'help') return `help ${request.command.name}`
  const { command, args, config = '-', json, strict } = request
  return `${command.name} [${args.join(' ')}] ${config}${json ? ' json' : ''}${strict ? ' strict' : ''}`
}

const UNDERSTOOD = [
  ['--version', 'version'],
  ['-v', 'version'],
  ['--help', 'overview'],
  ['-h', 'overview'],
  ['help', 'help [] -'],
  ['help adduser', 'help [adduser] -'],
  ['help check config', 'help [check config] -'],
  ['adduser --help', 'help adduser'],
  ['--help adduser', 'help adduser'],
  ['check config --help', 'help check'],
  ['start', 'start [] -'],
  ['start --config x.lua', 'start [] x.lua'],
  ['--config x.lua start', 'start [] x.lua'],
  ['start --config=x.lua', 'start [] x.lua'],
  ['start -c x.lua', 'start [] x.lua'],
  ['start --config a --config b', 'start [] b'],
  ['adduser romeo@a.example secret', 'adduser [romeo@a.example secret] -'],
  ['adduser --config x.lua romeo@a.example', 'adduser [romeo@a.example] x.lua'],
  ['adduser -- romeo@a.example -secret', 'adduser [romeo@a.example -secret] -'],
  ['check', 'check [] -'],
  ['check config --strict --json', 'check [config] - json strict'],
  ['status --json', 'status [] - json'],
] as const

const REFUSED = [
  ['', 'a command is missing; "entente help" lists the commands.'],
  ['--json', 'there is no command beside --json; "entente help" lists the commands.'],
  ['addusr a@b', 'there is no command "addusr" (did you mean "adduser"?); "entente help" lists them.'],
  ['frobnicate', 'there is no command "frobnicate"; "entente help" lists them.'],
  ['constructor', 'there is no command "constructor"; "entente help" lists them.'],
  ['status --jsno', 'status has no option --jsno (did you mean "--json"?). Usage: entente status [--config FILE] [--json]'],
  ['stop --strict', 'stop has no option --strict. Usage: entente stop [--config FILE] [--json]'],
  ['stop --config', '--config needs a FILE after it. Usage: entente stop [--config FILE] [--json]'],
  ['stop --config=', '--config needs a FILE after it. Usage: entente stop [--config FILE] [--json]'],
  ['status --json=yes', '--json takes no value. Usage: entente status [--config FILE] [--json]'],
  ['deluser', 'deluser needs a JID. Usage: entente deluser JID [--config FILE]'],
  ['start now', 'start has one argument too many. Usage: entente start [--config FILE]'],
  ['adduser a@b c d', 'adduser has one argument too many. Usage: entente adduser JID [PASSWORD] [--config FILE]'],
  ['adduser a@b -secret', 'adduser has no option -s. Usage: entente adduser JID [PASSWORD] [--config FILE]'],
] as const

describe('command line', () => {
  for (const [line, expected] of UNDERSTOOD) {
    test(`entente ${line}`, () => assert.equal(read(line), expected))
  }

  for (const [line, message] of REFUSED) {
    test(`refused: entente ${line}`, () => {
      assert.throws(() => readArguments(words(line)), new Failure(message, EXIT.usage))
    })
  }
})

describe('help', () => {
  test('the overview names every command with its summary', () => {
    const text = overview().join('\n')
    for (const { name, summary } of TABLE) assert.ok(text.includes(name) && text.includes(summary), name)
  })

  for (const command of TABLE) {
    test(`${command.name}: usage, every parameter and option, examples that can be typed`, () => {
      const text = explain(command).join('\n')
      assert.ok(text.includes(`Usage: ${usage(command)}`))
      for (const { name, help } of command.parameters) assert.ok(text.includes(name) && text.includes(help))
      for (const flag of command.flags) assert.ok(text.includes(`--${flag}`) && text.includes(FLAGS[flag].help))
      assert.ok(command.examples.length > 0)
      for (const example of command.examples) {
        const request = readArguments(words(example))
        assert.equal(request.ask === 'run' && request.command.name, command.name)
      }
    })

    test(`${command.name} takes --config and --help`, () => {
      assert.ok(command.flags.includes('config') && command.flags.includes('help'))
    })
  }

  test('no line of help is wider than a terminal of 120 columns', () => {
    const wide = [...overview(), ...TABLE.flatMap(explain)].filter((line) => line.length > 120)
    assert.deepEqual(wide, [])
  })
})
