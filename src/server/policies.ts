import type { Config } from '../config/config.ts'
import type { OptionName } from '../config/options.ts'
import { formatPosition } from '../config/problem.ts'
import type { Host } from '../core/host.ts'
import type { Patience } from '../net/driver.ts'
import { type ClientPolicy, insecureMechanisms } from '../policy/client.ts'
import { type PeerOptions, type PeerPolicy, peerPolicy, ruleBehind } from '../policy/peer.ts'
import { originText, type PeerRule, rulesOfOptions, rulingOn } from '../policy/rules.ts'
import type { Trust } from '../policy/trust.ts'
import type { Management } from '../streams/acks.ts'
import { BoundedMemo } from '../xmpp/bounded-memo.ts'
import { type Budget, PRE_AUTH_BUDGET } from '../xmpp/framer.ts'
import type { TlsStore } from './tls-store.ts'

/** Handshakes take milliseconds; a peer that needs longer is not one. */
const TLS_HANDSHAKE_MS = 10_000
/** Prosody's send_timeout. */
const SEND_MS = 180_000
/** Prosody's read_timeout. */
const READ_MS = 840_000

/** Whether a remote domain is in quarantine is asked for every stanza, so the answers are kept, for each host. */
const MOST_RULINGS = 500
const LONGEST_DOMAIN = 253

/** What the configuration decides about streams, in the shape in which policy functions ask; worked out once a reload. */
export class Policies {
  readonly #config: Config
  readonly #tls: TlsStore
  readonly #isLocal: (domain: string) => boolean
  readonly #decided: readonly PeerRule[]
  readonly #bestOf: (domain: string) => Trust | undefined
  readonly #peers = new Map<string, PeerOptions>()
  readonly #quarantined = new Map<string, BoundedMemo<boolean> | undefined>()
  readonly #clients = new Map<string, { readonly policy: ClientPolicy; readonly stanzaBytes: number }>()

  /** @param decided rules that come before those of the configuration */
  constructor(
    config: Config,
    tls: TlsStore,
    isLocal: (domain: string) => boolean,
    bestOf: (domain: string) => Trust | undefined,
    decided: readonly PeerRule[] = [],
  ) {
    this.#bestOf = bestOf
    this.#config = config
    this.#tls = tls
    this.#isLocal = isLocal
    this.#decided = decided
  }

  peer(domain: string): PeerOptions {
    let options = this.#peers.get(domain)
    if (options === undefined) this.#peers.set(domain, (options = this.#peerOptions(domain)))
    return options
  }

