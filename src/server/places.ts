import { join } from 'node:path'
import type { Config } from '../config/config.ts'

/** Where the control socket is: server and command must agree. */
export function controlSocketPath(config: Config): string {
  return config.get(undefined, 'admin_socket') ?? join(config.get(undefined, 'data_path'), 'entente.sock')
}

/** Whether what a host stores is gone when the server ends. */
export function keepsInMemory(config: Config, domain: string): boolean {
  const storage = config.get(domain, 'storage')
  const [only = config.get(domain, 'default_storage')] = typeof storage === 'string' ? [storage] : storage.values()
  return only === 'memory' // a mix of places is refused when the configuration is checked
}
