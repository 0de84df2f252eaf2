export type Level = 'debug' | 'info' | 'warn' | 'error'

/** Values of one event; unbounded ones are cut and escaped by the sink, never written raw. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>

/** Where log lines go. `name` says the part that speaks (`s2s`, `c2s`, `config`). No method throws. */
export interface Logger {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
  child(name: string): Logger
  enabled(level: Level): boolean
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
  enabled: () => false,
}
