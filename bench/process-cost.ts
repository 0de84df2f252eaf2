import { readFileSync } from 'node:fs'

/** Ticks of /proc: 100 a second on every Linux that Node runs on. */
const TICK_US = 10_000

/** CPU time that a process and its descendants have used, in microseconds; exact to one tick of 10 ms. */
export function cpuUs(pid: number): number {
  return family(pid).reduce((sum, member) => sum + ticks(member), 0) * TICK_US
}

/** Resident memory of a process and its descendants. */
export function residentBytes(pid: number): number {
  return family(pid).reduce((sum, member) => sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(read(member, 'status'))?.[1] ?? 0) * 1024, 0)
}

function family(pid: number): number[] {
  const children = read(pid, `task/${pid}/children`).trim()
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => family(Number(child))))]
}

function ticks(pid: number): number {
  // the name may hold spaces; behind it: state is field 3, utime 14, stime 15, and of ended children 16 and 17
  const fields = read(pid, 'stat')
    .replace(/^.*\) /, '')
    .split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // ended meanwhile
  }
}
