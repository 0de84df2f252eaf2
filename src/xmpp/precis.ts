import { followsBidiRule, followsContextRules } from './context-rules.ts'
import { precisClassOf } from './unicode.ts'

/** RFC 8264 §7: when the rules are still changing a string after this many rounds, it is refused. */
const MAX_ROUNDS = 4

/**
 * The enforced form under UsernameCaseMapped (RFC 8265 §3.3): half and full width mapped, lower case, NFC,
 * IdentifierClass, bidi rule. Undefined when refused or empty. The caller bounds the length.
 */
export function enforceUsername(text: string): string | undefined {
  const ascii = asciiKind(text, 0x21)
  if (ascii === 'refused') return undefined
  if (ascii === 'plain') return text.toLowerCase()
  return untilStable(text, mapUsername)
}

/**
 * The enforced form under OpaqueString (RFC 8265 §4.2): every space becomes U+0020, NFC, FreeformClass; case and width stay.
 * Undefined when refused or empty. The caller bounds the length.
 */
export function enforceOpaque(text: string): string | undefined {
  const ascii = asciiKind(text, 0x20)
  if (ascii === 'refused') return undefined
  if (ascii === 'plain') return text
  return untilStable(text, mapOpaque)
}

/** Whether a string is of IdentifierClass, each code point at the place where it stands too (RFC 8264 §4.2). */
export function isIdentifier(points: readonly number[]): boolean {
  return points.every((cp) => 'PJO'.includes(precisClassOf(cp))) && followsContextRules(points)
}

export function codePointsOf(text: string): number[] {
  return Array.from(text, (char) => char.codePointAt(0)!)
}

/** Most addresses are ASCII: one pass decides about them without tables. */
function asciiKind(text: string, lowest: number): 'plain' | 'refused' | 'international' {
  if (text === '') return 'refused'
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7e) return unit === 0x7f ? 'refused' : 'international'
    if (unit < lowest) return 'refused'
  }
  return 'plain'
}

/** Enforcement must be idempotent, else one account could have two spellings. */
function untilStable(text: string, round: (text: string) => string | undefined): string | undefined {
  for (let rounds = 0; rounds < MAX_ROUNDS; rounds++) {
    const next = round(text)
    if (next === undefined || next === text) return next
    text = next
  }
  return undefined
}

function mapUsername(text: string): string | undefined {
  const narrow = mapWidth(text)
  // RFC 8265 §3.3.1: the class counts before case mapping and NFC too, so U+212A is no k and U+FB01 no fi
  if (!hasOnlyClasses(narrow, 'PJO')) return undefined
  const mapped = narrow.toLowerCase().normalize('NFC')
  if (mapped !== text) return mapped // the rules about places are for the round that changes nothing
  const points = codePointsOf(mapped)
  return followsContextRules(points) && followsBidiRule(points) ? mapped : undefined
}

function mapOpaque(text: string): string | undefined {
  if (!hasOnlyClasses(text, 'PFJO')) return undefined
  const mapped = text.replace(/\p{Zs}/gu, ' ').normalize('NFC')
  if (mapped !== text) return mapped
  return followsContextRules(codePointsOf(mapped)) ? mapped : undefined
}

/**
 * Half and full width forms to their usual ones. NFKC does what their decomposition says, or ends in a code point
 * that IdentifierClass refuses just the same.
 */
export function mapWidth(text: string): string {
  return text.replace(/[\u3000\uff01-\uffee]/g, (char) => char.normalize('NFKC'))
}

function hasOnlyClasses(text: string, allowed: string): boolean {
  for (const char of text) if (!allowed.includes(precisClassOf(char.codePointAt(0)!))) return false
  return true
}
