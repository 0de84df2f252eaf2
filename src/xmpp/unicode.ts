import { BIDI_RUNS, JOINING_RUNS, PRECIS_RUNS } from './unicode.generated.ts'

/** PVALID, FREE_PVAL, CONTEXTJ, CONTEXTO, DISALLOWED, UNASSIGNED (RFC 8264 §8). */
export type PrecisClass = 'P' | 'F' | 'J' | 'O' | 'D' | 'U'
/** AL is A, AN N, EN E, ES S, CS C, ET T, ON O, BN B, NSM M; X is every class that the bidi rule does not name. */
export type BidiClass = 'L' | 'R' | 'A' | 'N' | 'E' | 'S' | 'C' | 'T' | 'O' | 'B' | 'M' | 'X'
export type JoiningType = 'L' | 'R' | 'D' | 'T' | 'U'

/** A property of code points as runs of equal values. Unpacked at the first question, so that ASCII never pays for it. */
class RunTable<V extends string> {
  #runs: string
  #starts = new Uint32Array(0)
  #values: V[] = []

  constructor(runs: string) {
    this.#runs = runs
  }

  of(cp: number): V {
    if (this.#values.length === 0) this.#unpack()
    let low = 0
    let high = this.#values.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle]! <= cp) low = middle
      else high = middle - 1
    }
    return this.#values[low]!
  }

  #unpack(): void {
    const runs = this.#runs.match(/[A-Z][0-9a-z]+/g) ?? []
    this.#starts = new Uint32Array(runs.length)
    this.#values = runs.map((run) => run[0] as V) // the generator writes no other letters
    this.#runs = ''
    let start = 0
    for (const [index, run] of runs.entries()) {
      this.#starts[index] = start
      start += Number.parseInt(run.slice(1), 36)
    }
  }
}

const precis = new RunTable<PrecisClass>(PRECIS_RUNS)
const bidi = new RunTable<BidiClass>(BIDI_RUNS)
const joining = new RunTable<JoiningType>(JOINING_RUNS)

export const precisClassOf = (cp: number): PrecisClass => precis.of(cp)
export const bidiClassOf = (cp: number): BidiClass => bidi.of(cp)
export const joiningTypeOf = (cp: number): JoiningType => joining.of(cp)

/**
 * Whether Canonical_Combining_Class is 9. Normalisation sorts marks by that class, so two probes
 * with marks of class 8 and 10 find it without a table.
 */
export function isVirama(cp: number): boolean {
  const afterClass8 = `${String.fromCodePoint(cp)}\u3099`
  const beforeClass10 = `\u05b0${String.fromCodePoint(cp)}`
  return afterClass8.normalize('NFD') !== afterClass8 && beforeClass10.normalize('NFD') !== beforeClass10
}
