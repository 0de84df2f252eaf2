import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeDataFolder, makePrivateFile, reason } from './folder.ts'
import { StoreError } from './store.ts'

/** Another process has the data folder. */
export class FolderInUse extends StoreError {}

/**
 * Takes the data folder, made when missing, for this process until `dispose`; the kernel frees it when the process
 * ends, however it ends. Keep the result: a lock that is collected is free.
 *
 * @throws FolderInUse when another process has it; StoreError when it cannot be locked
 */
export function lockDataFolder(folder: string): { dispose(): void } {
  makeDataFolder(folder)
  const file = join(folder, 'entente.lock')
  makePrivateFile(file)
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    const busy = cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY
    if (busy) throw new FolderInUse(`the data folder ${folder} is in use by another Entente: stop that one first`, { cause })
    throw new StoreError(`the data folder ${folder} cannot be locked: ${reason(cause)}`, { cause })
  }
  return {
    dispose() {
      if (database.isOpen) database.close()
    },
  }
}

const SQLITE_BUSY = 5
