import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Shell } from './shell.ts'

/** How the reader can call this command again, from the same folder. */
export function programName({ env, cwd, program }: Pick<Shell, 'env' | 'cwd' | 'program'>): string {
  const onPath = (env['PATH'] ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, 'entente')))
  if (onPath) return env['npm_command'] === 'exec' ? 'npx entente' : 'entente'
  if (!program.endsWith('.ts')) return 'npx entente'
  const command = join(program, '..', '..', 'bin', 'entente')
  const nearby = relative(cwd, command)
  return nearby.startsWith('../..') ? command : nearby
}
