import { bidiClassOf, isVirama, joiningTypeOf, precisClassOf } from './unicode.ts'

const MIDDLE_DOT = 0xb7
const GREEK_KERAIA = 0x375
const HEBREW_GERESH = 0x5f3
const HEBREW_GERSHAYIM = 0x5f4
const ZWNJ = 0x200c
const ZWJ = 0x200d
const KATAKANA_DOT = 0x30fb
const JAPANESE = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u

/** Whether each CONTEXTJ and CONTEXTO code point is allowed at its place (RFC 5892 appendix A). Linear. */
export function followsContextRules(points: readonly number[]): boolean {
  const isContextual = (cp: number): boolean => cp > 0x7f && 'JO'.includes(precisClassOf(cp))
  if (!points.some(isContextual)) return true
  if (points.some(isArabicIndicDigit) && points.some(isExtendedDigit)) return false
  if (points.includes(KATAKANA_DOT) && !points.some((cp) => isOf(JAPANESE, cp))) return false
  return points.every((cp, index) => !isContextual(cp) || fitsNeighbours(points, index))
}

/** The six conditions of RFC 5893 §2 for one label; true when nothing in it is written from right to left. */
export function followsBidiRule(points: readonly number[]): boolean {
  const classes = points.map(bidiClassOf)
  if (!classes.some((c) => c === 'R' || c === 'A' || c === 'N')) return true
  const last = classes.findLast((c) => c !== 'M')
  if (last === undefined) return false
  if (classes[0] === 'L') return classes.every((c) => 'LESCTOBM'.includes(c)) && 'LE'.includes(last)
  if (classes[0] !== 'R' && classes[0] !== 'A') return false
  return (
    classes.every((c) => 'RANESCTOBM'.includes(c)) && 'RAEN'.includes(last) && !(classes.includes('E') && classes.includes('N'))
  )
}

/** The rules that look at what stands before and after; those that look at the whole label are checked before. */
function fitsNeighbours(points: readonly number[], index: number): boolean {
  const point = points[index]!
  const before = points[index - 1]
  if (point === ZWNJ) return (before !== undefined && isVirama(before)) || joinsBothSides(points, index)
  if (point === ZWJ) return before !== undefined && isVirama(before)
  if (point === MIDDLE_DOT) return before === 0x6c && points[index + 1] === 0x6c // between two l, as in Catalan
  if (point === GREEK_KERAIA) return isOf(/\p{Script=Greek}/u, points[index + 1])
  if (point === HEBREW_GERESH || point === HEBREW_GERSHAYIM) return isOf(/\p{Script=Hebrew}/u, before)
  return point === KATAKANA_DOT || isArabicIndicDigit(point) || isExtendedDigit(point)
}

function isArabicIndicDigit(cp: number): boolean {
  return cp >= 0x660 && cp <= 0x669
}

function isExtendedDigit(cp: number): boolean {
  return cp >= 0x6f0 && cp <= 0x6f9
}

function isOf(script: RegExp, cp: number | undefined): boolean {
  return cp !== undefined && script.test(String.fromCodePoint(cp))
}

/** ZWNJ between letters that would join: (L|D) T* ZWNJ T* (R|D). */
function joinsBothSides(points: readonly number[], index: number): boolean {
  const before = nextJoining(points, index, -1)
  const after = nextJoining(points, index, 1)
  return (before === 'L' || before === 'D') && (after === 'R' || after === 'D')
}

function nextJoining(points: readonly number[], index: number, step: 1 | -1): string | undefined {
  for (let at = index + step; at >= 0 && at < points.length; at += step) {
    const type = joiningTypeOf(points[at]!)
    if (type !== 'T') return type
  }
  return undefined
}
