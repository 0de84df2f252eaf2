import type { Evidence, Handshake, Outcome } from '../core/evidence.ts'
import type { Shown } from '../core/trust-memory.ts'
import { CommandError } from './accounts.ts'
import type { Command, Outcome as CommandOutcome } from './commands.ts'

/** What is demanded of a remote domain, each part with the rule that says so. */
export interface Demand {
  readonly what: 'action' | 'encryption' | 'proofs'
  readonly value: string
  readonly rule: string
}

/** What would become of a stream, or has become of the last one. */
export interface VerdictLine {
  readonly direction: 'in' | 'out'
  /** On what the verdict is given: `a valid certificate`, …, or `last seen`. */
  readonly facts: string
  readonly allow: boolean
  /** The ways that are open: external, dialback. */
  readonly via: readonly string[]
  /** Of a refusal: the enumerated reason, in words, the rule behind it, and what each operator can do. */
  readonly because?: string
  readonly text?: string
  readonly rule?: string
  readonly here?: string
  readonly there?: string
}

/** Everything that decides about one pair of domains, and what the server has seen of the remote one. */
export interface Explanation {
  readonly local: string
  readonly remote: string
  /** `configuration`: no server runs, so that nothing was seen. */
  readonly from: 'server' | 'configuration'
  readonly demands: readonly Demand[]
  readonly verdicts: readonly VerdictLine[]
  readonly evidence: Evidence | undefined
  readonly shown: Shown | undefined
  /** What happens when the domain shows less than before. */
  readonly downgrades: 'warn' | 'refuse'
}

export interface Explainer {
  /** @throws {CommandError} for names that are none, and hosts that are not ours */
  explain(local: string | undefined, remote: string): Explanation
  /** Whether something was known about the domain. @throws {CommandError} */
  forget(remote: string): boolean
}

const REMOTE = { name: 'REMOTE', help: 'the remote domain, such as example.org' }

export const explainCommands: readonly Command<Explainer>[] = [
  {
    name: 'explain',
    summary: 'Tells what is demanded of a remote domain, what was seen of it, and what comes of that.',
    parameters: [{ name: 'HOST', help: 'one of our hosts; the first one when it is left out', optional: true }, REMOTE],
    run: (server, args) =>
      outcome(() => {
        const explanation = server.explain(args.length > 1 ? args[0] : undefined, args.at(-1)!)
        return { ok: true, lines: explanationLines(explanation), data: explanation }
      }),
  },
  {
    name: 'forget',
    summary: 'Forgets what a remote domain has shown, so that it may show less from now on.',
    parameters: [REMOTE],
    run: (server, [remote]) =>
      outcome(() =>
        server.forget(remote!)
          ? { ok: true, lines: [`What ${remote} has shown is forgotten.`] }
          : { ok: false, lines: [`Nothing is known about ${remote}.`] },
      ),
  },
]

async function outcome(run: () => CommandOutcome): Promise<CommandOutcome> {
  try {
    return run()
  } catch (error) {
    if (error instanceof CommandError) return { ok: false, lines: [error.message] }
    throw error
  }
}

/** An explanation for people. */
export function explanationLines(e: Explanation): readonly string[] {
  return [
    `${e.local} and ${e.remote}`,
    '',
    'What is demanded:',
    ...e.demands.map(({ what, value, rule }) => `  ${what}: ${value}  [${rule}]`),
    ...trustLines(e),
    '',
    ...verdictLines(e, 'in', `When ${e.remote} connects to us:`),
    ...verdictLines(e, 'out', `When we connect to ${e.remote}:`),
    '',
    ...evidenceLines(e),
  ]
}

function trustLines({ shown, downgrades, from }: Explanation): readonly string[] {
  if (from === 'configuration') return []
  if (shown === undefined) return ['  shown before: nothing that is remembered']
  const then = downgrades === 'refuse' ? 'less is refused' : 'less is logged'
  return [`  shown before: ${shown.best}, since ${time(shown.sinceMs)}; ${then}  [s2s_downgrade_policy]`]
}

function verdictLines({ verdicts }: Explanation, direction: 'in' | 'out', title: string): readonly string[] {
  const lines = verdicts.filter((v) => v.direction === direction)
  return [title, ...lines.flatMap(verdictText)]
}

function verdictText(v: VerdictLine): readonly string[] {
  if (v.allow) return [`  ${v.facts}: accepted (${v.via.join(' or ')})`]
  const rule = v.rule === undefined ? '' : `  [${v.rule}]`
  const advice = (who: string, what: string | undefined) => (what === undefined ? [] : [`      ${who}: ${what}`])
  return [`  ${v.facts}: refused, ${v.because}: ${v.text}${rule}`, ...advice('here', v.here), ...advice('there', v.there)]
}

function evidenceLines({ evidence, from }: Explanation): readonly string[] {
  if (from === 'configuration') return ['No server is running: nothing was seen of it.']
  if (evidence === undefined) return ['Nothing was seen of it since the server started.']
  const { lookup, failedEndpoints, handshakes, outcomes } = evidence
  return [
    'What was seen:',
    ...(lookup === undefined
      ? []
      : [`  ${time(lookup.atMs)} DNS, ${lookup.tookMs} ms${lookup.failure ? `: ${lookup.failure}` : ''}`]),
    ...(lookup?.endpoints ?? []).map((p) => {
      const secure = p.secure ? 'DNSSEC' : 'not secured by DNSSEC'
      return `    ${p.host} (${p.address}, port ${p.port}, ${p.tls === 'direct' ? 'direct TLS' : 'STARTTLS'}), ${secure}`
    }),
    ...failedEndpoints.map((f) => `  ${time(f.atMs)} ${f.endpoint}: ${f.stage}: ${f.why}`),
    ...handshakeLines('out', handshakes.out),
    ...outcomeLines('out', outcomes.out),
    ...handshakeLines('in', handshakes.in),
    ...outcomeLines('in', outcomes.in),
  ]
}

const WAY = { in: 'they to us', out: 'we to them' } as const

function handshakeLines(direction: 'in' | 'out', h: Handshake | undefined): readonly string[] {
  if (h === undefined) return []
  const proof = h.proof === undefined ? '' : ` (${h.proof})`
  return [
    `  ${time(h.atMs)} ${WAY[direction]}: ${h.tls}, ${h.cipher}; certificate for ${h.local}: ${h.certificate}${proof}`,
    ...h.chain.flatMap(({ subject, issuer, names, expires, fingerprint, keyFingerprint }) => [
      `    ${subject || '(no subject)'}, issued by ${issuer}, until ${expires}`,
      ...(names === '' ? [] : [`      ${names}`]),
      `      certificate ${fingerprint}`,
      `      key ${keyFingerprint}`,
    ]),
  ]
}

function outcomeLines(direction: 'in' | 'out', o: Outcome | undefined): readonly string[] {
  if (o === undefined) return []
  const how = o.result === 'authenticated' ? ` by ${o.via}` : `, ${o.because}: ${o.text}`
  return [`  ${time(o.atMs)} ${WAY[direction]}: ${o.result}${how}`]
}

const time = (ms: number): string => new Date(ms).toISOString()
