import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from '../store.ts'

/** Step n takes a database from version n to n + 1. A step that was released never changes; append. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE collection (
     id INTEGER PRIMARY KEY,
     host TEXT NOT NULL,
     name TEXT NOT NULL,
     owned INTEGER NOT NULL,
     UNIQUE (host, name)
   ) STRICT;
   CREATE TABLE entry (
     collection INTEGER NOT NULL REFERENCES collection (id),
     key BLOB NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (collection, key)
   ) STRICT, WITHOUT ROWID`,
]

/**
 * Brings a database to the newest version that this program knows, all steps or none.
 *
 * @throws StoreError when the database is newer than the program
 */
export function migrate(database: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  if (versionOf(database) === migrations.length) return
  database.exec('BEGIN IMMEDIATE')
  try {
    const version = versionOf(database)
    if (version > migrations.length) {
      throw new StoreError(
        `what is stored has schema version ${version}, this program knows versions up to ${migrations.length}: use a newer Entente`,
      )
    }
    for (const step of migrations.slice(version)) database.exec(step)
    database.exec(`PRAGMA user_version = ${migrations.length}`)
    database.exec('COMMIT')
  } catch (cause) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw cause
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
}
