import type { ModuleDeclaration } from '../core/module.ts'
import { disco } from './disco.ts'
import { iq } from './iq.ts'
import { message } from './message.ts'
import { offline } from './offline.ts'
import { ping } from './ping.ts'
import { presence } from './presence/index.ts'
import { roster } from './roster.ts'
import { version } from './version.ts'

/** Every module that comes with the server. */
export const MODULES: readonly ModuleDeclaration[] = [disco, iq, message, offline, ping, presence, roster, version]

/** Features of streams, switched by the same lists of names as modules. */
export const STREAM_FEATURES: readonly string[] = ['c2s', 's2s', 'tls', 'saslauth', 'dialback']
