import { fieldsOf, setOf } from './kind.ts'
import { domain, flag, period, rate, secret, size, text, whole } from './kinds.ts'
import { optional, withDefault } from './option.ts'

const speed = fieldsOf({ rate, burst: period(1000) })

/** Streams of servers and of clients. Periods are milliseconds and sizes are bytes once read. */
export const STREAM_OPTIONS = {
  s2s_secure_auth: withDefault(flag, false, {
    help: 'Other servers must prove who they are with a valid certificate; without it, dialback (a look-up in DNS) is enough.',
  }),
  s2s_secure_domains: withDefault(setOf(domain), new Set<string>(), {
    help: 'Domains that must have a valid certificate even when s2s_secure_auth is off.',
  }),
  s2s_insecure_domains: withDefault(setOf(domain), new Set<string>(), {
    help: 'Domains that may use dialback although s2s_secure_auth is on.',
  }),
  s2s_require_encryption: withDefault(flag, false, { help: 'Refuse to talk to other servers without TLS.' }),
  s2s_allow_encryption: withDefault(flag, true, { help: 'false: never use TLS with other servers.' }),
  disallow_s2s: withDefault(flag, false, { help: 'Old name for modules_disabled = { "s2s" }.' }),
  allow_anonymous_s2s: withDefault(flag, false, {
    help: 'Guests of a host with authentication = "anonymous" may talk to other servers.',
  }),
  dialback_secret: optional(secret, {
    help: 'The secret behind dialback keys; unset: a random one. Servers that share a domain need the same.',
  }),
  s2s_timeout: withDefault(period(1000), 30_000, {
    where: 'global',
    help: 'A stream of a server must be authenticated by then.',
  }),
  s2s_close_timeout: withDefault(period(0), 5000, {
    where: 'global',
    help: "How long to wait for the other side's end of stream.",
  }),
  s2s_idle_timeout: withDefault(period(0), 3_600_000, {
    where: 'global',
    help: 'A stream of servers that has carried nothing for that long is closed, and made again when it is needed; 0: never.',
  }),
  s2s_stanza_size_limit: withDefault(size(10_000), 512 * 1024, { where: 'global', help: 'Largest stanza from a server.' }),
  s2s_unauthed_stanza_size_limit: withDefault(size(1000), 10_000, {
    where: 'global',
    help: 'Largest element from a server that is not authenticated yet.',
  }),
  s2s_send_queue_size: withDefault(whole(1), 32_768, {
    where: 'global',
    help: 'How many stanzas may wait for a connection to one domain.',
  }),
  s2s_queue_age: withDefault(period(1000), 120_000, {
    where: 'global',
    help: 'How long a stanza may wait for a connection to its domain before it goes back to its sender.',
  }),

  c2s_require_encryption: withDefault(flag, true, { help: 'Clients must use TLS before they log in.' }),
  allow_unencrypted_plain_auth: withDefault(flag, false, { help: 'Passwords may be sent without TLS. For tests only.' }),
  insecure_sasl_mechanisms: optional(setOf(text), {
    help: 'Mechanisms not offered without TLS; unset: PLAIN and LOGIN, or none with allow_unencrypted_plain_auth.',
  }),
  disable_sasl_mechanisms: withDefault(setOf(text), new Set(['DIGEST-MD5']), { help: 'Mechanisms never offered.' }),
  c2s_timeout: withDefault(period(1000), 30_000, { where: 'global', help: 'A client must be logged in by then.' }),
  c2s_close_timeout: withDefault(period(0), 5000, { where: 'global', help: "How long to wait for the client's end of stream." }),
  c2s_stanza_size_limit: withDefault(size(10_000), 256 * 1024, { where: 'global', help: 'Largest stanza from a client.' }),
  c2s_unauthed_stanza_size_limit: withDefault(size(1000), 10_000, {
    where: 'global',
    help: 'Largest element from a client that is not logged in yet.',
  }),

  limits: withDefault(
    fieldsOf({ c2s: speed, s2sin: speed, s2sout: speed }),
    {},
    {
      where: 'global',
      status: 'later',
      help: 'How fast a stream may send, such as c2s = { rate = "10kb/s", burst = "2s" }.',
    },
  ),
  limits_resolution: withDefault(period(1), 1000, {
    where: 'global',
    status: 'later',
    help: 'How often a paused stream is looked at.',
  }),
  unlimited_jids: withDefault(setOf(text), new Set<string>(), { status: 'later', help: 'Who is exempt from limits.' }),
  smacks_enabled_s2s: withDefault(flag, true, { help: 'Stream management with servers, where the module smacks is enabled.' }),
  smacks_s2s_resend: withDefault(flag, false, {
    help: 'Send again what a lost server stream did not confirm, though it may have arrived; false: it goes back to its sender.',
  }),
  smacks_max_ack_delay: withDefault(period(0), 30_000, {
    help: 'A stream that does not confirm what it was sent for that long is ended; 0: never.',
  }),
  smacks_max_unacked_stanzas: withDefault(whole(0), 0, { help: 'Ask for a confirmation when more than that many are missing.' }),
  smacks_max_queue_size: withDefault(whole(0), 500, {
    help: 'How many stanzas may be unconfirmed; the next ones wait until some are.',
  }),
  smacks_hibernation_time: withDefault(period(0), 600_000, { help: 'How long a broken stream can be resumed.' }),
  smacks_max_old_sessions: withDefault(whole(0), 10, {
    status: 'later',
    help: 'How many resumable sessions an account may have.',
  }),
}
