/** How reports say numbers to people. */

export function duration(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ]
  const shown = parts.filter(([n]) => n > 0).slice(0, 2)
  return shown.length === 0 ? '0 s' : shown.map(([n, unit]) => `${n} ${unit}`).join(' ')
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), units.length - 1)
  return `${power === 0 ? count : (count / 1024 ** power).toFixed(1)} ${units[power]}`
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

/** `2026-01-02 14:03:22`, in UTC. */
export const when = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')

export const fieldsText = (fields: Readonly<Record<string, string | number | boolean>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' && /[\s"]/.test(value) ? JSON.stringify(value) : value}`)
    .join(' ')
