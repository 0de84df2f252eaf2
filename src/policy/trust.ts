import type { CertificateVerdict } from './refusal.ts'

/** How well a stream with a domain is proven, the weakest first. A certificate counts by whichever proof it was accepted. */
export const TRUST = ['plain', 'encrypted', 'certificate'] as const
export type Trust = (typeof TRUST)[number]

export function trustOf(encrypted: boolean, certificate: CertificateVerdict): Trust {
  if (!encrypted) return 'plain'
  return certificate === 'valid' ? 'certificate' : 'encrypted'
}

export function isBelow(one: Trust, other: Trust): boolean {
  return TRUST.indexOf(one) < TRUST.indexOf(other)
}
