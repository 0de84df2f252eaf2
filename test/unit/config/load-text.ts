import { join } from 'node:path'
import type { Config } from '../../../src/config/config.ts'
import type { Disk } from '../../../src/config/disk.ts'
import type { Environment } from '../../../src/config/language.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { Float, LuaTable, type LuaValue, toText } from '../../../src/config/lua-value.ts'
import type { ModuleFacts } from '../../../src/config/modules.ts'

/** The modules that the tests' server has. */
export const MODULES: readonly ModuleFacts[] = [
  ...['presence', 'message', 'iq', 'offline', 'c2s', 's2s', 's2s_auth_certs', 'tls', 'saslauth', 'dialback', 'roster', 'disco'],
  ...['ping', 'ping_muc', 'version', 's2s_bidi', 'smacks'],
].map((name) => ({ name }))
const WITH_MUC: readonly ModuleFacts[] = [...MODULES, { name: 'muc', component: true }]

/** A disk that holds these files, by absolute path. */
export function diskOf(files: Readonly<Record<string, string | Uint8Array>>): Disk {
  const fail = (): never => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  }
  return {
    readFile: (path) => (Object.hasOwn(files, path) ? Buffer.from(files[path]!) : fail()),
    listFolder(folder) {
      const names = Object.keys(files).filter((f) => f.startsWith(`${folder}/`) && !f.slice(folder.length + 1).includes('/'))
      return names.length === 0 ? fail() : names.map((f) => f.slice(folder.length + 1))
    },
  }
}

/** Loads `text` as /etc/entente.cfg.lua; `files` are named relative to /etc. */
export function load(
  text: string | Uint8Array,
  more: { readonly env?: Environment; readonly files?: Readonly<Record<string, string | Uint8Array>> } = {},
): Promise<Config> {
  const others = Object.entries(more.files ?? {}).map(([name, content]) => [join('/etc', name), content] as const)
  const disk = diskOf({ '/etc/entente.cfg.lua': text, ...Object.fromEntries(others) })
  return loadConfig({ path: '/etc/entente.cfg.lua', env: more.env ?? {}, modules: WITH_MUC, disk })
}

/** Problems as `line:column severity message`; of another file with its name in front. Notices are left out. */
export function told(config: Config): readonly string[] {
  return config.problems
    .filter((p) => p.severity !== 'notice')
    .map((p) => `${p.file === '/etc/entente.cfg.lua' ? '' : `${p.file}:`}${p.line}:${p.column} ${p.severity} ${p.message}`)
}

/** A value of the language as JavaScript: lists as arrays, other tables as sorted pairs, floats marked. */
export function plain(value: LuaValue): unknown {
  if (value instanceof Float) return { float: value.value }
  if (typeof value === 'string') return toText(value) ?? { bytes: Buffer.from(value, 'latin1').toString('hex') }
  if (!(value instanceof LuaTable)) return value
  const fields = value.fields.map(([key, entry]) => [plain(key), plain(entry.value)] as const)
  const items = value.items.map((entry) => plain(entry.value))
  return fields.length === 0 ? items : { items, fields: fields.toSorted(([a], [b]) => String(a).localeCompare(String(b))) }
}
