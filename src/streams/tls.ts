import type { TlsSetup } from '../net/wire.ts'
import type { CertificateVerdict } from '../protocol/s2s.ts'

/** Certificates and trust of the server, as streams ask for them. What a reload changes is asked anew each time. */
export interface TlsProvider {
  /** Does this host have a certificate with its key? */
  has(domain: string): boolean
  /** To accept a client: for STARTTLS on the host that the stream named, for direct TLS (undefined) by SNI. */
  acceptClient(domain: string | undefined): TlsSetup
  /** To accept a server; its certificate is asked for. */
  acceptServer(domain: string | undefined): TlsSetup
  /** To dial a server: our host's certificate is shown where there is one. */
  dialServer(local: string, remote: string): TlsSetup
  /** Does this chain (DER, leaf first) prove to our host that the peer is `remote`? */
  judge(local: string, remote: string, chain: readonly Uint8Array[]): CertificateVerdict
}
