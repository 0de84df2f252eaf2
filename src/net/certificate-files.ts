import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Problem, reasonOf } from './problem.ts'

/** The folder itself is the first level. */
const MAX_LEVELS = 3
const MAX_FILES = 10_000

/**
 * The files of a folder that hold a host's certificate, by name as Prosody takes them: `*.crt`, `fullchain*.pem`,
 * and `*.pem` where certificate and key are in one file. Links are followed; names that begin with a dot are passed over.
 */
export function certificateFiles(folder: string, problems: Problem[]): string[] {
  const files: string[] = []
  let level = [folder]
  for (let depth = 0; depth < MAX_LEVELS; depth++) {
    const below: string[] = []
    for (const path of level.flatMap((name) => entriesOf(name, problems))) {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat?.isDirectory()) below.push(path)
      else if (stat?.isFile() && files.length < MAX_FILES && holdsCertificate(path)) files.push(path)
    }
    level = below
  }
  return files
}

function entriesOf(folder: string, problems: Problem[]): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return []
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .toSorted()
      .map((name) => join(folder, name))
  } catch (error) {
    problems.push({ severity: 'warning', message: `cannot look for certificates: ${reasonOf(error)}`, file: folder })
    return []
  }
}

function holdsCertificate(file: string): boolean {
  if (file.endsWith('.crt') || isFullChain(file)) return true
  if (!file.endsWith('.pem')) return false
  try {
    const text = readFileSync(file, 'latin1')
    return text.includes('-----BEGIN CERTIFICATE-----') && text.includes('PRIVATE KEY-----')
  } catch {
    return false // a key of another service that we may not read is no concern of ours
  }
}

const isFullChain = (file: string): boolean => /^fullchain\d*\.pem$/.test(basename(file))

/** Where the key of a certificate may be, best first: `x.key` beside `x.crt`, `privkey*` beside `fullchain*`, the file itself. */
export function keyFilesFor(certFile: string): string[] {
  const name = basename(certFile)
  const beside = isFullChain(certFile)
    ? name.replace('fullchain', 'privkey')
    : `${name.replace(/\.(?:crt|cert|cer|pem)$/, '')}.key`
  return [join(dirname(certFile), beside), certFile]
}
