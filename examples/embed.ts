/** A program that embeds a server: a host for tests on loopback, with one account, until it is told to end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'entente'

const folder = mkdtempSync(join(tmpdir(), 'entente-embed-'))
const configFile = join(folder, 'entente.cfg.lua')
writeFileSync(
  configFile,
  `interfaces = { "127.0.0.1" }
c2s_ports = { 0 } -- any port that is free
s2s_ports = { 0 }
run_as_root = true
c2s_require_encryption = false -- no certificate, and nobody but this machine can connect
s2s_require_encryption = true
log = { warn = "*console" }
modules_enabled = { "saslauth", "roster", "disco", "ping" }
VirtualHost "embed.localhost"
`,
)

const server = await createServer({ configFile })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.stop())
try {
  await server.start()
  await server.createAccount('romeo@embed.localhost', 'wherefore')
  console.log(`ready: romeo@embed.localhost, password "wherefore", on 127.0.0.1:${server.ports('c2s')[0]}; Ctrl-C ends it`)
  await server.ended
  console.log('ended')
} finally {
  rmSync(folder, { recursive: true })
}
