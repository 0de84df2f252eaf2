import { decodeBase64 } from './base64.ts'

/** RFC 5802 §7: what the client says about channel binding. */
export type BindingFlag =
  | { readonly flag: 'n' } // it cannot
  | { readonly flag: 'y' } // it could, but believes that we cannot
  | { readonly flag: 'p'; readonly name: string }

export interface ClientFirst {
  readonly binding: BindingFlag
  readonly authzid: string
  readonly username: string
  readonly nonce: string
  /** The gs2 header and the rest, as they were sent: both are hashed. */
  readonly gs2Header: string
  readonly bare: string
}

export interface ClientFinal {
  readonly channelBinding: Uint8Array
  readonly nonce: string
  readonly proof: Uint8Array
  /** Everything before `,p=`. */
  readonly withoutProof: string
}

/** printable of RFC 5802 §7: ASCII from `!` to `~` without the comma. */
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/

/** A saslname: `=2C` is a comma, `=3D` an equals sign; any other `=` is an error. undefined also for an empty one. */
function decodeName(text: string): string | undefined {
  let name = ''
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '=') {
      name += text[i]
      continue
    }
    const code = text.slice(i + 1, i + 3)
    if (code !== '2C' && code !== '3D') return undefined
    name += code === '2C' ? ',' : '='
    i += 2
  }
  return name === '' ? undefined : name
}

function parseFlag(text: string): BindingFlag | undefined {
  if (text === 'n' || text === 'y') return { flag: text }
  return text.startsWith('p=') && /^[A-Za-z0-9.-]+$/.test(text.slice(2)) ? { flag: 'p', name: text.slice(2) } : undefined
}

/** `ext=value` parts are allowed and mean nothing to us; `m=` demands an extension that we do not have (§5.1). */
const harmless = (part: string): boolean => /^[A-Za-ln-z]=./.test(part)

export function parseClientFirst(message: string): ClientFirst | undefined {
  const [flag, authz, user, nonce, ...extensions] = message.split(',')
  if (flag === undefined || authz === undefined || user === undefined || nonce === undefined) return undefined
  const binding = parseFlag(flag)
  const authzid = authz === '' ? '' : authz.startsWith('a=') ? decodeName(authz.slice(2)) : undefined
  const username = user.startsWith('n=') ? decodeName(user.slice(2)) : undefined
  if (binding === undefined || authzid === undefined || username === undefined) return undefined
  if (!nonce.startsWith('r=') || !NONCE.test(nonce.slice(2)) || !extensions.every(harmless)) return undefined
  const gs2Header = `${flag},${authz},`
  return { binding, authzid, username, nonce: nonce.slice(2), gs2Header, bare: message.slice(gs2Header.length) }
}

export function parseClientFinal(message: string): ClientFinal | undefined {
  const [binding, nonce, ...rest] = message.split(',')
  const proofText = rest.pop()
  if (binding === undefined || nonce === undefined || proofText === undefined) return undefined
  if (!binding.startsWith('c=') || !nonce.startsWith('r=') || !proofText.startsWith('p=')) return undefined
  const channelBinding = decodeBase64(binding.slice(2))
  const proof = decodeBase64(proofText.slice(2))
  if (channelBinding === undefined || proof === undefined || !rest.every(harmless)) return undefined
  return { channelBinding, nonce: nonce.slice(2), proof, withoutProof: message.slice(0, -proofText.length - 1) }
}
