import { Config, type Held, type Host, type IdleHost } from './config.ts'
import type { Section, Setting } from './document.ts'
import { Reading } from './kind.ts'
import { toText } from './lua-value.ts'
import { componentWarning, type ModuleFacts, moduleWarning } from './modules.ts'
import { encryptionNotice } from './notice.ts'
import type { Option } from './option.ts'
import { OPTION_BY_NAME } from './options.ts'
import { OTHER_OPTIONS, otherOption } from './other-options.ts'
import { formatPosition, type Position, type Problems } from './problem.ts'
import { refusal } from './provider.ts'
import type { Reader } from './reader.ts'
import { didYouMean } from './suggest.ts'

type Ours = ReadonlyMap<string, ModuleFacts>

/** Turns what a file says into a {@link Config}: every option is read by its kind, every host and module is looked at. */
export function check(reader: Reader, path: string, folder: string, ours: Ours): Config {
  const { document, problems } = reader
  const values = new Map<string, ReadonlyMap<string, Held>>()
  for (const section of [document.global, ...document.sections])
    values.set(section.domain, readSection(section, folder, problems, ours))
  const hosts: Host[] = []
  const idle: IdleHost[] = []
  for (const section of document.sections) {
    const host = {
      kind: section.kind as Host['kind'],
      domain: section.domain,
      module: section.module || undefined,
      at: section.at,
    }
    const reason = idleReason(section, values, problems, ours)
    if (reason === undefined) hosts.push(host)
    else idle.push({ ...host, reason })
  }
  const start: Position = { file: path, line: 1, column: 1 }
  const parts = { path, folder, files: reader.files, hosts, idle, values, modules: new Set(ours.keys()) }
  if (!reader.incomplete) needsHost(hosts, idle, problems, start)
  encryptionNotice(new Config({ ...parts, problems: [] }), problems, start)
  return new Config({ ...parts, problems: problems.sorted(reader.files) })
}

function readSection(section: Section, folder: string, problems: Problems, ours: Ours): ReadonlyMap<string, Held> {
  const held = new Map<string, Held>()
  for (const setting of section.settings.values()) {
    const value = readSetting(setting, section, folder, problems)
    if (value !== undefined) held.set(setting.name, { value, at: setting.at })
  }
  for (const name of ['modules_enabled', 'modules_disabled']) {
    const setting = section.settings.get(name)
    if (setting !== undefined && held.has(name)) warnOfModules(setting, problems, ours)
  }
  return held
}

function readSetting(setting: Setting, section: Section, folder: string, problems: Problems): unknown {
  const option = OPTION_BY_NAME.get(setting.name)
  if (option === undefined) return warnOfOption(setting, problems)
  const misplaced = misplacement(setting.name, option, section)
  if (misplaced !== undefined) {
    problems.warn(setting.at, misplaced)
    return undefined
  }
  const value = option.kind.read({ value: setting.value, at: setting.valueAt }, new Reading(setting.name, folder, problems))
  if (option.status === 'later') problems.warn(setting.at, otherOption(setting.name) ?? notYet(setting.name))
  return value
}

function notYet(name: string): string {
  return `${name} is an option of Prosody that Entente does not have yet; it has no effect`
}

function misplacement(name: string, option: Option<unknown>, section: Section): string | undefined {
  if (option.where !== 'global' || section.kind === 'global') return undefined
  return `${name} counts in the global section only and has no effect under ${section.domain}: move it above the first VirtualHost`
}

function warnOfOption(setting: Setting, problems: Problems): undefined {
  const name = toText(setting.name) ?? setting.name
  const known = otherOption(name)
  const meant = didYouMean(name, [...OPTION_BY_NAME.keys(), ...OTHER_OPTIONS])
  problems.warn(setting.at, known ?? `nobody here knows the option ${name}${meant}; it has no effect`)
  return undefined
}

function warnOfModules(setting: Setting, problems: Problems, ours: Ours): void {
  const items = typeof setting.value === 'object' && 'items' in setting.value ? setting.value.items : []
  const entries = items.length === 0 ? [{ value: setting.value, at: setting.valueAt }] : items
  for (const entry of entries) {
    const warning = typeof entry.value === 'string' ? moduleWarning(toText(entry.value) ?? entry.value, ours) : undefined
    // disabling what is not there anyway is what was asked for; only a name that nobody knows is worth a word
    if (warning !== undefined && (setting.name === 'modules_enabled' || warning.startsWith('there is no')))
      problems.warn(entry.at, warning)
  }
}

/** Why a host is not served, after telling it. A host that is switched off in the file is nobody's mistake. */
function idleReason(
  section: Section,
  values: ReadonlyMap<string, ReadonlyMap<string, Held>>,
  problems: Problems,
  ours: Ours,
): string | undefined {
  const held = (name: string): Held | undefined => values.get(section.domain)?.get(name) ?? values.get('')?.get(name)
  if (held('enabled')?.value === false) return 'it is disabled (enabled = false)'
  const component = section.kind === 'component' ? componentWarning(section.domain, section.module, ours) : undefined
  if (component !== undefined) {
    problems.warn(section.moduleAt, component)
    return component
  }
  const refused = refusal(section, held)
  for (const { at, message } of refused) problems.error(at ?? section.at, message)
  return refused[0]?.message
}

function needsHost(hosts: readonly Host[], idle: readonly IdleHost[], problems: Problems, start: Position): void {
  if (hosts.some((host) => host.kind === 'virtual')) return
  const off = idle.filter((host) => host.kind === 'virtual')
  const list = off.map((host) => `${host.domain} (${formatPosition(host.at)})`).join(', ')
  if (list !== '') problems.error(start, `no VirtualHost can be served: ${list}`)
  else problems.error(start, 'there is no VirtualHost: add a line such as VirtualHost "example.com"')
}
