import type { ModuleFacts } from '../config/modules.ts'
import type { ModuleDeclaration } from '../core/module.ts'
import { disco } from '../modules/disco.ts'
import { iq } from '../modules/iq.ts'
import { message } from '../modules/message.ts'
import { offline } from '../modules/offline.ts'
import { ping } from '../modules/ping.ts'
import { pingMuc } from '../modules/ping-muc.ts'
import { presence } from '../modules/presence/index.ts'
import { roster } from '../modules/roster.ts'
import { serverContactInfo } from '../modules/server-contact-info.ts'
import { version } from '../modules/version.ts'

/** Every module that comes with the server. */
export const MODULES: readonly ModuleDeclaration[] = [
  disco,
  iq,
  message,
  offline,
  ping,
  pingMuc,
  presence,
  roster,
  serverContactInfo,
  version,
]

/** Features of streams, switched by the same lists of names as modules. */
export const STREAM_FEATURES: readonly string[] = [
  'c2s',
  's2s',
  's2s_auth_certs',
  'tls',
  'saslauth',
  'dialback',
  'smacks',
  's2s_bidi',
]

/** The modules that the configuration may name. */
export function moduleFacts(extra: readonly ModuleDeclaration[] = []): readonly ModuleFacts[] {
  return [...MODULES, ...extra].map(({ name }) => ({ name })).concat(STREAM_FEATURES.map((name) => ({ name })))
}
