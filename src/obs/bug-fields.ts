import type { Fields } from './log.ts'

const FRAMES = 5

/** What a line about an unexpected exception holds: its message, and the places it came through, innermost first. */
export function bugFields(error: unknown): Fields {
  if (!(error instanceof Error)) return { why: String(error) }
  const places = [...(error.stack ?? '').matchAll(/\/([^/\s]+:\d+:\d+)\)?$/gm)].slice(0, FRAMES).map(([, place]) => place)
  return { why: `${error.name}: ${error.message}`, at: places.join(' < ') }
}
