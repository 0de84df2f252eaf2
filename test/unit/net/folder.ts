import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** A folder that goes away with the test, and a way to put files in it (0600). */
export function folderFor(t: TestContext): { path: string; put: (name: string, text: string, mode?: number) => string } {
  const path = mkdtempSync(join(tmpdir(), 'entente-'))
  t.after(() => rmSync(path, { recursive: true }))
  return {
    path,
    put(name, text, mode = 0o600) {
      const file = join(path, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
      chmodSync(file, mode)
      return file
    },
  }
}
