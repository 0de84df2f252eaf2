import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import { MIGRATIONS, migrate } from '../../../src/store/schema/migrations.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { StoreError } from '../../../src/store/store.ts'

const root = mkdtempSync(join(tmpdir(), 'entente-sqlite-'))
after(() => rmSync(root, { recursive: true }))
let made = 0
const newFolder = (): string => join(root, `data${made++}`)
const raw = (folder: string) => new DatabaseSync(join(folder, 'entente.sqlite'))

describe('files', () => {
  test('folder and files are for their owner only, and name neither place nor machine', async () => {
    const folder = join(newFolder(), 'deep')
    const store = openSqliteStore(folder)
    await store.collection('a.example', 'things').put(['a'], 1)
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    for (const file of readdirSync(folder)) {
      assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
      const bytes = readFileSync(join(folder, file))
      assert.equal(bytes.includes(root), false, file)
      assert.equal(bytes.includes(hostname()), false, file)
    }
    await store.close()
    assert.deepEqual(readdirSync(folder), ['entente.sqlite'])
  })

  test('modes of what is there already are left alone', async () => {
    const folder = newFolder()
    mkdirSync(folder)
    chmodSync(folder, 0o755)
    await openSqliteStore(folder).close()
    assert.equal(statSync(folder).mode & 0o777, 0o755)
  })

  test('a copy of the folder of a closed store is a store', async () => {
    const [folder, copy] = [newFolder(), newFolder()]
    const store = openSqliteStore(folder)
    await store.collection('a.example', 'things').put(['a'], 1)
    await store.close()
    mkdirSync(copy)
    for (const file of readdirSync(folder)) copyFileSync(join(folder, file), join(copy, file))
    const second = openSqliteStore(copy)
    assert.equal(await second.collection('a.example', 'things').get(['a']), 1)
    await second.close()
  })

  test('a folder that cannot be made, and a file that is no database, are StoreErrors', () => {
    const file = join(root, 'file')
    writeFileSync(file, '')
    assert.throws(() => openSqliteStore(join(file, 'data')), StoreError)
    const folder = newFolder()
    mkdirSync(folder)
    writeFileSync(join(folder, 'entente.sqlite'), 'this is text, and much longer than the header of a database is. '.repeat(20))
    assert.throws(() => openSqliteStore(folder), StoreError)
  })
})

