/** Prosody's options of core and of its own modules that nothing here acts on yet. */
const LATER = `
access_control_allow_credentials access_control_allow_headers access_control_allow_methods access_control_allow_origins
access_control_max_age add_permissions additional_registration_fields admin_shell_prompt allow_anonymous_storage
allow_contact_invites allow_registration allow_unaffiliated_register allow_user_invites allow_user_invites_by_roles
allowlist_registration_only archive_cleanup_date_cache_size archive_compression
archive_expires_after archive_store autocreate_on_publish autocreate_on_subscribe authorization
block_registrations_require block_registrations_users blocklist_cache_size blocklist_on_registration_throttle_overload
body_size_limit bosh_max_inactivity bosh_max_polling bosh_max_wait buffer_size_limit c2s_max_child_elements
client_https_ssl component_admins_as_room_owners component_conflict_resolve component_interfaces component_module
component_ports component_secret component_stanza_size_limit component_tcp_keepalives connectivity_probe
consider_bosh_secure consider_websocket_secure console_banner console_prettyprint_settings
csi_important_payloads csi_queue_size csi_resume_inactive_delay custom_roles default_admin_affiliation
default_archive_policy default_iteration_count deny_user_invites_by_roles disco_expose_admins disco_items
dont_archive_namespaces enforce_registered_nickname expose_publisher external_service_access external_service_host
external_service_port external_service_secret external_service_tls external_service_ttl external_services
groups_file groups_include groups_users hide_os_type http_cors_override http_default_cors_enabled http_default_host
http_dir_listing http_errors_always_show http_errors_default_message http_errors_detailed http_errors_messages
http_external_url http_file_share_access http_file_share_allowed_file_types http_file_share_base_url
http_file_share_daily_quota http_file_share_expires_after http_file_share_global_quota http_file_share_safe_file_types
http_file_share_secret http_file_share_size_limit http_files_cache_max_file_size http_files_cache_size http_files_dir
http_host http_index_files http_interfaces http_legacy_x_forwarded http_max_buffer_size http_max_content_size http_name
http_path http_paths http_ports http_status_allow_cidr http_status_allow_ips https_certificate https_interfaces
https_ports https_ssl ignore_presence_priority insecure_open_authentication invite_expiry invites_page
invites_page_module invites_page_supports invites_registration_page keepalive_interval keepalive_servers
ldap_admins ldap_base ldap_filter ldap_mode ldap_password ldap_rootdn ldap_scope ldap_server ldap_tls
log_auth_ips mam_include_total mam_smart_enable max_archive_query_results max_history_messages mime_types_file
min_seconds_between_registrations motd_jid motd_text muc_expire_on_destroy
muc_log_all_rooms muc_log_by_default muc_log_cleanup_date_cache_size muc_log_expires_after muc_log_include_total
muc_log_presences muc_max_rooms muc_notifications muc_occupant_id muc_occupant_id_salt muc_registration_include_form
muc_room_allow_persistent muc_room_allow_public muc_room_cache_size muc_room_default_change_subject
muc_room_default_history_length muc_room_default_language muc_room_default_members_only muc_room_default_moderated
muc_room_default_persistent muc_room_default_presence_broadcast muc_room_default_public muc_room_default_public_jids
muc_room_lock_timeout muc_room_locking muc_tombstone_expiry muc_tombstones multiplex_buffer_size name
network_default_read_size new_muc_storage_format openmetrics_allow_cidr openmetrics_allow_ips os_version_command
password_hash password_check_username pep_info_cache_size pep_max_items pep_service_cache_size ports
proxy65_acl proxy65_address proxy65_interfaces proxy65_open_access proxy65_ports pubsub_max_items
push_max_devices push_max_errors push_max_hibernation_timeout push_notification_important_body
push_notification_with_body push_notification_with_sender realm registration_allowlist registration_blocklist
registration_compat registration_delete_grace_period registration_from registration_invite_only
registration_notification registration_notification_type registration_throttle_cache_size registration_throttle_max
registration_throttle_period registration_watchers remote_user_mapping restrict_room_creation role_acls
s2s_blacklist s2s_blocked_domains s2s_max_child_elements s2s_whitelist 
session_metadata sql sql_manage_tables sql_pragmas ssl_compression ssl_ports
statistics statistics_config statistics_interval stats_interval storage_archive_item_limit
storage_archive_item_limit_cache_size storage_async_check storage_memory_temporary storage_memory_temporary_stores
syslog_facility telnet_port tombstone_cache_size trusted_proxies turn_external_host turn_external_port
turn_external_secret turn_external_tcp turn_external_tls_port turn_external_ttl turn_external_user
upgrade_legacy_bookmarks upgrade_legacy_vcards user_invites user_tombstone_expiry validate_from_addresses
blacklist_on_registration_throttle_overload ldap_admin_filter muc_room_default_allow_member_invites
pubsub_summary_templates registration_instructions registration_title vcard_to_pep websocket_frame_buffer_limit websocket_frame_fragment_limit websocket_get_response_body
websocket_get_response_text welcome_message smacks_max_inactive_unacked_stanzas
`

