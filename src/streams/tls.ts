import type { Endpoint } from '../net/endpoints.ts'
import type { TlsSetup } from '../net/wire.ts'
import type { CertificateVerdict } from '../protocol/s2s.ts'
import type { TlsFacts } from '../protocol/step.ts'

/** A peer that has shown certificates in a handshake with a host of ours. */
export interface ShownCertificate {
  /** Who dialled: `in` is the peer. */
  readonly direction: 'in' | 'out'
  readonly local: string
  readonly remote: string
  readonly tls: TlsFacts
  /** Where we have dialled it: what DNS says about that place. */
  readonly endpoint?: Pick<Endpoint, 'host' | 'hostSecure' | 'tlsa'>
}

/** TLS contexts of the server, as streams ask for them. What a reload changes is asked anew each time. */
export interface TlsContexts {
  /** Does this host have a certificate with its key? */
  has(domain: string): boolean
  /** To accept a client: for STARTTLS on the host that the stream named, for direct TLS (undefined) by SNI. */
  acceptClient(domain: string | undefined): TlsSetup
  /** To accept a server; its certificate is asked for. */
  acceptServer(domain: string | undefined): TlsSetup
  /** To dial a server: our host's certificate is shown where there is one. */
  dialServer(local: string, remote: string): TlsSetup
}

/** The same, and whom to believe. */
export interface TlsProvider extends TlsContexts {
  /** Does what was shown prove to our host that the peer is `remote`? May ask DNS. */
  judge(shown: ShownCertificate): Promise<CertificateVerdict>
}
