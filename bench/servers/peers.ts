import { spawnSync } from 'node:child_process'
import { startEjabberd } from '../../test/peers/ejabberd.ts'
import { startProsody } from '../../test/peers/prosody.ts'
import type { Contender } from './contender.ts'

const PROSODY_OPTIONS = `s2s_secure_auth = true
s2s_require_encryption = true
c2s_require_encryption = true
`

/** Debian's Prosody with what an operator of today turns on, and the module `limits` off. */
export const prosody: Contender = {
  name: 'prosody',
  srvTargets: 'names',
  version: () => packageVersion('prosody'),
  start: (setup) => startProsody({ ...setup, production: true, modules: ['smacks'], options: PROSODY_OPTIONS }),
}

/** Debian's ejabberd; it has no shapers unless the configuration names some. */
export const ejabberd: Contender = {
  name: 'ejabberd',
  srvTargets: 'addresses',
  version: () => packageVersion('ejabberd'),
  start: (setup) => startEjabberd({ ...setup, production: true, modules: ['mod_stream_mgmt'] }),
}

function packageVersion(name: string): string {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' })
  return /^Version: (.*)$/m.exec(stdout)?.[1] ?? 'unknown'
}
