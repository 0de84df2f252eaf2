import { CLASS, SPACE } from './chars.ts'
import type { Element } from './element.ts'
import { StreamError } from './errors.ts'
import type { Budget } from './framer.ts'
import { ITEM, MORE } from './reader.ts'
import { Scanner } from './scan.ts'
import { buildTree } from './tree.ts'

/**
 * Parses a whole document that nobody vouches for, by the rules of a stream: restricted XML in UTF-8, within the
 * budget. Namespaces stay as they are written. What is wrong with it is returned, not thrown.
 */
export function parseDocument(document: Uint8Array | string, budget: Budget): Element | StreamError {
  const scanner = new Scanner(budget, true)
  scanner.feed(typeof document === 'string' ? Buffer.from(document) : document)
  const signal = scanner.next()
  if (signal === MORE) return new StreamError('not-well-formed', 'the document is not complete')
  if (signal !== ITEM) return scanner.error!
  const { buf, origin, pos, end } = scanner
  for (let p = pos; p < end; p++) {
    if ((CLASS[buf[p]!]! & SPACE) === 0) return new StreamError('not-well-formed', 'something follows the document')
  }
  return buildTree(buf, origin, pos, scanner.namespaces, 1, false)[0] as Element // an item is one element
}
