/**
 * Not a test: a process that writes to the store of the folder in its first argument until it is killed. Prints the
 * number of each write that was answered, `failed NUMBER CLASS` for one that was refused. Waits for a line on its input
 * after each that failed.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { lockDataFolder } from '../../../src/store/lock.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const folder = process.argv[2]!
const lock = lockDataFolder(folder)
const store = openSqliteStore(folder)
const numbers = store.collection<string>('a.example', 'numbers')
const twins = store.collection<string>('a.example', 'twins')
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
writeSync(1, 'locked\n')

const write = async (number: number): Promise<boolean> => {
  const [key, value] = [[String(number).padStart(8, '0')], String(number).repeat(200)]
  try {
    await store.transact([numbers.putting(key, value), twins.putting(key, value)])
    writeSync(1, `${number}\n`)
    return true
  } catch (error) {
    writeSync(1, `failed ${number} ${error instanceof Error ? error.name : ''}\n`)
    return false
  }
}

for (let number = 0; ; number += 4) {
  const done = await Promise.all([0, 1, 2, 3].map((i) => write(number + i)))
  if (done.includes(false) && (await lines.next()).done) break
}
await store.close()
lock.dispose()
