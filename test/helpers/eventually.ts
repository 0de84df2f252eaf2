const LIMIT_MS = 5_000

/** Resolves as soon as a look at the state says yes; rejects with what was last seen when it never does. */
export async function eventually(what: string, look: () => boolean): Promise<void> {
  const endMs = Date.now() + LIMIT_MS
  while (!look()) {
    if (Date.now() > endMs) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
