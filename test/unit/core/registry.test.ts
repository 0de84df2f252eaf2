import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Passage } from '../../../src/core/module.ts'
import { Registry } from '../../../src/core/registry.ts'
import { el } from '../../../src/xmpp/element.ts'
import { StanzaError } from '../../../src/xmpp/errors.ts'
import { Stanza } from '../../../src/xmpp/stanza.ts'
import { stanzas } from '../../helpers/stage.ts'

const passage: Passage = { session: undefined, source: undefined }
const [chat] = stanzas("<message type='chat'><body>x</body><mark xmlns='urn:m'/></message>")

describe('registry', () => {
  test('gates run first, then stamps, then observers, each in order of loading', () => {
    const registry = new Registry()
    const said: string[] = []
    const selector = { direction: 'inbound', kind: 'message' } as const
    const pass = (word: (stanza: Stanza) => string) => (stanza: Stanza) => {
      said.push(word(stanza))
      return 'pass' as const
    }
    const stamp = (name: string) => (stanza: Stanza) => {
      said.push(`stamp ${name}`)
      return stanza.append(el(name, 'urn:s'))
    }
    registry.add({ phase: 'observe', selector, module: 'a', run: (s) => void said.push(`observe a ${s.entries.length}`) })
    registry.add({ phase: 'stamp', selector, module: 'a', run: stamp('one') })
    registry.add({ phase: 'gate', selector, module: 'b', run: pass((s) => `gate b ${s.entries.length}`) })
    registry.add({ phase: 'stamp', selector, module: 'b', run: stamp('two') })
    registry.add({ phase: 'gate', selector, module: 'c', run: pass(() => 'gate c') })
    const passed = registry.pass('inbound', chat!, passage)
    assert.deepEqual(said, ['gate b 2', 'gate c', 'stamp one', 'stamp two', 'observe a 4'])
    assert.ok(passed instanceof Stanza)
    assert.deepEqual(
      passed.entries.map((e) => e.name),
      ['body', 'mark', 'one', 'two'],
    )
  })

  test('a gate that says no ends it: nobody behind it sees the stanza', () => {
    for (const verdict of ['drop', new StanzaError('forbidden')] as const) {
      const registry = new Registry()
      registry.add({ phase: 'gate', selector: { direction: 'outbound' }, module: 'a', run: () => verdict })
      registry.add({ phase: 'observe', selector: { direction: 'outbound' }, module: 'b', run: () => assert.fail('seen') })
      assert.equal(registry.pass('outbound', chat!, passage), verdict)
      assert.equal(registry.pass('inbound', chat!, passage), chat)
    }
  })

  test('a selector is asked for direction, kind, type and child', () => {
    const cases = [
      [{ direction: 'inbound' }, true],
      [{ direction: 'outbound' }, false],
      [{ direction: 'inbound', kind: 'iq' }, false],
      [{ direction: 'inbound', kind: 'message', type: ['chat', undefined] }, true],
      [{ direction: 'inbound', kind: 'message', type: ['normal'] }, false],
      [{ direction: 'inbound', kind: 'message', child: { name: 'mark', ns: 'urn:m' } }, true],
      [{ direction: 'inbound', kind: 'message', child: { name: 'mark', ns: 'urn:other' } }, false],
    ] as const
    for (const [selector, wanted] of cases) {
      const registry = new Registry()
      let seen = false
      registry.add({ phase: 'observe', selector, module: 'a', run: () => void (seen = true) })
      registry.pass('inbound', chat!, passage)
      assert.equal(seen, wanted, JSON.stringify(selector))
    }
  })

  test('a later gate and observer see what a stamp has made; a stamp that takes the child away ends the interest in it', () => {
    const registry = new Registry()
    const mark = { direction: 'inbound', child: { name: 'mark', ns: 'urn:m' } } as const
    registry.add({
      phase: 'stamp',
      selector: { direction: 'inbound' },
      module: 'a',
      run: (s) => s.without((e) => e.name === 'mark'),
    })
    registry.add({ phase: 'observe', selector: mark, module: 'b', run: () => assert.fail('it is gone') })
    assert.ok(registry.pass('inbound', chat!, passage) instanceof Stanza)
  })

  test('what a module registered goes with it; an empty list costs nothing', () => {
    const registry = new Registry()
    assert.equal(registry.isEmpty('inbound', 'message'), true)
    registry.add({ phase: 'observe', selector: { direction: 'inbound', kind: 'message' }, module: 'a', run: () => {} })
    registry.add({ phase: 'observe', selector: { direction: 'inbound' }, module: 'b', run: () => {} })
    assert.deepEqual([registry.isEmpty('inbound', 'message'), registry.isEmpty('inbound', 'iq')], [false, false])
    registry.removeOf('b')
    assert.deepEqual([registry.isEmpty('inbound', 'message'), registry.isEmpty('inbound', 'iq')], [false, true])
    registry.removeOf('a')
    assert.equal(registry.isEmpty('inbound', 'message'), true)
  })
})
