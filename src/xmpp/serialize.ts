import type { Element } from './element.ts'
import { NS } from './ns.ts'

// Besides what has a reference: what XML cannot carry at all (control characters, lone surrogates, U+FFFE, U+FFFF).
const TEXT_SPECIAL = /[&<>\r]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu
const ATTR_SPECIAL = /[&<>'"\t\n\r]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu
const REFERENCES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ["'", '&apos;'],
  ['"', '&quot;'],
  ['\t', '&#9;'],
  ['\n', '&#10;'],
  ['\r', '&#13;'],
])
const reference = (c: string): string => REFERENCES.get(c) ?? '\ufffd'

/**
 * Escapes character data so that parsing gives the same string back (a carriage return would become a line feed).
 * A character that XML has no way to write becomes U+FFFD: nobody's stream breaks for it.
 */
export function escapeText(text: string): string {
  return text.replace(TEXT_SPECIAL, reference)
}

/** Escapes an attribute value; white space other than blanks would be normalised by a parser, so it is referenced. */
export function escapeAttr(value: string): string {
  return value.replace(ATTR_SPECIAL, reference)
}

/** Writes attributes, each with a blank before it; a key `{uri}name` gets a prefix and its declaration. */
export function writeAttrs(attrs: Iterable<readonly [string, string]>): string {
  let out = ''
  let prefixes = 0
  for (const [key, value] of attrs) {
    if (key.charCodeAt(0) !== 0x7b) {
      out += ` ${key}='${escapeAttr(value)}'`
      continue
    }
    const end = key.lastIndexOf('}')
    const prefix = `ns${prefixes++}`
    out += ` xmlns:${prefix}='${escapeAttr(key.slice(1, end))}' ${prefix}:${key.slice(end + 1)}='${escapeAttr(value)}'`
  }
  return out
}

/** Writes an element for a place where `inherited` is the default namespace; no prefixes but `xml` and what attributes need. */
export function serialize(element: Element, inherited: string): string {
  const { ns, nodes } = element
  const xml = ns === NS.xml // it cannot be a default namespace
  const name = xml ? `xml:${element.name}` : element.name
  let out = `<${name}`
  if (ns !== inherited && !xml) out += ` xmlns='${escapeAttr(ns)}'`
  out += writeAttrs(element.attrs)
  if (nodes.length === 0) return `${out}/>`
  out += '>'
  for (const node of nodes) out += typeof node === 'string' ? escapeText(node) : serialize(node, xml ? inherited : ns)
  return `${out}</${name}>`
}
