import { networkInterfaces } from 'node:os'
import { CommandError } from '../admin/accounts.ts'
import { loadConfig } from '../config/load.ts'
import { type Examination, Examiner } from '../server/examine.ts'
import { hostOf, remoteOf } from '../server/explain.ts'
import { moduleFacts } from '../server/modules.ts'
import { checkOwn, type OwnCheck } from '../server/own-side.ts'
import { configFile, refuseErrors } from './config-file.ts'
import { EXIT, Failure, type Shell } from './shell.ts'
import type { Call } from './table.ts'

/**
 * `doctor`: looks at a remote domain as the server would, from this process and without one. Exit code 0 when it can be
 * reached under the policy; without a remote domain, when nothing is wrong with our own side.
 */
export async function run(call: Call): Promise<number> {
  const { args, shell, json } = call
  const config = await loadConfig({ path: configFile(call), env: shell.env, modules: moduleFacts() })
  refuseErrors(config, shell)
  const examiner = new Examiner(config)
  try {
    const remote = args.length === 0 ? undefined : remoteOf(args.at(-1)!)
    const local = hostOf(config, args.length > 1 ? args[0] : undefined)
    const hosts = remote === undefined ? config.hosts.map(({ domain }) => domain) : [local]
    const federated = hosts.filter((domain) => config.enabledModules(domain).has('s2s'))
    const machine = new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)))
    const own = (await Promise.all(federated.map((host) => checkOwn(examiner, host, machine)))).flat()
    const examination = remote === undefined ? undefined : await examiner.examine(local, remote)
    if (json) shell.out(JSON.stringify({ own, ...(examination && { remote: examination }) }, undefined, 2))
    else print(own, examination, shell)
    const ok = examination === undefined ? own.every((check) => check.ok) : examination.reachable
    return ok ? EXIT.done : EXIT.failed
  } catch (error) {
    if (error instanceof CommandError) throw new Failure(error.message)
    throw error
  } finally {
    examiner.dispose()
  }
}

function print(own: readonly OwnCheck[], examination: Examination | undefined, shell: Shell): void {
  shell.out('Our side:')
  for (const { host, ok, text } of own) shell.out(`  ${ok ? 'ok   ' : 'WRONG'} ${host}: ${text}`)
  if (own.length === 0) shell.out('  no host here talks to other servers')
  if (examination !== undefined) for (const line of examinationLines(examination)) shell.out(line)
}

function examinationLines(x: Examination): readonly string[] {
  return [
    '',
    `From ${x.local} to ${x.remote}:`,
    ...x.dns.map(({ name, type, tookMs, found, secure }) => {
      return `  ${name} ${type}: ${found.join('; ')} (${tookMs} ms${secure ? ', DNSSEC' : ''})`
    }),
    ...(x.lookupFailure === undefined ? [] : [`  nowhere to go: ${x.lookupFailure}`]),
    ...x.endpoints.flatMap(endpointLines),
    '',
    x.reachable ? `${x.remote} can be reached.` : `${x.remote} cannot be reached.`,
  ]
}

function endpointLines({ endpoint, stages, chain, failure, advice }: Examination['endpoints'][number]): readonly string[] {
  const { host, address, port, tls, tlsa } = endpoint
  return [
    '',
    `  ${host} (${address}, port ${port}, ${tls === 'direct' ? 'direct TLS' : 'STARTTLS'})`,
    ...(tlsa === undefined ? [] : [`    TLSA records that DNSSEC vouches for: ${tlsa.length}`]),
    ...stages.map(({ stage, tookMs, detail }) => `    ${stage}: ${detail} (${tookMs} ms)`),
    ...chain.flatMap(({ subject, issuer, names, expires, fingerprint, keyFingerprint }) => [
      `      ${subject || '(no subject)'}, issued by ${issuer}, until ${expires}`,
      ...(names === '' ? [] : [`        ${names}`]),
      `        certificate ${fingerprint}`,
      `        key ${keyFingerprint}`,
    ]),
    ...(failure === undefined ? [] : [`    FAILED at ${failure.stage}: ${failure.text}`]),
    ...(advice?.here === undefined ? [] : [`      here: ${advice.here}`]),
    ...(advice?.there === undefined ? [] : [`      there: ${advice.there}`]),
  ]
}
