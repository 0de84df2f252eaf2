/** What every server under test is given, alike for all. */
export interface Setup {
  readonly domain: string
  /** On loopback; clients at 5222, servers at 5269. */
  readonly address: string
  readonly dns: { readonly address: string; readonly port: number }
  /** PEM of the only root it trusts. */
  readonly ca: string
  readonly cert: { readonly chainPem: string; readonly keyPem: string }
  /** Local part -> password. */
  readonly users: Readonly<Record<string, string>>
}

export interface Started {
  readonly pid: number
  /** When its process was started: milliseconds since 1970, with fractions. */
  readonly startedAtMs: number
  stop(): Promise<void>
}

/** What SRV records name. ejabberd would ask the C library, not our name server, for the address of a name. */
export type SrvTargets = 'names' | 'addresses'

/** A server that takes part in the comparison. */
export interface Contender {
  readonly name: string
  readonly srvTargets: SrvTargets
  version(): string
  /** Resolves once the process runs; it may not accept connections yet. */
  start(setup: Setup): Promise<Started>
}
