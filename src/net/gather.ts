import type { Clock } from './clock.ts'

/**
 * Waits for all tasks, but not for ever: once one result is usable the others get `graceMs` more, and nobody gets
 * more than `limitMs`. Who is late gives undefined. The tasks must not reject.
 */
export function gather<T>(
  clock: Clock,
  tasks: readonly Promise<T>[],
  limits: { readonly usable: (result: T) => boolean; readonly graceMs: number; readonly limitMs: number },
): Promise<readonly (T | undefined)[]> {
  return new Promise((resolve) => {
    const results = new Array<T | undefined>(tasks.length).fill(undefined)
    let left = tasks.length
    let inGrace = false
    const finish = (): void => {
      timer.dispose()
      resolve([...results])
    }
    let timer = clock.after(limits.limitMs, finish)
    const started = clock.mono()
    for (const [index, task] of tasks.entries()) {
      void task.then((result) => {
        results[index] = result
        left -= 1
        if (left === 0) return finish()
        if (inGrace || !limits.usable(result)) return
        inGrace = true
        timer.dispose()
        timer = clock.after(Math.min(limits.graceMs, limits.limitMs - (clock.mono() - started)), finish)
      })
    }
    if (tasks.length === 0) finish()
  })
}
