import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IssueOptions } from '../../src/testing/certificate-authority.ts'
import { eventually } from '../helpers/eventually.ts'
import { Network, type ServerSetup } from '../helpers/network.ts'
import { bounceOf, type Heard, type TestClient } from '../helpers/test-client.ts'

/** What the server under test writes into its configuration about a remote domain. */
interface Policy {
  readonly secureAuth?: boolean
  readonly requireEncryption?: boolean
  readonly secure?: boolean
  readonly insecure?: boolean
}

const POLICIES: Readonly<Record<string, Policy>> = {
  default: {},
  s2s_secure_auth: { secureAuth: true },
  s2s_secure_domains: { secure: true },
  s2s_insecure_domains: { insecure: true },
  s2s_require_encryption: { requireEncryption: true },
  's2s_secure_auth, s2s_insecure_domains': { secureAuth: true, insecure: true },
  's2s_secure_auth, s2s_secure_domains': { secureAuth: true, secure: true },
  's2s_secure_auth, s2s_insecure_domains, s2s_require_encryption': { secureAuth: true, insecure: true, requireEncryption: true },
  'both lists': { secure: true, insecure: true },
  's2s_secure_auth, both lists': { secureAuth: true, secure: true, insecure: true },
}

/** What the remote shows, and the words for what is wrong with it. `TLS without`: it dials with TLS and offers none. */
const REMOTES = {
  valid: '',
  'self-signed': 'is self-signed',
  'wrong-name': 'is not valid for this name',
  expired: 'has expired',
  'no-certificate': 'could not be validated, as none was presented',
  'no-tls': '',
} as const
type Remote = keyof typeof REMOTES

const PREFIX = 'wait/remote-server-timeout: Server-to-server connection failed: '

/**
 * The mission page in one function: `external`, `dialback`, or what the sender of the message reads. A domain in both
 * lists under `s2s_secure_auth` is a contradiction: no certificate is demanded, plain text is refused.
 */
function expected(p: Policy, remote: Remote, direction: 'in' | 'out'): string {
  const certificate = p.secureAuth === true ? p.insecure !== true : p.secure === true
  const encryption = certificate || p.requireEncryption === true || p.secure === true
  const plain = remote === 'no-tls' || (remote === 'no-certificate' && direction === 'out')
  if (plain && encryption) {
    if (direction === 'out') return `${PREFIX}The remote server refused to start TLS`
    return `${PREFIX}The remote server requires encryption, which is switched off here`
  }
  if (plain) return 'dialback'
  if (remote !== 'valid' && certificate) {
    const fault = REMOTES[remote]
    if (direction === 'out') return `${PREFIX}Remote server's certificate ${fault}`
    return `${PREFIX}The remote server closed the stream: not-authorized (Your server's certificate ${fault})`
  }
  // our own certificate is good, so the remote lets us use it
  if (direction === 'out' || remote === 'valid') return 'external'
  // its key can only be verified over a connection that its own lack of TLS forbids
  if (remote === 'no-certificate' && encryption)
    return `${PREFIX}The remote server could not verify our domain by dialback: remote-server-timeout`
  return 'dialback'
}

/** A configuration names its certificate, since the folder is searched for one that is good. */
function remoteSetup(remote: Remote, domain: string): ServerSetup {
  const day = 86_400_000
  const certificates: Partial<Record<Remote, ServerSetup['certificate']>> = {
    'self-signed': 'self-signed',
    'wrong-name': { dns: ['another.example'] },
    expired: { dns: [domain], notBefore: Date.now() - 20 * day, notAfter: Date.now() - 10 * day } satisfies IssueOptions,
    'no-certificate': 'none',
    'no-tls': 'none',
  }
  const named = remote === 'wrong-name' || remote === 'expired'
  return {
    users: ['juliet'],
    certificate: certificates[remote] ?? 'ca',
    modules: remote === 'no-tls' ? ['saslauth', 'dialback', 'ping'] : ['tls', 'saslauth', 'dialback', 'ping'],
    global: 'c2s_require_encryption = false; allow_unencrypted_plain_auth = true',
    host: named ? `ssl = { certificate = "certs/${domain}.crt"; key = "certs/${domain}.key" }` : '',
  }
}

const lua = (p: Policy, domain: string): string => `s2s_secure_auth = ${p.secureAuth === true}
${p.requireEncryption === undefined ? '' : 's2s_require_encryption = true'}
${p.secure === true ? `s2s_secure_domains = { "${domain}" }` : ''}
${p.insecure === true ? `s2s_insecure_domains = { "${domain}" }` : ''}`

describe('the policy matrix between two servers', () => {
  let network: Network
  const juliets = new Map<Remote, TestClient>()
  before(async () => {
    network = await Network.create()
    for (const remote of Object.keys(REMOTES) as Remote[]) {
      // keys of an object are typed as string
      await network.server(`${remote}.example`, remoteSetup(remote, `${remote}.example`))
      juliets.set(remote, await network.client(`juliet@${remote}.example`))
    }
  })
  after(() => network[Symbol.asyncDispose]())

  const isMessage = (h: Heard) => (h.kind === 'element' && h.element.name === 'message' ? [h.element] : [])

  /** One message from one to the other: which way our stream was authenticated, or what comes back. */
  const exchange = async (server: string, direction: 'in' | 'out', from: TestClient, to: TestClient): Promise<string> => {
    const count = (via: string): number =>
      network.servers
        .get(server)!
        .metrics()
        .get(`entente_s2s_authenticated_total{direction="${direction}",mechanism="${via}"}`) ?? 0
    const before = { external: count('external'), dialback: count('dialback') }
    from.send(`<message to='${to.jid}' type='chat'><body>hello</body></message>`)
    let outcome: string | undefined
    await eventually('an outcome', () => {
      const back = from.take().flatMap(isMessage)[0]
      if (back !== undefined) outcome = bounceOf(back)
      if (to.take().flatMap(isMessage).length > 0)
        outcome =
          count('external') > before.external ? 'external' : count('dialback') > before.dialback ? 'dialback' : 'unauthenticated'
      return outcome !== undefined
    })
    return outcome!
  }

  let count = 0
  for (const [name, policy] of Object.entries(POLICIES)) {
    test(name, async (t) => {
      const outcomes: string[] = []
      const oracle: string[] = []
      for (const remote of Object.keys(REMOTES) as Remote[]) {
        // keys of an object are typed as string
        const domain = `a${++count}.example`
        const server = await network.server(domain, { users: ['romeo'], global: lua(policy, `${remote}.example`) })
        const romeo = await network.client(`romeo@${domain}`)
        const juliet = juliets.get(remote)!
        for (const direction of ['out', 'in'] as const) {
          const [from, to] = direction === 'out' ? [romeo, juliet] : [juliet, romeo]
          outcomes.push(`${remote} ${direction}: ${await exchange(domain, direction, from, to)}`)
          oracle.push(`${remote} ${direction}: ${expected(policy, remote, direction)}`)
        }
        romeo.destroy()
        await server.stop()
      }
      assert.deepEqual(outcomes, oracle)
      t.diagnostic(`${outcomes.length} exchanges`)
    })
  }
})
