import type { Config } from '../config/config.ts'
import { systemClock } from '../net/clock.ts'
import { nameFor } from '../policy/certificate.ts'
import type { Examiner } from './examine.ts'

/** Something about our own side that other servers depend on. */
export interface OwnCheck {
  readonly host: string
  readonly about: 'dns' | 'certificate'
  readonly ok: boolean
  readonly text: string
}

const DAY_MS = 86_400_000
/** Authorities renew a month ahead; two weeks leave time to find out why that did not happen. */
const SOON_MS = 14 * DAY_MS

/**
 * Whether other servers find one of our hosts and can believe it.
 *
 * @param machine the addresses of this machine's interfaces
 */
export async function checkOwn(examiner: Examiner, host: string, machine: ReadonlySet<string>): Promise<readonly OwnCheck[]> {
  return [...(await dnsChecks(examiner, host, machine)), ...certificateChecks(examiner, host)]
}

async function dnsChecks(examiner: Examiner, host: string, machine: ReadonlySet<string>): Promise<readonly OwnCheck[]> {
  const check = (ok: boolean, text: string): OwnCheck => ({ host, about: 'dns', ok, text })
  const { config } = examiner
  const found = await examiner.endpoints(host, host)
  if (found.failure !== undefined)
    return [check(false, `other servers do not find it: ${found.failure.text} (${found.failure.detail})`)]
  const ours = new Set([...machine, ...config.get(undefined, 'external_addresses')])
  return found.endpoints.map(({ host: target, address, port, tls }) => {
    const where = `${target} (${address}, port ${port}, ${tls === 'direct' ? 'direct TLS' : 'STARTTLS'})`
    const ports = portsFor(config, tls)
    if (!ports.has(port) && !ports.has(0)) {
      const option = tls === 'direct' ? 's2s_direct_tls_ports' : 's2s_ports'
      return check(false, `DNS leads to ${where}, and ${option} has no port ${port}`)
    }
    if (!ours.has(address))
      return check(false, `DNS leads to ${where}, which is no address of this machine; if it is, put it into external_addresses`)
    return check(true, `DNS leads to ${where}`)
  })
}

const portsFor = (config: Config, tls: 'direct' | 'starttls'): ReadonlySet<number> =>
  config.get(undefined, tls === 'direct' ? 's2s_direct_tls_ports' : 's2s_ports')

function certificateChecks({ tls }: Examiner, host: string): readonly OwnCheck[] {
  const check = (ok: boolean, text: string): OwnCheck => ({ host, about: 'certificate', ok, text })
  const identity = tls.identity(host)
  if (identity === undefined) return [check(false, 'it has no certificate: other servers cannot encrypt, nor believe it')]
  const { leaf, certFile, chain } = identity
  const until = new Date(leaf.notAfterMs).toISOString().slice(0, 10)
  const leftMs = leaf.notAfterMs - systemClock.now()
  const named = nameFor(leaf.names, host) !== undefined
  const verdict = tls.judge(host, [host], chain)
  const days = Math.floor(leftMs / DAY_MS)
  return [
    check(named, named ? `${certFile} names it` : `${certFile} does not name it`),
    leftMs < 0
      ? check(false, `${certFile} has expired on ${until}`)
      : check(leftMs > SOON_MS, `${certFile} is good until ${until}${leftMs > SOON_MS ? '' : `, ${days} days from now`}`),
    ...(verdict === 'valid' || !named || leftMs < 0
      ? []
      : [check(false, `${certFile} is ${verdict} by the authorities that we trust ourselves`)]),
  ]
}
