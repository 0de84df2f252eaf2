import type { TlsFacts } from '../step.ts'
import type { ChannelBinding } from './mechanism.ts'

/**
 * The channel bindings that a TLS session can give: tls-exporter (RFC 9266) from TLS 1.3 on, before which it is unique
 * only with the extended master secret; tls-server-end-point (RFC 5929 §4) wherever our certificate has such a hash.
 */
export function availableBindings(tls: TlsFacts | undefined): readonly ChannelBinding[] {
  if (tls === undefined) return []
  const found: ChannelBinding[] = []
  if (tls.version === 'TLSv1.3') found.push('tls-exporter')
  if (tls.serverEndPoint !== undefined) found.push('tls-server-end-point')
  return found
}

/** The bytes of a binding; undefined when the session cannot give it (any more). */
export function bindingBytes(tls: TlsFacts | undefined, name: ChannelBinding): Uint8Array | undefined {
  if (name === 'tls-server-end-point') return tls?.serverEndPoint
  try {
    return tls?.exporter('EXPORTER-Channel-Binding', 32)
  } catch {
    return undefined // the socket went away under us; `lost` follows
  }
}
