import type { Option } from './option.ts'
import { FEDERATION_OPTIONS } from './options-federation.ts'
import { NETWORK_OPTIONS } from './options-network.ts'
import { SERVER_OPTIONS } from './options-server.ts'
import { STREAM_OPTIONS } from './options-streams.ts'

/** Every option that is read and checked. Prosody's other options are in other-options.ts. */
export const OPTIONS = { ...SERVER_OPTIONS, ...NETWORK_OPTIONS, ...STREAM_OPTIONS, ...FEDERATION_OPTIONS }

export type OptionName = keyof typeof OPTIONS
/** What `config.get(host, name)` returns. */
export type OptionValue<N extends OptionName> = (typeof OPTIONS)[N] extends Option<infer T> ? T : never

// the values of OPTIONS differ in their type parameter only, and a reader by name does not know it
export const OPTION_BY_NAME = new Map(Object.entries(OPTIONS)) as ReadonlyMap<string, Option<unknown>>
