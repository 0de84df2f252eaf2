import type { Node } from './element.ts'
import { Namespaces } from './namespaces.ts'
import { NS } from './ns.ts'
import { buildTree } from './tree.ts'

/**
 * The tree of proven bytes (what stands inside a stanza, or one child of it), in inherited namespace `NS.client`.
 * Never for bytes that the framer has not accepted.
 */
export function parseFragment(bytes: Uint8Array): readonly Node[] {
  return buildTree(bytes, 0, bytes.length, new Namespaces(NS.client), 0, true)
}
