/** Base64 with a label around it (RFC 7468). */

/** The DER of every block with this label, in order. What stands between blocks, and blocks that are cut, are passed over. */
export function pemBlocks(text: string, label: string): Uint8Array[] {
  const begin = `-----BEGIN ${label}-----`
  const end = `-----END ${label}-----`
  const blocks: Uint8Array[] = []
  let at = text.indexOf(begin)
  while (at !== -1) {
    const stop = text.indexOf(end, at)
    if (stop === -1) break
    blocks.push(Buffer.from(text.slice(at + begin.length, stop), 'base64'))
    at = text.indexOf(begin, stop)
  }
  return blocks
}

/** One block, lines of 64. */
export function pemOf(der: Uint8Array, label: string): string {
  const lines =
    Buffer.from(der.buffer, der.byteOffset, der.length)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
