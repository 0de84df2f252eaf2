import { closeSync, mkdirSync, openSync } from 'node:fs'
import { StoreError } from './store.ts'

/** Makes the data folder when it is missing, for its owner only; one that is there keeps its mode. */
export function makeDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new StoreError(`the data folder ${folder} cannot be made: ${reason(cause)}`, { cause })
  }
}

/**
 * Makes an empty file that only its owner may read, when it is missing. One that is there is not even opened: closing
 * any descriptor of a file drops every lock that this process has on it (POSIX), SQLite's too.
 */
export function makePrivateFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return
    throw new StoreError(`${file} cannot be made: ${reason(cause)}`, { cause })
  }
}

export function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
