import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type Collection, type Key, type Store, StoreError } from '../../src/store/store.ts'

/** Every driver must pass this, unchanged. Add a behaviour here before relying on it in a module. */
export function storeContract(driver: string, open: () => Promise<Store>): void {
  describe(`store contract: ${driver}`, () => {
    let store: Store
    let things: Collection<unknown>
    beforeEach(async () => {
      store = await open()
      things = store.collection('a.example', 'things')
    })
    afterEach(() => store.close())
    const keys = async (prefix: Key, options = {}): Promise<readonly Key[]> =>
      (await things.list(prefix, options)).map((entry) => entry.key)

    test('a missing key is undefined, not an error', async () => {
      assert.equal(await things.get(['nobody']), undefined)
      assert.deepEqual(await things.list([]), [])
      assert.equal(await things.count([]), 0)
    })

    test('put replaces', async () => {
      await things.put(['romeo', 'juliet'], 'from')
      await things.put(['romeo', 'juliet'], 'both')
      assert.equal(await things.get(['romeo', 'juliet']), 'both')
      assert.equal(await things.count([]), 1)
    })

    test('delete says whether there was one', async () => {
      await things.put(['a'], 1)
      assert.equal(await things.delete(['a']), true)
      assert.equal(await things.delete(['a']), false)
      assert.equal(await things.get(['a']), undefined)
    })

    test('values come back as JSON carries them', async () => {
      for (const value of [null, false, 0, -1.5, 1e300, '', 'ß\0\u2028😀', '\ud800 half', [[], {}], { a: { b: [1, null] } }]) {
        await things.put(['v'], value)
        assert.deepEqual(await things.get(['v']), value)
      }
    })

    test('what JSON cannot carry is a TypeError and changes nothing', async () => {
      await things.put(['v'], 'old')
      const circular: unknown[] = []
      circular.push(circular)
      for (const value of [undefined, () => 1, Symbol('s'), 1n, circular])
        await assert.rejects(things.put(['v'], value), TypeError)
      await assert.rejects(store.transact([things.putting(['v'], 'new'), things.putting(['w'], 1n)]), TypeError)
      assert.equal(await things.get(['v']), 'old')
    })

    test('a value is copied when it is put and when it is read', async () => {
      const value = { list: [1] }
      const done = things.put(['v'], value)
      value.list.push(2)
      await done
      const read = (await things.get(['v'])) as typeof value
      assert.deepEqual(read, { list: [1] })
      read.list.push(3)
      assert.deepEqual(await things.get(['v']), { list: [1] })
    })

    test('any string is data, in a key and in a value', async () => {
      const strings = [
        '',
        '\0',
        '\0\0',
        '\x01',
        'a\0b',
        '__proto__',
        'constructor',
        "'; DROP TABLE entry; --",
        '%',
        '_',
        '"',
        '\\',
      ]
      strings.push('😀', '\uffff', '\u{10ffff}', 'é', 'e\u0301', 'a/b', '?1', ':key', '$x', '{}', 'null')
      for (const text of strings) await things.put([text, text], text)
      for (const text of strings) {
        assert.equal(await things.get([text, text]), text)
        assert.deepEqual(await things.list([text]), [{ key: [text, text], value: text }])
      }
      assert.equal(await things.count([]), strings.length)
      await things.put(['proto'], JSON.parse('{"__proto__": {"polluted": true}}'))
      assert.equal(JSON.stringify(await things.get(['proto'])), '{"__proto__":{"polluted":true}}')
      assert.equal('polluted' in {}, false)
    })

    test('half a surrogate pair in a key is U+FFFD', async () => {
      await things.put(['a\ud800'], 1)
      assert.equal(await things.get(['a\udfff']), 1)
      assert.deepEqual(await keys([]), [['a\ufffd']])
    })

    test('keys are in order: part by part, by bytes of UTF-8, the shorter first', async () => {
      const ordered = [[], [''], ['', ''], ['\0'], ['\0', 'a'], ['\x01'], ['\x02'], ['a'], ['a', ''], ['a', '\0'], ['a', 'b']]
      ordered.push(['a', 'b', 'c'], ['a', 'ba'], ['a\0'], ['a\0', 'b'], ['aa'], ['b'], ['é'], ['\uffff'], ['😀'])
      for (const key of ordered.toReversed()) await things.put(key, key.length)
      assert.deepEqual(await keys([]), ordered)
    })

    test('list and count are about one prefix of whole parts', async () => {
      for (const key of [['romeo'], ['romeo', 'juliet'], ['romeo', 'nurse', 'x'], ['romeo2', 'nurse'], ['rome']])
        await things.put(key, 1)
      assert.deepEqual(await keys(['romeo']), [['romeo'], ['romeo', 'juliet'], ['romeo', 'nurse', 'x']])
      assert.deepEqual(await keys(['romeo', 'nurse', 'x']), [['romeo', 'nurse', 'x']])
      assert.deepEqual(await keys(['rom']), [])
      assert.equal(await things.count(['romeo']), 3)
      assert.equal(await things.count([]), 5)
    })

    test('limit and after make pages', async () => {
      for (const key of [
        ['a', '1'],
        ['a', '2'],
        ['a', '2', 'x'],
        ['a', '3'],
        ['b', '1'],
      ])
        await things.put(key, 1)
      assert.deepEqual(await keys(['a'], { limit: 2 }), [
        ['a', '1'],
        ['a', '2'],
      ])
      assert.deepEqual(await keys(['a'], { limit: 2, after: ['a', '2'] }), [
        ['a', '2', 'x'],
        ['a', '3'],
      ])
      assert.deepEqual(await keys(['a'], { after: ['a', '3'] }), [])
      assert.deepEqual(await keys(['b'], { after: ['a', '1'] }), [['b', '1']])
      assert.deepEqual(await keys(['a'], { after: ['z'] }), [])
      assert.deepEqual(await keys(['a'], { limit: 0 }), [])
    })

    test('hosts and collections do not see each other', async () => {
      await things.put(['k'], 'here')
      for (const [host, name] of [
        ['b.example', 'things'],
        ['', 'things'],
        ['a.example', 'other'],
        ['a.example/things', 'x'],
      ] as const) {
        const other = store.collection<string>(host, name)
        assert.equal(await other.get(['k']), undefined)
        await other.put(['k'], `${host} ${name}`)
      }
      assert.equal(await things.get(['k']), 'here')
      assert.equal(await store.collection('a.example', 'things').get(['k']), 'here')
    })

    test('names of collections are checked', () => {
      for (const name of ['', 'a-b', 'A', 'a/b', "a'"]) assert.throws(() => store.collection('a.example', name), TypeError)
    })

    test('a transaction is all or nothing', async () => {
      await things.put(['a'], 1)
      const other = store.collection<number>('b.example', 'other')
      const steps = [things.deleting(['a']), things.putting(['b'], 2), other.putting(['c'], 3)]
      assert.equal(await store.transact([...steps, things.expecting(['a'], 7)]), false)
      assert.deepEqual(await keys([]), [['a']])
      assert.equal(await other.get(['c']), undefined)
      assert.equal(await store.transact([...steps, things.expecting(['a'], 1)]), true)
      assert.deepEqual(await keys([]), [['b']])
      assert.equal(await other.get(['c']), 3)
      assert.equal(await store.transact([]), true)
    })

    test('expectations compare values, and are about what was there before', async () => {
      assert.equal(await store.transact([things.putting(['a'], { x: 1, y: [2] }), things.expecting(['a'], undefined)]), true)
      assert.equal(await store.transact([things.expecting(['a'], { y: [2], x: 1 })]), true)
      assert.equal(await store.transact([things.expecting(['a'], { x: 1 })]), false)
      assert.equal(await store.transact([things.expecting(['a'], undefined), things.putting(['b'], 1)]), false)
      assert.equal(await store.transact([things.expecting(['b'], null)]), false)
      assert.equal(await things.get(['b']), undefined)
    })

    test('the operations of a transaction are carried out in order', async () => {
      await things.put(['a', '1'], 1)
      assert.equal(
        await store.transact([things.deletingAll(['a']), things.putting(['a', '2'], 2), things.putting(['a', '2'], 3)]),
        true,
      )
      assert.deepEqual(await things.list([]), [{ key: ['a', '2'], value: 3 }])
    })

    test('deletingAll takes one prefix', async () => {
      for (const key of [['a'], ['a', 'b'], ['ab'], ['b']]) await things.put(key, 1)
      await store.transact([things.deletingAll(['a'])])
      assert.deepEqual(await keys([]), [['ab'], ['b']])
      await store.transact([things.deletingAll([])])
      assert.deepEqual(await keys([]), [])
    })

    test('of two that expect the same, one wins', async () => {
      const claim = (who: string) => store.transact([things.expecting(['seat'], undefined), things.putting(['seat'], who)])
      assert.deepEqual(await Promise.all([claim('a'), claim('b'), claim('c')]), [true, false, false])
      assert.equal(await things.get(['seat']), 'a')
    })

    test('a read sees the writes asked for before it, and not those after', async () => {
      const seen: Promise<unknown>[] = []
      const writes: Promise<unknown>[] = []
      for (let i = 0; i < 5; i++) {
        writes.push(things.put(['n', String(i)], i))
        seen.push(things.count(['n']), things.get(['n', String(i)]))
      }
      assert.deepEqual(await Promise.all(seen), [1, 0, 2, 1, 3, 2, 4, 3, 5, 4])
      await Promise.all(writes)
    })

    test('what belongs to an account goes with it, on its host only', async () => {
      const roster = store.collection<number>('a.example', 'roster', { owner: 'account' })
      const vcard = store.collection<number>('a.example', 'vcard', { owner: 'account' })
      const elsewhere = store.collection<number>('b.example', 'roster', { owner: 'account' })
      for (const c of [roster, vcard, elsewhere, things]) {
        for (const key of [['romeo'], ['romeo', 'x'], ['romeo2', 'x'], ['r']]) await c.put(key, 1)
      }
      assert.equal(await store.transact([store.deletingOwned('a.example', 'romeo')]), true)
      for (const c of [roster, vcard])
        assert.deepEqual(
          (await c.list([])).map((e) => e.key),
          [['r'], ['romeo2', 'x']],
        )
      for (const c of [elsewhere, things]) assert.equal(await c.count([]), 4)
    })

    test('who owns a collection may be said at any time, and is not forgotten', async () => {
      const before = store.collection<number>('a.example', 'late')
      await before.put(['romeo', '1'], 1)
      store.collection('a.example', 'late', { owner: 'account' })
      store.collection('a.example', 'late')
      await store.transact([store.deletingOwned('a.example', 'romeo')])
      assert.equal(await before.count([]), 0)
    })

    test('close waits for what is pending; afterwards everything is a StoreError', async () => {
      const pending = things.put(['a'], 1)
      await store.close()
      await pending
      await assert.rejects(things.get(['a']), StoreError)
      await assert.rejects(things.put(['a'], 2), StoreError)
      await assert.rejects(things.list([]), StoreError)
      await assert.rejects(things.count([]), StoreError)
      await store.close()
    })
  })
}
