import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

/** Folder -> what it may import besides itself. docs/ARCHITECTURE.md prints this same list. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  xmpp: [],
  obs: [],
  config: ['xmpp'],
  protocol: ['xmpp'],
  policy: ['xmpp'],
  net: ['xmpp', 'protocol/step.ts', 'protocol/stream.ts', 'obs'],
  store: ['obs'],
  cluster: ['obs'],
  core: ['xmpp', 'policy', 'config', 'obs', 'store/store.ts', 'cluster/cluster.ts', 'net/clock.ts'],
  streams: ['xmpp', 'protocol', 'policy', 'config', 'net', 'store/store.ts', 'cluster/cluster.ts', 'core', 'obs'],
  modules: ['xmpp', 'core'],
  admin: ['core', 'obs'],
  auth: ['xmpp', 'core', 'store/store.ts', 'obs'],
  migrate: ['xmpp', 'core', 'store/store.ts', 'obs'],
}
/** The composition root, the command and the public surface may import anything. */
const COMPOSITION = ['server.ts', 'main.ts', 'index.ts', 'module.ts', 'testing.ts', 'cli', 'server', 'testing']

/** Which folder may import which part of Node, beyond what every folder may, and which package. */
const NODE_FOR_ALL = ['node:buffer', 'node:util', 'node:assert']
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  xmpp: ['node:module', 'tr46'],
  obs: ['node:child_process', 'node:fs', 'node:path', 'node:stream', 'node:dgram', 'node:perf_hooks'],
  config: ['node:fs', 'node:path', 'node:os', 'luaparse', 'fengari'],
  protocol: ['node:crypto', '@mongodb-js/saslprep'],
  policy: [],
  net: ['node:net', 'node:tls', 'node:crypto', 'node:fs', 'node:path', 'node:dgram', 'node:events', 'node:stream', 'dns-packet'],
  store: ['node:fs', 'node:path', 'node:sqlite'],
  cluster: [],
  core: ['node:crypto'],
  streams: ['node:crypto'],
  modules: [],
  admin: [],
  auth: ['node:crypto', '@mongodb-js/saslprep'],
  migrate: ['node:fs'],
}

const root = process.env['SRC'] ?? join(import.meta.dirname, '..', 'src')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'))
const imports = (file: string): string[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(
      /^(?:import|export)\s[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
    ),
  ].map((m) => (m[1] ?? m[2] ?? m[3])!)
const top = (file: string): string => file.split('/')[0]!

test('imports only go down', () => {
  const broken: string[] = []
  for (const file of files) {
    if (COMPOSITION.includes(top(file))) continue
    const own = file
      .split('/')
      .slice(0, top(file) === 'modules' ? 2 : 1)
      .join('/') // modules do not see each other
    const allowed = [own, ...(MAY_IMPORT[top(file)] ?? [])] // an unknown folder may import nothing
    for (const path of imports(file)) {
      if (!path.startsWith('.')) continue
      const to = relative(root, resolve(root, dirname(file), path))
      if (!allowed.some((a) => to === a || to.startsWith(`${a}/`))) broken.push(`${file} -> ${to}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('each folder uses only its parts of Node and its packages', () => {
  const broken: string[] = []
  for (const file of files) {
    if (COMPOSITION.includes(top(file))) continue
    const allowed = [...NODE_FOR_ALL, ...(MAY_USE[top(file)] ?? [])]
    for (const path of imports(file)) {
      if (!path.startsWith('.') && !allowed.includes(path)) broken.push(`${file} -> ${path}`)
    }
  }
  assert.deepEqual(broken, [])
})

test('no source file is over 500 lines', () => {
  const long = files
    .filter((f) => !f.endsWith('.generated.ts'))
    .map((f) => ({ f, lines: readFileSync(join(root, f), 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > 500)
  assert.deepEqual(long, [])
})
