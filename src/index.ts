/** The server as a library, and what it is made of: `import { createServer } from 'entente'`. */

export type { Outcome, Status } from './admin/commands.ts'
export { Config } from './config/config.ts'
export { type LoadOptions, loadConfig } from './config/load.ts'
export { formatProblem, type Problem, type Severity } from './config/problem.ts'
export { SOFTWARE } from './core/software.ts'
export * from './module.ts'
export { ConfigError, createServer, Server, type ServerOptions, StartError } from './server.ts'
