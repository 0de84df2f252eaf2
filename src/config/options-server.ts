import { resolve } from 'node:path'
import { either, fieldsOf, type Kind, listOf, mapOf, setOf } from './kind.ts'
import { address, contactUri, flag, oneOf, path, text } from './kinds.ts'
import { logRules } from './log-rules.ts'
import { optional, withDefault } from './option.ts'

const moduleName: Kind<string> = { ...text, says: 'the name of a module in quotes' }
const modules = listOf(moduleName)
const contacts = listOf(contactUri)

/** The process, its hosts, accounts and storage. */
export const SERVER_OPTIONS = {
  data_path: withDefault(path, (folder) => resolve(folder, 'data'), {
    where: 'global',
    help: 'The folder that holds all state.',
  }),
  pidfile: optional(path, { where: 'global', help: 'Where to write the id of the process.' }),
  admin_socket: optional(path, { where: 'global', help: 'The control socket; unset: in data_path.' }),
  run_as_root: withDefault(flag, false, { where: 'global', help: 'Silences the warning about running as root.' }),
  log: optional(logRules, { where: 'global', help: 'Where log lines go; unset: the console, from info on.' }),
  storage_synchronous: withDefault(oneOf('full', 'normal'), 'full', {
    where: 'global',
    help: '"full": what was answered survives a power cut. "normal": faster, the last moments may be lost.',
  }),

  enabled: withDefault(flag, true, { help: 'false: this host is not served.' }),
  modules_enabled: withDefault(modules, [], { help: 'Modules to run; a host adds to the global list.' }),
  modules_disabled: withDefault(modules, [], { help: 'Modules not to run, also those that run by themselves.' }),
  admins: withDefault(setOf(address), new Set(), { help: 'Addresses of the people who run the server or the host.' }),
  contact_info: optional(
    fieldsOf({
      abuse: contacts,
      admin: contacts,
      feedback: contacts,
      sales: contacts,
      security: contacts,
      status: contacts,
      support: contacts,
    }),
    { help: 'With the module server_contact_info: where people can be reached, by what for. Unset: admins.' },
  ),
  authentication: withDefault(text, 'internal_hashed', { help: 'Where accounts are: "internal_hashed" or "anonymous".' }),
  storage: withDefault(either(text, ['string'], mapOf(text)), 'internal', {
    help: 'Where data is kept: "internal" (in data_path) or "memory" (lost at the end).',
  }),
  default_storage: optional(text, { help: 'The storage of what a table in storage does not name.' }),
}
