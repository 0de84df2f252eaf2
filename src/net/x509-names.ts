import { asciiText, DerError, DerReader, type DerValue, oidText, readWhole, TAG, utf8Text } from './der.ts'
import { OID } from './oids.ts'

/** subjectAltName, read from DER and never from rendered text. A name whose bytes are not text is left out. */
export interface AltNames {
  /** dNSName, as written, a leading `*.` included. */
  readonly dns: readonly string[]
  /** SRVName (RFC 4985), e.g. `_xmpp-server.example.com`. */
  readonly srv: readonly string[]
  /** id-on-xmppAddr (RFC 6120 §13.7.1.4). */
  readonly xmpp: readonly string[]
  /** iPAddress, 4 or 16 octets. */
  readonly ip: readonly Uint8Array[]
  /** Forms that we do not read (e-mail, URI, …) are here by name form. */
  readonly otherForms: ReadonlySet<string>
}

export const NO_NAMES: AltNames = { dns: [], srv: [], xmpp: [], ip: [], otherForms: new Set() }

/** One subtree of nameConstraints; `form` says what kind of name it is about. */
export type Subtree =
  | { readonly form: 'dns' | 'srv' | 'xmpp'; readonly base: string }
  | { readonly form: 'ip'; readonly base: Uint8Array }
  | { readonly form: 'directory'; readonly base: Uint8Array }
  | { readonly form: 'other'; readonly name: string }

export interface NameConstraints {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

/** More names or subtrees than any certificate in use has. */
const MAX_NAMES = 1000

/** Reads the value of a subjectAltName extension. Throws DerError. */
export function readAltNames(bytes: Uint8Array): AltNames {
  const list = readWhole(bytes, TAG.sequence)
  const dns: string[] = []
  const srv: string[] = []
  const xmpp: string[] = []
  const ip: Uint8Array[] = []
  const otherForms = new Set<string>()
  for (let count = 0; !list.done; count++) {
    if (count >= MAX_NAMES) throw new DerError('too many names')
    const name = readName(list.next())
    if (name === undefined) continue
    if (name.form === 'dns') dns.push(name.base)
    else if (name.form === 'srv') srv.push(name.base)
    else if (name.form === 'xmpp') xmpp.push(name.base)
    else if (name.form === 'ip') ip.push(name.base)
    else otherForms.add(name.form === 'other' ? name.name : 'directory')
  }
  return { dns, srv, xmpp, ip, otherForms }
}

/** Reads the value of a nameConstraints extension (RFC 5280 §4.2.1.10). Throws DerError, also for a name it cannot read. */
export function readNameConstraints(bytes: Uint8Array): NameConstraints {
  const inner = readWhole(bytes, TAG.sequence)
  const permitted = readSubtrees(inner.optional(0xa0))
  const excluded = readSubtrees(inner.optional(0xa1))
  inner.end()
  return { permitted, excluded }
}

function readSubtrees(list: DerValue | undefined): Subtree[] {
  const subtrees: Subtree[] = []
  const reader = new DerReader(list?.content ?? new Uint8Array())
  while (!reader.done) {
    const one = reader.enter(TAG.sequence)
    const base = readName(one.next())
    one.end() // minimum 0 is not written in DER, and maximum must be absent
    if (base === undefined || subtrees.length >= MAX_NAMES) throw new DerError('unusable subtree')
    subtrees.push(base)
  }
  return subtrees
}

/** One GeneralName; undefined when it is of a form that we read but its bytes are not text. */
function readName(value: DerValue): Subtree | undefined {
  switch (value.tag) {
    case 0xa0:
      return readOtherName(value.content)
    case 0x82:
      return text('dns', () => asciiText(value.content))
    case 0xa4:
      return { form: 'directory', base: value.content }
    case 0x87:
      return { form: 'ip', base: value.content }
    default:
      return { form: 'other', name: String(value.tag) }
  }
}

function readOtherName(content: Uint8Array): Subtree | undefined {
  const reader = new DerReader(content)
  const type = oidText(reader.expect(TAG.oid).content)
  const value = new DerReader(reader.expect(0xa0).content)
  reader.end()
  if (type === OID.srvName) return text('srv', () => asciiText(value.expect(TAG.ia5).content))
  if (type === OID.xmppAddr) return text('xmpp', () => utf8Text(value.expect(TAG.utf8).content))
  return { form: 'other', name: type }
}

function text(form: 'dns' | 'srv' | 'xmpp', read: () => string): Subtree | undefined {
  try {
    return { form, base: read() }
  } catch (error) {
    if (error instanceof DerError) return undefined
    throw error
  }
}
