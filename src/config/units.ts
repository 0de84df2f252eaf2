const SECOND = 1000
const DAY = 86_400 * SECOND

/** Unit words of a period; a lone `m` is left out on purpose, since Prosody reads it as a month and people mean minutes. */
const PERIODS: ReadonlyMap<string, number> = new Map([
  ...words(SECOND, 's', 'sec', 'secs', 'second', 'seconds'),
  ...words(60 * SECOND, 'mi', 'min', 'mins', 'minute', 'minutes'),
  ...words(3600 * SECOND, 'h', 'hour', 'hours'),
  ...words(DAY, 'd', 'day', 'days'),
  ...words(7 * DAY, 'w', 'week', 'weeks'),
  ...words(31 * DAY, 'mo', 'mon', 'month', 'months'),
  ...words(365.2425 * DAY, 'y', 'year', 'years'),
])

/** Factors of a size; as Prosody's limits count, `kb` is 1000 bytes. */
const SIZES: ReadonlyMap<string, number> = new Map([
  ...words(1, 'b', 'byte', 'bytes'),
  ...words(1e3, 'k', 'kb'),
  ...words(1e6, 'm', 'mb'),
  ...words(1e9, 'g', 'gb'),
  ...words(2 ** 10, 'kib'),
  ...words(2 ** 20, 'mib'),
  ...words(2 ** 30, 'gib'),
])

function words(value: number, ...names: readonly string[]): readonly (readonly [string, number])[] {
  return names.map((name) => [name, value] as const)
}

/** Milliseconds of `"1w"`, `"2 days"`, `"90"` (seconds); `Infinity` for `"never"`; undefined when it is no period. */
export function parsePeriodMs(text: string): number | undefined {
  const word = text.trim().toLowerCase()
  if (word === 'never') return Number.POSITIVE_INFINITY
  return quantity(word, PERIODS, SECOND)
}

/** Bytes of `"64 KiB"`, `"10kb"`, `"512"`; undefined when it is no size. */
export function parseBytes(text: string): number | undefined {
  return quantity(text.trim().toLowerCase(), SIZES, 1)
}

/** Bytes a second of `"10kb/s"`; undefined when it is no rate. */
export function parseRate(text: string): number | undefined {
  const word = text.trim().toLowerCase()
  return word.endsWith('/s') ? quantity(word.slice(0, -2).trimEnd(), SIZES, 1) : undefined
}

function quantity(word: string, units: ReadonlyMap<string, number>, bare: number): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?) ?([a-z]*)$/.exec(word)
  if (match === null) return undefined
  const factor = match[2] === '' ? bare : units.get(match[2]!)
  return factor === undefined ? undefined : Math.round(Number(match[1]) * factor)
}
