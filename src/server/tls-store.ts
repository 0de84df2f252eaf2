import type { SecureContext } from 'node:tls'
import type { Config, Service } from '../config/config.ts'
import { type Identity, type IdentityIndex, indexFolder, loadIdentities } from '../net/certificates.ts'
import { ChainJudge, type ChainVerdict } from '../net/chain.ts'
import { pemBlocks } from '../net/pem.ts'
import type { Problem } from '../net/problem.ts'
import { RevocationStore } from '../net/revocations.ts'
import { contextByName, tlsContext } from '../net/tls-context.ts'
import { TrustStore } from '../net/trust.ts'
import type { TlsSetup } from '../net/wire.ts'
import type { Certificate } from '../net/x509.ts'
import { namesDomain } from '../policy/certificate.ts'
import type { CertificateVerdict } from '../protocol/s2s.ts'
import type { TlsContexts } from '../streams/tls.ts'
import { domainToAscii } from '../xmpp/jid.ts'

/** Streams that begin in the clear, and those with TLS from the first byte, whose certificate may differ. */
type Use = Service
const USES: readonly Use[] = ['c2s', 's2s', 'c2s_direct_tls', 's2s_direct_tls']

/** What a configuration gives: read whole, then put into use at once. */
interface Generation {
  readonly identities: Readonly<Record<Use, ReadonlyMap<string, Identity>>>
  readonly contexts: Map<string, SecureContext | undefined>
  readonly trust: Map<string, { readonly store: TrustStore; readonly judge: ChainJudge }>
}

/** Certificates, TLS contexts and trust anchors of the server; replaced as a whole at a reload. */
export class TlsStore implements TlsContexts {
  #config: Config
  #generation: Generation
  readonly #now: () => number
  readonly #revocations = new RevocationStore()
  readonly #problems: Problem[] = []

  constructor(config: Config, now: () => number) {
    this.#config = config
    this.#now = now
    this.#generation = this.#load(config, undefined)
  }

  /** What was found since this was last asked. */
  takeProblems(): readonly Problem[] {
    return this.#problems.splice(0)
  }

  /** Reads everything anew; what is broken now goes on as it was. */
  reload(config: Config): void {
    const before = this.#generation
    this.#config = config
    this.#generation = this.#load(config, before)
  }

  #load(config: Config, before: Generation | undefined): Generation {
    const index = indexFolder(config.get(undefined, 'certificates'), this.#now(), this.#problems)
    const identities = (use: Use) => this.#identities(config, use, index, before)
    const generation: Generation = {
      identities: {
        c2s: identities('c2s'),
        s2s: identities('s2s'),
        c2s_direct_tls: identities('c2s_direct_tls'),
        s2s_direct_tls: identities('s2s_direct_tls'),
      },
      contexts: new Map(),
      // the same stores, read again: one that is broken now keeps what it had
      trust: before?.trust ?? new Map(),
    }
    for (const { store } of generation.trust.values()) this.#problems.push(...store.reload())
    this.#problems.push(...this.#revocations.reload(config.get(undefined, 's2s_crl_files'), this.#now()))
    for (const use of USES) {
      for (const domain of generation.identities[use].keys()) {
        const context = this.#make(config, generation, use, domain)
        const key = `${use} ${domain}`
        generation.contexts.set(key, context ?? before?.contexts.get(key))
      }
    }
    return generation
  }

  #identities(config: Config, use: Use, index: IdentityIndex, before: Generation | undefined): ReadonlyMap<string, Identity> {
    const hosts = config.hosts
      .filter(({ domain }) => config.enabledModules(domain).has('tls'))
      .map(({ domain }) => {
        const { certificate, key, password } = config.tls(domain, use)
        return { domain, certificate, key, password }
      })
    const loaded = loadIdentities({
      hosts,
      index,
      nowMs: this.#now(),
      ...(before === undefined ? {} : { before: before.identities[use] }),
    })
    const known = new Set(this.#problems.map((p) => `${p.file} ${p.message}`))
    this.#problems.push(...loaded.problems.filter((p) => !known.has(`${p.file} ${p.message}`)))
    return loaded.identities
  }

