import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { openMemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { storeContract } from './store-contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'entente-store-'))
after(() => rmSync(folder, { recursive: true }))
let opened = 0

storeContract('memory', async () => openMemoryStore())
storeContract('sqlite', async () => openSqliteStore(join(folder, String(opened++)), { synchronous: 'normal' }))
