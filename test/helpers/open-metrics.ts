import assert from 'node:assert/strict'

export interface ReadSample {
  readonly name: string
  /** As written, without braces. */
  readonly labels: string
  readonly value: number
}

export interface ReadFamily {
  readonly type: string
  readonly samples: readonly ReadSample[]
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum'],
}
const SAMPLE = /^([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (\S+)$/

/** Reads OpenMetrics text, strictly: order of the lines, suffixes, units, escapes, buckets, no series twice. */
export function readOpenMetrics(text: string): ReadonlyMap<string, ReadFamily> {
  assert.ok(text.endsWith('# EOF\n'), 'it ends with # EOF')
  const families = new Map<string, { type: string; samples: ReadSample[] }>()
  let current = ''
  const seen = new Set<string>()
  for (const line of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1)) {
    const meta = /^# (TYPE|UNIT|HELP) ([a-z0-9_]+) (.+)$/.exec(line)
    if (meta !== null) {
      const [, word, name, value] = meta as unknown as [string, string, string, string] // the groups of a match
      if (word === 'TYPE') {
        assert.ok(!families.has(name), `${name} comes once`)
        assert.ok(value in SUFFIXES, line)
        families.set((current = name), { type: value, samples: [] })
      }
      assert.equal(name, current, line)
      if (word === 'UNIT') assert.ok(name.endsWith(`_${value}`), line)
      continue
    }
    const sample = SAMPLE.exec(line)
    assert.ok(sample !== null, `no sample: ${line}`)
    const [, name = '', labels = '', number = ''] = sample
    const family = families.get(current)!
    assert.ok(
      SUFFIXES[family.type]!.some((suffix) => name === current + suffix),
      line,
    )
    assert.ok(!seen.has(name + labels), `twice: ${line}`)
    seen.add(name + labels)
    const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number)
    assert.ok(!Number.isNaN(value) && (family.type !== 'counter' || value >= 0), line)
    family.samples.push({ name, labels, value })
  }
  for (const { type, samples } of families.values()) if (type === 'histogram') checkBuckets(samples)
  return families
}

/** Each series: buckets ascending, the last `+Inf` and equal to the count. */
function checkBuckets(samples: readonly ReadSample[]): void {
  let last = { bound: Number.NEGATIVE_INFINITY, value: 0 }
  for (const { name, labels, value } of samples) {
    if (name.endsWith('_bucket')) {
      const le = /le="([^"]+)"/.exec(labels)![1]!
      const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)
      assert.ok(bound > last.bound && value >= last.value, `${name}{${labels}}`)
      last = { bound, value }
    } else if (name.endsWith('_count')) {
      assert.equal(last.bound, Number.POSITIVE_INFINITY)
      assert.equal(value, last.value)
      last = { bound: Number.NEGATIVE_INFINITY, value: 0 }
    }
  }
}