describe('schema', () => {
  test('a new database has the newest version, and WAL', async () => {
    const folder = newFolder()
    await openSqliteStore(folder).close()
    const database = raw(folder)
    assert.deepEqual({ ...database.prepare('PRAGMA user_version').get() }, { user_version: MIGRATIONS.length })
    assert.deepEqual({ ...database.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' })
    database.close()
  })

  test('a program that is older than what is stored refuses, and says both versions', () => {
    const folder = newFolder()
    mkdirSync(folder)
    const database = raw(folder)
    database.exec('PRAGMA user_version = 77')
    database.close()
    const versions = new RegExp(`version 77, .* up to ${MIGRATIONS.length}:`)
    assert.throws(() => openSqliteStore(folder), { name: 'StoreError', message: versions })
    const again = raw(folder)
    assert.deepEqual({ ...again.prepare('PRAGMA user_version').get() }, { user_version: 77 })
    again.close()
  })

  test('only the steps that are missing are carried out, all or none', () => {
    const database = new DatabaseSync(':memory:')
    const first = ['CREATE TABLE a (x)']
    migrate(database, first)
    migrate(database, first)
    assert.throws(() => migrate(database, [...first, 'CREATE TABLE b (x)', 'not SQL']))
    assert.equal(database.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'b'").get()?.['n'], 0)
    migrate(database, [...first, 'CREATE TABLE b (x)', 'CREATE TABLE c (x)'])
    assert.equal(database.prepare('PRAGMA user_version').get()?.['user_version'], 3)
    database.close()
  })
})

describe('group commit', () => {
  /** A store whose turns of the event loop end when the test says so. */
  function byHand() {
    const folder = newFolder()
    const ends: (() => void)[] = []
    const store = openSqliteStore(folder, { synchronous: 'normal', schedule: (run) => ends.push(run) })
    return { folder, store, ends, things: store.collection<unknown>('a.example', 'things') }
  }

  test('writes of one turn are one transaction of the database, and are answered after it', async () => {
    const { folder, store, ends, things } = byHand()
    const settled: string[] = []
    const writes = ['a', 'b', 'c'].map((key) => things.put([key], 1).then(() => settled.push(key)))
    await new Promise(setImmediate)
    assert.equal(ends.length, 1)
    assert.deepEqual(settled, [])
    const other = raw(folder)
    const count = () => other.prepare('SELECT count(*) AS n FROM entry').get()?.['n']
    assert.equal(count(), 0)
    ends[0]!()
    assert.equal(count(), 3)
    await Promise.all(writes)
    assert.deepEqual(settled, ['a', 'b', 'c'])
    other.close()
    await store.close()
  })

  test('one that fails does not take the others along', async () => {
    const { folder, store, ends, things } = byHand()
    const other = raw(folder)
    other.exec("CREATE TRIGGER refuse BEFORE INSERT ON entry WHEN NEW.value = '13' BEGIN SELECT RAISE(ABORT, 'unlucky'); END")
    other.close()
    const young = store.collection('a.example', 'young', { owner: 'account' })
    const results = Promise.allSettled([
      things.put(['a'], 1),
      store.transact([young.putting(['b'], 2), things.putting(['b'], 13)]), // makes a row for `young`, which is undone
      things.get(['a']),
      young.put(['c'], 3),
      store.transact([things.expecting(['a'], 1), things.putting(['d'], 4)]),
    ])
    ends[0]!()
    const [a, b, read, c, d] = await results
    assert.equal(a!.status, 'fulfilled')
    assert.ok(b!.status === 'rejected' && b!.reason instanceof StoreError && /unlucky/.test(b!.reason.message))
    assert.deepEqual(read, { status: 'fulfilled', value: 1 })
    assert.equal(c!.status, 'fulfilled')
    assert.deepEqual(d, { status: 'fulfilled', value: true })
    assert.deepEqual(await things.list([]), [
      { key: ['a'], value: 1 },
      { key: ['d'], value: 4 },
    ])
    assert.deepEqual(await young.list([]), [{ key: ['c'], value: 3 }])
    await store.close()
  })

  test('a database that another process holds gives a StoreError to each, and works again after', async () => {
    const { folder, store, ends, things } = byHand()
    const other = raw(folder)
    other.exec('BEGIN IMMEDIATE')
    const writes = Promise.allSettled([things.put(['a'], 1), things.put(['b'], 1)])
    ends[0]!()
    for (const result of await writes) assert.ok(result.status === 'rejected' && result.reason instanceof StoreError)
    other.exec('COMMIT')
    other.close()
    const again = things.put(['c'], 1)
    ends[1]!()
    await again
    assert.deepEqual(
      (await things.list([])).map(({ key }) => key),
      [['c']],
    )
    await store.close()
  })
})

test('which collections belong to accounts is known after a restart, also without the modules that said so', async () => {
  const folder = newFolder()
  const first = openSqliteStore(folder)
  await first.collection('a.example', 'roster').put(['romeo', 'x'], 1)
  await first.collection('a.example', 'roster', { owner: 'account' }).put(['romeo', 'y'], 1)
  await first.collection('a.example', 'muc').put(['romeo', 'y'], 1)
  await first.close()
  const second = openSqliteStore(folder)
  await second.transact([second.deletingOwned('a.example', 'romeo')])
  assert.equal(await second.collection('a.example', 'roster').count([]), 0)
  assert.equal(await second.collection('a.example', 'muc').count([]), 1)
  await second.close()
})