/** Options that Prosody renamed or that have no meaning in this server, with what to do instead. */
const REPLACED: Readonly<Record<string, string>> = {
  admin_telnet_ports: 'there is no such console here',
  anonymous_login: 'write authentication = "anonymous"',
  bosh_interfaces: 'write http_interfaces',
  bosh_ports: 'write http_ports',
  c2s_interface: 'write c2s_interfaces',
  c2s_port: 'write c2s_ports',
  console_interfaces: 'there is no such console here',
  console_ports: 'there is no such console here',
  cross_domain_bosh: 'leave it out; it is always allowed',
  cross_domain_websocket: 'leave it out; it is always allowed',
  daemonize: 'leave it out; the server always runs in the foreground',
  debug: 'write log = "*console" for every level',
  dns_timeout: 'leave it out',
  error_library: 'leave it out',
  force_module_reload: 'leave it out',
  gc: 'leave it out',
  installer_plugin_path: 'modules come from npm here',
  interface: 'write interfaces',
  legacy_ssl_interfaces: 'write c2s_direct_tls_interfaces',
  legacy_ssl_ports: 'write c2s_direct_tls_ports',
  legacy_ssl_ssl: 'write c2s_direct_tls_ssl',
  load_global_modules: 'leave it out',
  lua_gc_pause: 'leave it out',
  lua_gc_step_size: 'leave it out',
  network_backend: 'leave it out',
  no_daemonize: 'leave it out; the server always runs in the foreground',
  plugin_paths: 'modules of Prosody cannot be loaded here',
  plugin_server: 'modules of Prosody cannot be loaded here',
  prosody_group: 'start the server as the right group',
  prosody_user: 'start the server as the right user',
  prosodyctl_timeout: 'leave it out',
  proxy65_port: 'write proxy65_ports',
  registration_blacklist: 'write registration_blocklist',
  registration_whitelist: 'write registration_allowlist',
  require_encryption: 'write c2s_require_encryption and s2s_require_encryption',
  s2s_dns_resolvers: 'write dns_servers',
  s2s_interface: 'write s2s_interfaces',
  s2s_port: 'write s2s_ports',
  setgid: 'start the server as the right group',
  setuid: 'start the server as the right user',
  umask: 'leave it out; what the server creates is private to its user',
  use_libevent: 'leave it out',
  vcard_compatibility: 'leave it out',
  whitelist_registration_only: 'write allowlist_registration_only',
}

const REPLACEMENTS: ReadonlyMap<string, string> = new Map(Object.entries(REPLACED))

/** Names of options that exist in Prosody and have no effect here. */
export const OTHER_OPTIONS: ReadonlySet<string> = new Set([...LATER.trim().split(/\s+/), ...REPLACEMENTS.keys()])

/** Why a known option has no effect and what to do; undefined when the name is not known at all. */
export function otherOption(name: string): string | undefined {
  const instead = REPLACEMENTS.get(name)
  if (instead !== undefined) return `${name} has no effect here: ${instead}`
  return OTHER_OPTIONS.has(name) ? `${name} is an option of Prosody that Entente does not have yet; it has no effect` : undefined
}
