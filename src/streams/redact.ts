import { Element, type Node } from '../xmpp/element.ts'
import { NS } from '../xmpp/ns.ts'

const SECRET = '[secret]'
/** Names of elements whose text proves who somebody is, wherever they stand. */
const SECRET_NAMES: ReadonlySet<string> = new Set(['password', 'digest'])
const SASL_SECRETS: ReadonlySet<string> = new Set([
  'auth',
  'authenticate',
  'challenge',
  'response',
  'success',
  'initial-response',
  'additional-data',
])
const SASL2 = 'urn:xmpp:sasl:2'

/** A first-level element as an operator may see it: without what proves who somebody is. */
export function redactElement(element: Element): Element {
  const hides = isSecret(element)
  const nodes = element.nodes.map((node) => (typeof node !== 'string' ? redactElement(node) : hides ? SECRET : node))
  return new Element(element.name, element.ns, redactAttrs(element), nodes)
}

function isSecret({ name, ns }: Element): boolean {
  if (ns === NS.dialback || SECRET_NAMES.has(name)) return true
  return (ns === NS.sasl || ns === SASL2) && SASL_SECRETS.has(name)
}

/** Whoever knows the id of a resumable stream may take it over (XEP-0198 §9). */
function redactAttrs({ ns, attrs }: Element): ReadonlyMap<string, string> {
  if (ns !== NS.sm) return attrs
  return new Map([...attrs].map(([key, value]) => [key, key === 'id' || key === 'previd' ? SECRET : value]))
}

/**
 * A stanza as an operator may see it. Without `bodies` no words of people are in it: each text becomes the number of its
 * characters, except in errors, which are written for operators.
 */
export function redactStanza(stanza: Element, bodies: boolean): Element {
  const { nodes } = redactElement(stanza)
  return stanza.withNodes(bodies ? nodes : nodes.map(withoutWords))
}

function withoutWords(node: Node): Node {
  if (typeof node === 'string') return node.trim() === '' || node === SECRET ? node : `[${node.length} characters]`
  return node.is('error', NS.client) ? node : node.withNodes(node.nodes.map(withoutWords))
}

/** In what our own machines write: elements of SASL, dialback and stream management, with any prefix. */
const SECRET_TEXTS =
  /(<(?:db:)?(?:auth|authenticate|challenge|response|success|initial-response|additional-data|result|verify)(?:\s[^<>]*)?>)[^<]+/g
const SECRET_ATTRS = /(<(?:enabled|resume|resumed)\s(?:[^<>]*\s)?(?:id|previd)=)'[^'<>]*'/g

/** XML that a machine of ours has written, without its secrets. What it writes has no `<` or `>` inside attributes. */
export function redactText(xml: string): string {
  return xml.replace(SECRET_TEXTS, `$1${SECRET}`).replace(SECRET_ATTRS, `$1'${SECRET}'`)
}
