import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { bytesOf, CLIENT, frame, header, rawBytes, recorder, STREAMS, transcript } from './record.ts'

const corpus = (name: string): readonly (readonly string[])[] =>
  readFileSync(join(import.meta.dirname, '../../corpora/xml', name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'))

/** Is `part` the very memory of `whole`? */
const within = (part: Uint8Array, whole: Uint8Array): boolean =>
  part.buffer === whole.buffer && part.byteOffset >= whole.byteOffset && part.byteOffset < whole.byteOffset + whole.length

describe('what is no XML of a stream gets its condition, however it is cut', () => {
  for (const [condition, text] of corpus('invalid.txt')) {
    test(`${text} -> ${condition}`, () => {
      const whole = text!.startsWith('^')
      const bytes = whole ? rawBytes(text!.slice(1)) : Buffer.concat([bytesOf(CLIENT), rawBytes(text!)])
      const log = frame(bytes)
      const last = log.at(-1)
      assert.equal(last?.on === 'fault' ? last.condition : transcript(log).at(-1), condition)
      for (const size of [1, 2, 3, 5]) assert.deepEqual(transcript(frame(bytes, size)), transcript(log))
    })
  }
})

const PREFIX_FREE = `<stream xmlns='${STREAMS}'>`

describe('what is legal is passed on as it came, or written anew', () => {
  for (const [way, ns, text, expected] of corpus('valid.txt')) {
    test(`${ns}: ${text} is ${way}`, () => {
      const start = ns === '' ? PREFIX_FREE : header(`jabber:${ns}`)
      const bytes = Buffer.concat([bytesOf(start), rawBytes(text!)])
      const log = frame(bytes)
      const said = log[1]
      assert.equal(log.length, 2, transcript(log).join('\n'))
      const written = Buffer.from(rawBytes(expected === '=' ? text! : expected!)).toString()
      if (said?.on === 'element') {
        assert.equal(way, 'element')
        assert.equal(said.element.toString(), written)
      } else {
        assert.ok(said?.on === 'stanza')
        assert.equal(said.stanza.toString(), written)
        assert.equal(said.stanza.malformed, undefined)
      }
      for (const size of [1, 2, 3, 7]) assert.deepEqual(transcript(frame(bytes, size)), transcript(log))
    })
    test(`${ns}: ${text}: the bytes are shared only when they are proven`, () => {
      if (way === 'element') return
      const { framer, log } = recorder()
      const bytes = Buffer.concat([bytesOf(ns === '' ? PREFIX_FREE : header(`jabber:${ns}`)), rawBytes(text!)])
      framer.push(bytes)
      const said = log[1]
      assert.ok(said?.on === 'stanza')
      if (said.stanza.inside.length > 0) assert.equal(within(said.stanza.inside, bytes), way === 'proven')
    })
  }
})
