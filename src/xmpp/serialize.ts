import type { Element } from './element.ts'

const TEXT_SPECIAL = /[&<>\r]/g
const ATTR_SPECIAL = /[&<>'"\t\n\r]/g
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
const reference = (c: string): string => REFERENCES.get(c)!

/** Escapes character data so that parsing gives the same string back (a carriage return would become a line feed). */
export function escapeText(text: string): string {
  return text.replace(TEXT_SPECIAL, reference)
}

/** Escapes an attribute value; white space other than blanks would be normalised by a parser, so it is referenced. */
export function escapeAttr(value: string): string {
  return value.replace(ATTR_SPECIAL, reference)
}

/** Writes an element for a place where `inherited` is the default namespace; no prefixes but `xml` and what attributes need. */
export function serialize(element: Element, inherited: string): string {
  let out = `<${element.name}`
  if (element.ns !== inherited) out += ` xmlns='${escapeAttr(element.ns)}'`
  let prefixes = 0
  for (const [key, value] of element.attrs) {
    if (key.charCodeAt(0) !== 0x7b) {
      out += ` ${key}='${escapeAttr(value)}'`
      continue
    }
    const end = key.lastIndexOf('}')
    const prefix = `ns${prefixes++}`
    out += ` xmlns:${prefix}='${escapeAttr(key.slice(1, end))}' ${prefix}:${key.slice(end + 1)}='${escapeAttr(value)}'`
  }
  if (element.nodes.length === 0) return `${out}/>`
  out += '>'
  for (const node of element.nodes) out += typeof node === 'string' ? escapeText(node) : serialize(node, element.ns)
  return `${out}</${element.name}>`
}
