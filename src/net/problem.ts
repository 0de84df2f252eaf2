/** Something the operator should know about a file. `error`: what the file is for does not work; else it works, but. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly message: string
  readonly file?: string | undefined
}

/** What a thrown value says, in one line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n', 1)[0]! : String(error)
}
