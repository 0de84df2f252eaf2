import type { TlsOptions } from './tls-kind.ts'

/** Puts tables of TLS options over one another, the weakest first. Certificate and key go together: a layer with either hides both below. */
export function mergeTls(layers: readonly (TlsOptions | undefined)[]): TlsOptions {
  let merged: TlsOptions = {}
  for (const layer of layers) {
    if (layer === undefined) continue
    const { certificate: _certificate, key: _key, password: _password, ...rest } = merged
    const pair = layer.certificate !== undefined || layer.key !== undefined
    merged = { ...(pair ? rest : merged), ...layer }
  }
  return merged
}
