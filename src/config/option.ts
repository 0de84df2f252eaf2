import type { Kind } from './kind.ts'

/** Where an option has an effect. */
export type Where = 'global' | 'host' | 'both'

export interface Option<T> {
  readonly kind: Kind<T>
  /** The value when the file sets none; a function gets the folder of the configuration file. */
  readonly fallback: T | ((folder: string) => T) | undefined
  readonly where: Where
  /** `later`: read and checked, but nothing acts on it yet, and the operator is told so. */
  readonly status: 'works' | 'later'
  readonly help: string
}

interface Facts {
  readonly where?: Where
  readonly status?: 'works' | 'later'
  readonly help: string
}

/** An option that always has a value. Options without a `where` may stand in the global section and in a host's. */
export function withDefault<T>(kind: Kind<T>, fallback: NoInfer<T> | ((folder: string) => NoInfer<T>), facts: Facts): Option<T> {
  return { kind, fallback, where: facts.where ?? 'both', status: facts.status ?? 'works', help: facts.help }
}

/** An option that has no value until the file sets one. */
export function optional<T>(kind: Kind<T>, facts: Facts): Option<T | undefined> {
  return { kind, fallback: undefined, where: facts.where ?? 'both', status: facts.status ?? 'works', help: facts.help }
}
