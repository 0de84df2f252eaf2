import { readFileSync, statSync } from 'node:fs'
import type { Clock } from './clock.ts'

const RECHECK_MS = 5_000

/**
 * A small file of the system as a value that follows its changes: looked at every 5 s at most, read again when
 * it has changed. A file that is missing or cannot be read counts as empty.
 */
export function parsedFile<T>(path: string, parse: (text: string) => T, clock: Clock): () => T {
  let seen = ''
  let value = parse('')
  let checkAt = Number.NEGATIVE_INFINITY
  return () => {
    if (clock.mono() < checkAt) return value
    checkAt = clock.mono() + RECHECK_MS
    const stamp = stampOf(path)
    if (stamp !== seen) value = parse(textOf(path))
    seen = stamp
    return value
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? '' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
