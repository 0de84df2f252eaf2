/**
 * Strict base64 (RFC 4648 §3, §4; RFC 6120 §13.9.1): only the alphabet, padding only at the end, its spare bits zero.
 * undefined for anything else, where a lenient decoder would skip characters.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
