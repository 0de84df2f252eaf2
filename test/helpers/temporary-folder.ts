import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** A new empty folder, without symlinks in its path, that goes when the tests of this file or suite are over. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'entente-test-')))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
