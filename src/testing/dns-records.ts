/** How the server treats questions for a name instead of answering them. */
export type DnsBehaviour =
  | 'servfail'
  | 'refused'
  /** SERVFAIL with the extended error "DNSSEC Bogus". */
  | 'bogus'
  | 'silent'
  /** Over UDP only the TC bit; the answer over TCP. */
  | 'truncated'
  /** Bytes that are no DNS message. */
  | 'garbage'

export interface TestSrv {
  readonly target: string
  readonly port: number
  readonly priority?: number
  readonly weight?: number
}

export interface TestTlsa {
  readonly usage: number
  readonly selector: number
  readonly matching: number
  readonly data: Uint8Array
}

/** What a question may ask for; there is nothing of other types. */
export type AskedType = 'A' | 'AAAA' | 'SRV' | 'TLSA'

export interface TestRecords {
  readonly A?: readonly string[]
  readonly AAAA?: readonly string[]
  readonly SRV?: readonly TestSrv[]
  readonly TLSA?: readonly TestTlsa[]
  readonly CNAME?: string
  /** For questions of every type, or of some. */
  readonly behaviour?: DnsBehaviour | Partial<Record<AskedType, DnsBehaviour>>
  /** Of the records and of their absence; 60 by default. */
  readonly ttlSeconds?: number
  readonly delayMs?: number
  /** Sets the AD bit, as a validating server does for a signed zone. */
  readonly authenticated?: boolean
}
