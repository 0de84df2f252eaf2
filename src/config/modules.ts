import { didYouMean } from './suggest.ts'

/** A module that this server has. */
export interface ModuleFacts {
  readonly name: string
  /** It can be the service of a `Component "domain" "name"`. */
  readonly component?: boolean
}

/** Run on every host unless disabled. */
export const AUTOLOADED: readonly string[] = ['presence', 'message', 'iq', 'offline', 'ping_muc', 'c2s', 's2s', 's2s_auth_certs']

/** All that a component takes from the global section; the rest it must list itself. */
export const INHERITED_BY_COMPONENTS: ReadonlySet<string> = new Set([
  'tls',
  'saslauth',
  'dialback',
  'iq',
  's2s',
  's2s_bidi',
  'smacks',
  'server_contact_info',
])

/** Prosody's modules whose work the server does anyway; listing them is right and changes nothing. */
const BUILT_IN: ReadonlySet<string> = new Set(['posix', 's2s_auth_certs'])

const PROSODY = new Set(
  `account_activity admin_adhoc admin_shell admin_socket admin_telnet announce auth_anonymous auth_insecure
  auth_internal_hashed auth_internal_plain auth_ldap authz_internal blocklist bookmarks bosh c2s carbons cloud_notify
  component cron csi csi_simple debug_reset debug_sql debug_stanzas dialback disco external_services features flags
  groups http http_altconnect http_errors http_file_share http_files http_openmetrics invites invites_adhoc
  invites_register iq lastactivity legacyauth limits mam message mimicking motd muc muc_mam muc_unique net_multiplex
  offline pep pep_simple ping posix presence private proxy65 pubsub register register_ibr register_limits roster s2s
  s2s_auth_certs s2s_auth_dane_in s2s_bidi saslauth scansion_record server_contact_info server_info smacks
  stanza_debug storage_internal storage_memory storage_none storage_sql storage_xep0227 time tls tokenauth tombstones
  turn_external unknown uptime user_account_management vcard vcard4 vcard_legacy version watchregistrations websocket
  welcome windows`.split(/\s+/),
)

export interface ModuleLists {
  readonly globalEnabled: readonly string[]
  readonly globalDisabled: readonly string[]
  readonly enabled: readonly string[]
  readonly disabled: readonly string[]
}

/**
 * The modules of a host, as Prosody decides: autoloaded and global ones without what is disabled globally (of these a
 * component keeps only the inherited kind), with what the host enables, without what the host disables.
 */
export function modulesOf(lists: ModuleLists, component: string | undefined): ReadonlySet<string> {
  const global = new Set([...AUTOLOADED, ...lists.globalEnabled]).difference(new Set(lists.globalDisabled))
  const inherited = component === undefined ? global : global.intersection(INHERITED_BY_COMPONENTS)
  const own = inherited.union(new Set(lists.enabled)).difference(new Set(lists.disabled))
  return component === undefined ? own : own.union(new Set([component]))
}

/** Why a listed module will not run and what to do; undefined when it will, or need not. */
export function moduleWarning(name: string, ours: ReadonlyMap<string, ModuleFacts>): string | undefined {
  if (ours.has(name) || BUILT_IN.has(name)) return undefined
  if (PROSODY.has(name)) return `the module "${name}" of Prosody is one that Entente does not have yet; it is not loaded`
  const bare = /^(?:mod|auth|storage)_(.+)$/.exec(name)?.[1]
  const meant =
    bare !== undefined && ours.has(bare) ? ` (did you mean "${bare}"?)` : didYouMean(name, [...ours.keys(), ...PROSODY])
  return `there is no module "${name}"${meant}; it is not loaded`
}

/** Why a component cannot be served; undefined when it can. */
export function componentWarning(domain: string, name: string, ours: ReadonlyMap<string, ModuleFacts>): string | undefined {
  const facts = ours.get(name)
  if (facts?.component === true) return undefined
  if (facts !== undefined)
    return `${domain} is not served: the module "${name}" is not one for a Component; list it in modules_enabled`
  if (name === 'component') return `${domain} is not served: external components are something that Entente does not have yet`
  if (PROSODY.has(name)) return `${domain} is not served: the module "${name}" of Prosody is one that Entente does not have yet`
  return `${domain} is not served: there is no module "${name}"${didYouMean(name, [...ours.keys(), ...PROSODY])}`
}
