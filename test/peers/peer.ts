/** Another server, started by a test or the benchmark on a loopback address and with data of its own. */
export interface Peer {
  readonly domain: string
  readonly address: string
  readonly clientPort: number
  readonly s2sPort: number
  readonly pid: number
  /** When its process was started: milliseconds since 1970, with fractions. */
  readonly startedAtMs: number
  /** Everything it has written so far. */
  log(): string
  /** The first match in what it wrote or is going to write; rejects after `withinMs`, or when the server ends. */
  waitForLog(pattern: RegExp, withinMs?: number): Promise<RegExpMatchArray>
  /** Ends the process, by force after 5 s, and deletes its data. */
  stop(): Promise<void>
}

export interface PeerOptions {
  readonly domain: string
  /** On loopback: clients at 5222, servers at 5269. */
  readonly address: string
  /** The only name server that it asks. */
  readonly dns: { readonly address: string; readonly port: number }
  /** PEM of the root that it trusts, and the only one. */
  readonly ca: string
  /** What it shows to clients and servers; it does no TLS without. */
  readonly cert?: { readonly chainPem: string; readonly keyPem: string } | undefined
  /** Local part -> password. */
  readonly users?: Readonly<Record<string, string>>
  /** More of its own configuration language, at the top level. */
  readonly options?: string
  /** Modules besides those that a small server has. */
  readonly modules?: readonly string[]
  /** As an operator runs it: a log of level info, and no server without encryption. Otherwise all is logged. */
  readonly production?: boolean
}

export const CLIENT_PORT = 5222
export const S2S_PORT = 5269
