import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BoundedMemo } from '../../../src/xmpp/bounded-memo.ts'

const counting = (entries: number, keyLength = 100) => {
  const computed: string[] = []
  const memo = new BoundedMemo(
    (key) => {
      computed.push(key)
      return key.startsWith('no') ? undefined : { key }
    },
    entries,
    keyLength,
  )
  return { memo, computed }
}

test('computes once, and not at all for what it still has', () => {
  const { memo, computed } = counting(4)
  assert.equal(memo.get('a'), memo.get('a'))
  assert.deepEqual(computed, ['a'])
})

test('never keeps more than two generations, and what is in use survives', () => {
  const { memo, computed } = counting(4)
  const used = memo.get('used')
  for (let index = 0; index < 100; index++) {
    memo.get(`key ${index}`)
    assert.equal(memo.get('used'), used)
    assert.ok(memo.size <= 8)
  }
  assert.equal(computed.filter((key) => key === 'used').length, 1)
})

test('refusals and long keys are not kept', () => {
  const { memo } = counting(4, 10)
  assert.equal(memo.get('no'), undefined)
  assert.deepEqual(memo.get('eleven byte'), { key: 'eleven byte' })
  assert.equal(memo.size, 0)
})

test('a key does not keep alive the text that it was cut from', () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const memo = new BoundedMemo((key) => ({ key }), 1000, 100)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let index = 0; index < 1000; index++) {
    const chunk = Buffer.alloc(50_000, `<message to="somebody-${index}@example.com"/>`).toString()
    memo.get(chunk.slice(13, 45))
  }
  collect()
  assert.equal(memo.size, 1000)
  assert.ok(process.memoryUsage().heapUsed - before < 5_000_000, 'the parents would be 50 MB')
})