  #make(config: Config, generation: Generation, use: Use, domain: string): SecureContext | undefined {
    const identity = generation.identities[use].get(domain)
    const made = tlsContext(identity, settings(config, domain, use))
    this.#problems.push(...made.problems)
    return made.context
  }

  #context(use: Use, domain: string): SecureContext | undefined {
    return this.#generation.contexts.get(`${use} ${domain}`)
  }

  has(domain: string): boolean {
    return this.#generation.identities.s2s.has(domain)
  }

  /** What a host shows to other servers; the chain as DER, leaf first. */
  identity(
    domain: string,
  ): { readonly leaf: Certificate; readonly certFile: string; readonly chain: readonly Uint8Array[] } | undefined {
    const identity = this.#generation.identities.s2s.get(domain)
    return identity && { ...identity, chain: pemBlocks(identity.chainPem, 'CERTIFICATE') }
  }

  hasForClients(domain: string): boolean {
    return this.#generation.identities.c2s.has(domain)
  }

  acceptClient(domain: string | undefined): TlsSetup {
    return domain === undefined ? this.#acceptDirect('c2s_direct_tls', 'xmpp-client') : this.#acceptNamed('c2s', domain)
  }

  acceptServer(domain: string | undefined): TlsSetup {
    return domain === undefined ? this.#acceptDirect('s2s_direct_tls', 'xmpp-server') : this.#acceptNamed('s2s', domain)
  }

  #acceptNamed(use: 'c2s' | 's2s', domain: string): TlsSetup {
    return { side: 'server', context: this.#context(use, domain) ?? this.#bare(), askCertificate: use === 's2s', alpn: [] }
  }

  /** SNI decides; who asks for no name gets the first host that has a certificate. */
  #acceptDirect(use: 'c2s_direct_tls' | 's2s_direct_tls', alpn: string): TlsSetup {
    const byName = new Map<string, SecureContext>()
    for (const name of this.#generation.identities[use].keys()) {
      const context = this.#context(use, name)
      if (context !== undefined) byName.set(domainToAscii(name) ?? name, context)
    }
    const context = byName.values().next().value ?? this.#bare()
    const askCertificate = use === 's2s_direct_tls'
    return { side: 'server', context, contextFor: contextByName(byName), askCertificate, alpn: [alpn] }
  }

  dialServer(local: string, remote: string): TlsSetup {
    const context = this.#context('s2s', local) ?? this.#bare(local)
    return { side: 'client', context, serverName: domainToAscii(remote) ?? remote, alpn: ['xmpp-server'] }
  }

  /** A context without a certificate: enough to dial, and to fail in the right way when somebody dials us. */
  #bare(domain?: string): SecureContext {
    const key = `bare ${domain ?? ''}`
    let context = this.#generation.contexts.get(key)
    if (context === undefined) {
      context = tlsContext(undefined, settings(this.#config, domain, 's2s')).context ?? tlsContext(undefined).context!
      this.#generation.contexts.set(key, context)
    }
    return context
  }

  /** What chain (DER, leaf first) and dates prove to our host; undefined where it does not look at them. */
  chain(local: string, chain: readonly Uint8Array[]): ChainVerdict | undefined {
    if (!this.#config.enabledModules(local).has('s2s_auth_certs')) return undefined
    return this.#trust(local).judge.judge(chain, this.#now())
  }

  /** The same, and the names: nothing else is looked at. @param names any of them will do */
  judge(local: string, names: readonly string[], chain: readonly Uint8Array[]): CertificateVerdict {
    const verdict = this.chain(local, chain)
    if (verdict === undefined) return 'unvalidated'
    if (verdict.status === 'absent') return 'absent'
    if (verdict.status === 'valid') return names.some((n) => namesDomain(verdict.leaf.names, n)) ? 'valid' : 'wrong-name'
    switch (verdict.reason) {
      case 'expired':
      case 'expired-chain':
      case 'revoked':
      case 'self-signed':
        return verdict.reason
      default:
        return 'untrusted'
    }
  }

  #trust(local: string): { readonly store: TrustStore; readonly judge: ChainJudge } {
    const { cafile, capath } = this.#config.tls(local, 's2s')
    const key = `${cafile ?? ''}\n${capath ?? ''}`
    let trust = this.#generation.trust.get(key)
    if (trust === undefined) {
      const store = new TrustStore({ cafile, capath })
      trust = {
        store,
        judge: new ChainJudge(
          () => store.anchors,
          () => this.#revocations.current,
        ),
      }
      this.#problems.push(...store.problems)
      this.#generation.trust.set(key, trust)
    }
    return trust
  }
}

function settings(config: Config, domain: string | undefined, use: Service) {
  const { protocol, ciphers, ciphersuites, curveslist, curve, dhparam } = config.tls(domain, use)
  return {
    profile: config.get(undefined, 'tls_profile'),
    versions: protocol,
    ciphers,
    ciphersuites,
    curves: curveslist?.split(':') ?? (curve === undefined ? undefined : [curve]),
    dhparam,
  }
}
