import { closeSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { starterConfig } from '../config/starter.ts'
import { domainToAscii, isAddressLiteral, prepareDomain } from '../xmpp/jid.ts'
import { newConfigFile } from './config-file.ts'
import { nextSteps } from './next-steps.ts'
import { firstLine } from './password.ts'
import { EXIT, Failure, type Shell } from './shell.ts'
import type { Call } from './table.ts'

/** `init [DOMAIN]`: configuration, data folder and a certificate for development. Changes nothing that is there. */
export async function run(call: Call): Promise<number> {
  const { shell, args } = call
  const file = newConfigFile(call)
  if (existsSync(file)) throw new Failure(`${file} is there already; nothing was changed.`)
  const domain = domainOf(args[0] ?? (await askDomain(shell)))
  const made = await makeEverything(file, domain).catch((error: unknown) => {
    throw error instanceof Error && 'syscall' in error ? new Failure(`${error.message}.`) : error
  })
  for (const line of made) shell.out(line)
  for (const line of nextSteps(domain, file, shell)) shell.out(line)
  return EXIT.done
}

async function askDomain(shell: Shell): Promise<string> {
  if (!shell.input.isTTY) throw new Failure('say which domain to serve: entente init example.com', EXIT.usage)
  shell.ask('The domain to serve, such as example.com: ')
  return (await firstLine(shell.input)).trim()
}

interface Domain {
  readonly unicode: string
  readonly ascii: string
}

export type { Domain }

function domainOf(text: string): Domain {
  const unicode = prepareDomain(text)
  const ascii = unicode === undefined ? undefined : domainToAscii(unicode)
  if (unicode === undefined || ascii === undefined || isAddressLiteral(unicode)) {
    throw new Failure(`${JSON.stringify(text)} is not the name of a domain, such as example.com.`)
  }
  return { unicode, ascii }
}

/** The configuration comes last: while it is missing, `init` can be run again. */
async function makeEverything(file: string, domain: Domain): Promise<readonly string[]> {
  const folder = dirname(file)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lines = [makeFolder(join(folder, 'data'), 'everything that is stored'), await makeCertificate(folder, domain)]
  writeNew(file, starterConfig(domain.unicode))
  return [`${file}  made: the configuration, with comments`, ...lines]
}

function makeFolder(folder: string, use: string): string {
  const there = existsSync(folder)
  if (!there) mkdirSync(folder, { mode: 0o700 })
  return `${folder}/  ${there ? 'was there' : 'made'}: ${use}`
}

async function makeCertificate(folder: string, { unicode, ascii }: Domain): Promise<string> {
  const certificates = join(folder, 'certs')
  const files = [`${ascii}.crt`, `${ascii}.key`].map((name) => join(certificates, name))
  const there = files.find((name) => existsSync(name))
  if (there !== undefined) return `${there}  was there: no certificate was made`
  const { selfSigned, writeKeyAndCertificate } = await import('../net/issue.ts')
  const pair = selfSigned({ domains: [{ ascii, unicode }], nowMs: Date.now() })
  const { certFile, keyFile } = writeKeyAndCertificate(certificates, ascii, pair)
  return `${certFile} and ${basename(keyFile)}  made: a self-signed certificate, for development`
}

function writeNew(file: string, text: string): void {
  const handle = openSync(file, 'wx', 0o600) // may come to hold secrets
  try {
    writeSync(handle, text)
  } finally {
    closeSync(handle)
  }
}
