import type { Node } from './element.ts'

/**
 * The tree of proven bytes (what stands inside a stanza, or one child of it), in inherited namespace `NS.client`.
 * Never for bytes that the framer has not accepted.
 */
export function parseFragment(_bytes: Uint8Array): readonly Node[] {
  throw new Error('to be built by the framer task')
}