  #peerOptions(domain: string): PeerOptions {
    const config = this.#config
    const enabled = config.enabledModules(domain)
    return {
      // a host that a reload has removed may still be in the mind of a stream
      s2s: enabled.has('s2s') && config.hosts.some((host) => host.domain === domain),
      tls: enabled.has('tls') && config.get(domain, 's2s_allow_encryption'),
      saslauth: enabled.has('saslauth'),
      dialback: enabled.has('dialback'),
      ownCertificate: this.#tls.has(domain),
      rules: this.#rules(domain),
      refuseDowngrades: config.get(domain, 's2s_downgrade_policy') === 'refuse',
      isLocal: this.#isLocal,
      bestOf: (remote) => this.#bestOf(remote),
    }
  }

  /** The rules of a host about remote domains, Prosody's options among them. */
  #rules(domain: string): readonly PeerRule[] {
    const config = this.#config
    const own = config.peerRules(domain).map(({ remote, at, ...rule }) => {
      return { ...rule, remotes: remote, origin: { option: 's2s_rules', at: formatPosition(at) } }
    })
    const options = rulesOfOptions({
      secureAuth: config.get(domain, 's2s_secure_auth'),
      secureDomains: config.get(domain, 's2s_secure_domains'),
      insecureDomains: config.get(domain, 's2s_insecure_domains'),
      requireEncryption: config.get(domain, 's2s_require_encryption'),
      at: (option) => positionOf(config, domain, option),
    })
    return [...this.#decided, ...own, ...options]
  }

  /** Stream management with other servers; undefined: none. */
  management(domain: string): Management | undefined {
    const config = this.#config
    if (!config.enabledModules(domain).has('smacks') || !config.get(domain, 'smacks_enabled_s2s')) return undefined
    return {
      maxAckDelayMs: config.get(domain, 'smacks_max_ack_delay'),
      maxUnacked: config.get(domain, 'smacks_max_unacked_stanzas'),
      queueStanzas: Math.max(1, config.get(domain, 'smacks_max_queue_size')),
      resend: config.get(domain, 'smacks_s2s_resend'),
      resumeMs: config.get(domain, 'smacks_hibernation_time'),
    }
  }

  /** What is demanded of one remote domain on one of our hosts. */
  of(local: string, remote: string): PeerPolicy {
    return peerPolicy(this.peer(local), remote)
  }

  /** What a refusal for this reason rests on, in words; undefined when that is no rule. */
  ruleBehind(local: string, remote: string, because: string): string | undefined {
    const rule = ruleBehind(this.of(local, remote), because)
    return rule && originText(rule.origin)
  }

  /** The pins of the rule that applies; undefined where it has none. */
  pins(local: string, remote: string): ReadonlySet<string> | undefined {
    return rulingOn(this.peer(local).rules, remote).pins?.value
  }

  /** Asked for every stanza: a host without such rules answers at once. */
  isQuarantined(local: string, remote: string): boolean {
    return this.#quarantines(local)?.get(remote) === true
  }

  #quarantines(local: string): BoundedMemo<boolean> | undefined {
    if (this.#quarantined.has(local)) return this.#quarantined.get(local)
    const { rules } = this.peer(local)
    const any = rules.some((rule) => rule.action === 'quarantine')
    const memo = any
      ? new BoundedMemo((remote) => rulingOn(rules, remote).action.value === 'quarantine', MOST_RULINGS, LONGEST_DOMAIN)
      : undefined
    this.#quarantined.set(local, memo)
    return memo
  }

  /** undefined where clients are not served. */
  client(host: Host): { readonly policy: ClientPolicy; readonly stanzaBytes: number } | undefined {
    if (host.kind !== 'virtual' || !host.enabled('c2s')) return undefined
    let policy = this.#clients.get(host.domain)
    if (policy === undefined) this.#clients.set(host.domain, (policy = this.#clientPolicy(host)))
    return policy
  }

  #clientPolicy(host: Host): { readonly policy: ClientPolicy; readonly stanzaBytes: number } {
    const config = this.#config
    const { domain } = host
    const policy: ClientPolicy = {
      authentication: config.get(domain, 'authentication') === 'anonymous' ? 'anonymous' : 'passwords',
      canStartTls: host.enabled('tls') && this.#tls.hasForClients(domain),
      sasl: host.enabled('saslauth'),
      requireEncryption: config.get(domain, 'c2s_require_encryption'),
      insecure: insecureMechanisms(
        config.isSet(domain, 'insecure_sasl_mechanisms')
          ? [...(config.get(domain, 'insecure_sasl_mechanisms') ?? [])]
          : undefined,
        config.get(domain, 'allow_unencrypted_plain_auth'),
      ),
      disabled: config.get(domain, 'disable_sasl_mechanisms'),
    }
    return { policy, stanzaBytes: config.get(undefined, 'c2s_stanza_size_limit') }
  }

  /** How long a peer of either kind may take for what it must do. */
  patience(use: 'c2s' | 's2s'): Patience {
    return {
      tlsHandshakeMs: this.#config.get(undefined, 'network_settings').ssl_handshake_timeout ?? TLS_HANDSHAKE_MS,
      sendMs: this.#config.get(undefined, 'network_settings').send_timeout ?? SEND_MS,
      closeMs: this.#config.get(undefined, `${use}_close_timeout`),
    }
  }

  preAuthBudget(use: 'c2s' | 's2s'): Budget {
    return { ...PRE_AUTH_BUDGET, stanzaBytes: this.#config.get(undefined, `${use}_unauthed_stanza_size_limit`) }
  }

  /** After so much silence a server has to show that it is there. */
  get silenceMs(): number {
    return this.#config.get(undefined, 'network_settings').read_timeout ?? READ_MS
  }

  get clientNegotiationMs(): number {
    return this.#config.get(undefined, 'c2s_timeout')
  }

  get serverNegotiationMs(): number {
    return this.#config.get(undefined, 's2s_timeout')
  }
}

function positionOf(config: Config, domain: string, option: OptionName): string | undefined {
  const at = config.source(domain, option)
  return at === undefined ? undefined : formatPosition(at)
}
