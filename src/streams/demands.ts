import type { PeerRules } from '../protocol/s2s.ts'

/** The same rules for a place where the remote domain itself demands TLS, by its TLSA records (RFC 7673 §3.4). */
export function demandingTls(rules: PeerRules): PeerRules {
  return {
    ...rules,
    // asked for also where it is not offered: an attacker may have taken the offer out
    next: (local, remote, facts) => rules.next(local, remote, { ...facts, offered: { ...facts.offered, starttls: 'required' } }),
  }
}
