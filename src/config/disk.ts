import { readdirSync, readFileSync } from 'node:fs'

/** What the reader needs of the file system; a test hands in its own. Both throw what `node:fs` throws. */
export interface Disk {
  readFile(path: string): Uint8Array
  /** The names in a folder, in any order. */
  listFolder(path: string): readonly string[]
}

export const realDisk: Disk = {
  readFile: (path) => readFileSync(path),
  listFolder: (path) => readdirSync(path),
}
