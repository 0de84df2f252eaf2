import { AUTOLOADED } from '../../src/config/modules.ts'
import type { ModuleDeclaration } from '../../src/core/module.ts'
import { MODULES } from '../../src/server/modules.ts'
import { code, table } from './table.ts'

type Protocol = NonNullable<ModuleDeclaration['implements']>[number]

/** What is done below the modules: the streams themselves. `by`: the name in modules_enabled that switches it. */
const STREAMS: readonly { readonly by: string; readonly does: string; readonly protocols: readonly Protocol[] }[] = [
  {
    by: 'c2s',
    does: 'Streams of clients, on a port for STARTTLS and on one for TLS at once.',
    protocols: [{ rfc: 6120 }, { xep: 368 }],
  },
  {
    by: 's2s',
    does: 'Streams of servers, the same way; SRV look-up; limits told to the other side, and its own honoured.',
    protocols: [{ rfc: 6120 }, { rfc: 2782 }, { rfc: 8305 }, { xep: 368 }, { xep: 478 }],
  },
  { by: 's2s_auth_certs', does: 'Judges the certificates of servers.', protocols: [{ rfc: 5280 }, { rfc: 9525 }, { xep: 178 }] },
  { by: 'tls', does: 'STARTTLS, TLS 1.2 and 1.3.', protocols: [{ rfc: 6120 }, { rfc: 7590 }, { rfc: 9325 }] },
  {
    by: 'saslauth',
    does: 'SCRAM-SHA-256(-PLUS), SCRAM-SHA-1(-PLUS), PLAIN, ANONYMOUS for clients; EXTERNAL for servers.',
    protocols: [
      { rfc: 5802 },
      { rfc: 7677 },
      { rfc: 4616 },
      { rfc: 4505 },
      { rfc: 5929 },
      { rfc: 9266 },
      { xep: 175 },
      { xep: 440 },
    ],
  },
  {
    by: 'dialback',
    does: 'Knows a server by its DNS: all three roles, errors included.',
    protocols: [{ xep: 220 }, { xep: 185 }],
  },
  {
    by: 'smacks',
    does: 'Acknowledges stanzas between servers and resumes their broken streams.',
    protocols: [{ xep: 198 }],
  },
  { by: 's2s_bidi', does: 'Carries stanzas both ways on one stream between servers.', protocols: [{ xep: 288 }] },
]

const ALWAYS: readonly (readonly [string, string])[] = [
  ['RFC 7622, RFC 8264, RFC 8265, RFC 5891', 'addresses: preparation, comparison, internationalised domains'],
  ['RFC 6120 §11', 'the restricted XML of streams, checked byte by byte'],
  ['RFC 6121 §8.5', 'where a stanza for an account goes'],
]

/** Which protocols are spoken, by what the modules say of themselves. */
export function protocolsPage(): string {
  const modules = [...MODULES]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((m) => [code(m.name), m.summary, shown(m.implements ?? []), AUTOLOADED.includes(m.name) ? 'yes' : 'when listed'])
  const streams = STREAMS.map((s) => [code(s.by), s.does, shown(s.protocols), AUTOLOADED.includes(s.by) ? 'yes' : 'when listed'])
  return `# Protocols

What this version speaks. A name in the first column is what \`modules_enabled\` and \`modules_disabled\` call it; "yes" means
that it runs on every host unless it is disabled. What is not here is not there yet: see [the list in README](../README.md#what-works-and-what-does-not-yet).

## Streams

${table(['name', 'what it does', 'protocols', 'runs by itself'], streams)}
## Modules

${table(['name', 'what it does', 'protocols', 'runs by itself'], modules)}
## Always

${table(['protocol', 'what for'], ALWAYS)}`
}

function shown(protocols: readonly Protocol[]): string {
  return protocols
    .map(({ xep, rfc, version }) => {
      if (rfc !== undefined) return `[RFC ${rfc}](https://www.rfc-editor.org/rfc/rfc${rfc})`
      const number = String(xep).padStart(4, '0')
      return `[XEP-${number}](https://xmpp.org/extensions/xep-${number}.html)${version === undefined ? '' : ` (${version})`}`
    })
    .join(', ')
}
