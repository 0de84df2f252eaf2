import { fieldsOf, type Kind, listOf, type ValueOf } from './kind.ts'
import { flag, oneOf, path, text, whole } from './kinds.ts'
import { LuaTable } from './lua-value.ts'
import type { Position } from './problem.ts'

const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
export type TlsVersion = (typeof VERSIONS)[number]

/** Which versions of TLS may be spoken; no `max` means the newest. */
export interface TlsVersions {
  readonly min: TlsVersion
  readonly max?: TlsVersion
}

const PROTOCOLS: readonly string[] = ['tlsv1', 'tlsv1_1', 'tlsv1_2', 'tlsv1_3']
const protocolWord = oneOf('tlsv1', 'tlsv1_1', 'tlsv1_2', 'tlsv1_3', 'tlsv1+', 'tlsv1_1+', 'tlsv1_2+', 'tlsv1_3+', 'sslv23')

/** LuaSec's names: `tlsv1_2` is that version alone, `tlsv1_2+` that and all newer ones, `sslv23` everything. */
const protocol: Kind<TlsVersions> = {
  says: protocolWord.says,
  read(given, reading) {
    const word = protocolWord.read(given, reading)
    if (word === undefined) return undefined
    if (word === 'sslv23') return { min: 'TLSv1' }
    const version = VERSIONS[PROTOCOLS.indexOf(word.replace('+', ''))]!
    return word.endsWith('+') ? { min: version } : { min: version, max: version }
  },
}

/** An OpenSSL list: text, or the words one by one. */
const colonList: Kind<string> = {
  says: 'text such as "HIGH:!aNULL", or a list of such words',
  read: (given, reading) => listOf(text).read(given, reading)?.join(':'),
}

/** Switches that LuaSec takes as one name, a list, or name = true. All but the `moot` ones have no effect, and that is told. */
function switches(moot: readonly string[], advice: string): Kind<readonly string[]> {
  return {
    says: 'a name, a list of names, or a table of name = true',
    read(given, reading) {
      const on: { readonly word: string; readonly at: Position }[] = []
      const { fields, items } = given.value instanceof LuaTable ? given.value : { fields: [], items: [given] }
      for (const [key, entry] of fields) {
        const value = flag.read(entry, reading)
        if (value === undefined) return undefined
        if (value) on.push({ word: String(key), at: entry.at })
      }
      for (const item of items) {
        const word = text.read(item, reading)
        if (word === undefined) return undefined
        on.push({ word, at: item.at })
      }
      for (const { word, at } of on)
        if (!moot.includes(word)) reading.warn(at, `${JSON.stringify(word)} has no effect here${advice}`)
      return on.map(({ word }) => word)
    },
  }
}

/** What a table of LuaSec options may hold; paths are absolute once read. */
export const tlsOptions = fieldsOf({
  key: path,
  certificate: path,
  /** For an encrypted key. */
  password: text,
  cafile: path,
  capath: path,
  protocol,
  ciphers: colonList,
  ciphersuites: colonList,
  curveslist: colonList,
  curve: text,
  dhparam: path,
  depth: whole(0, 100),
  verify: switches(['none', 'peer', 'client_once'], ': whom to trust is decided after the handshake; see s2s_secure_auth'),
  verifyext: switches(['lsec_continue', 'lsec_ignore_purpose'], ''),
  options: switches(
    [
      'all',
      'no_sslv2',
      'no_sslv3',
      'no_ticket',
      'no_compression',
      'no_renegotiation',
      'single_dh_use',
      'single_ecdh_use',
      'cipher_server_preference',
    ],
    '; versions are chosen with protocol = "tlsv1_2+"',
  ),
})

/** The TLS options of one table or of several merged ones. */
export type TlsOptions = ValueOf<typeof tlsOptions>
