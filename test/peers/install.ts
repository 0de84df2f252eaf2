import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** What the interop tests and the benchmark start. lua-unbound lets Prosody ask a name server of the test's own. */
const PACKAGES = ['prosody', 'lua-unbound', 'ejabberd'] as const
/** Package -> the units that its installation enables. */
const UNITS: Readonly<Record<string, readonly string[]>> = {
  prosody: ['prosody.service'],
  ejabberd: ['ejabberd.service'],
  'erlang-base': ['epmd.service', 'epmd.socket'],
}
const POLICY = '/usr/sbin/policy-rc.d'
const SAVED_POLICY = `${POLICY}.before-entente`

/** Those of the wanted Debian packages that are not installed. */
export function missingPeers(): readonly string[] {
  return PACKAGES.filter((name) => !isInstalled(name))
}

export function installCommand(missing: readonly string[]): string {
  return `apt-get install ${missing.join(' ')}`
}

/**
 * Installs what is missing from Debian's archive, without letting any service start, now or at the next boot. Does
 * nothing where nothing is missing. Rejects when this is not a Debian, not root, or apt-get fails.
 */
export async function installPeers(): Promise<void> {
  const missing = missingPeers()
  if (missing.length === 0) return
  if (process.getuid?.() !== 0) throw new Error(`only root can install packages: sudo ${installCommand(missing)}`)
  const fresh = Object.keys(UNITS).filter((name) => !isInstalled(name))
  const restore = forbidServiceStarts()
  try {
    await aptGet('update')
    await aptGet('install', '--yes', '--no-install-recommends', ...missing)
  } finally {
    restore()
    for (const name of fresh) for (const unit of UNITS[name] ?? []) disable(name, unit)
  }
}

function isInstalled(name: string): boolean {
  const query = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' })
  return query.status === 0 && /^Status: \w+ ok installed$/m.test(query.stdout)
}

/** Debian asks this script before any package starts a service; 101 forbids it. Returns what undoes it. */
function forbidServiceStarts(): () => void {
  if (spawnSync(POLICY, ['prosody', 'start']).status === 101) return () => undefined // forbidden already
  if (existsSync(POLICY)) renameSync(POLICY, SAVED_POLICY)
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n')
  chmodSync(POLICY, 0o755)
  const restore = (): void => {
    rmSync(POLICY, { force: true })
    if (existsSync(SAVED_POLICY)) renameSync(SAVED_POLICY, POLICY)
    process.off('exit', restore)
  }
  process.once('exit', restore)
  return restore
}

function disable(name: string, unit: string): void {
  const env = { ...process.env, DPKG_MAINTSCRIPT_PACKAGE: name } // the helper wants to be called by a package's script
  spawnSync('deb-systemd-helper', ['disable', unit], { env })
  if (unit.endsWith('.service')) spawnSync('update-rc.d', [unit.replace('.service', ''), 'disable'])
}

function aptGet(...args: readonly string[]): Promise<void> {
  const child = spawn('apt-get', ['--quiet', ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`apt-get ${args[0]} ended with ${code}`))))
  })
}
