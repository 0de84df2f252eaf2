import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loadOrder } from '../../../src/core/loader.ts'
import { defineModule, type ModuleContext, type ModuleDeclaration } from '../../../src/core/module.ts'
import { MODULES } from '../../../src/server/modules.ts'
import { el } from '../../../src/xmpp/element.ts'
import { StanzaError } from '../../../src/xmpp/errors.ts'
import { Stage } from '../../helpers/stage.ts'

declare module '../../../src/core/module.ts' {
  interface Published {
    greeting: { readonly text: string }
  }
}

const module = (name: string, setup: (ctx: ModuleContext) => void = () => {}, needs: readonly string[] = []): ModuleDeclaration =>
  defineModule({ name, summary: name, needs, setup })

/** Registers one of everything. */
const everything = module('everything', (ctx) => {
  ctx.advertise('urn:f')
  ctx.advertise('urn:f', 'account')
  ctx.identity({ category: 'c', type: 't' })
  ctx.identity({ category: 'c', type: 't' }, 'account')
  ctx.streamFeature(el('f', 'urn:f'))
  ctx.iq({ type: 'get', ns: 'urn:f', name: 'q', to: 'host', from: 'anybody', handle: (iq) => iq.result() })
  ctx.gate({ direction: 'inbound' }, () => 'pass')
  ctx.stamp({ direction: 'outbound' }, (s) => s)
  ctx.observe({ direction: 'outbound', kind: 'iq' }, () => {})
  ctx.claim('offline', async () => {})
  ctx.sessionOpened(() => {})
  ctx.sessionAvailable(() => {})
  ctx.sessionClosed(() => undefined)
  ctx.accountRemoved(() => {})
  ctx.publish('greeting', { text: 'hello' })
})

/** All that a host holds for its modules. */
function held({ host }: Stage): readonly unknown[] {
  return [
    host.features.host.size,
    host.features.account.size,
    host.identities.host.length,
    host.identities.account.length,
    host.streamFeatures.length,
    host.iqHandler('host', 'get', 'urn:f', 'q') === undefined ? 0 : 1,
    (['message', 'presence', 'iq'] as const).filter((k) => !host.registry.isEmpty('inbound', k)).length,
    (['message', 'presence', 'iq'] as const).filter((k) => !host.registry.isEmpty('outbound', k)).length,
    host.claims.size,
    host.opened.length,
    host.available.length,
    host.closed.length,
    host.accountRemoved.length,
    host.use('greeting')?.text,
  ]
}

describe('loading modules', () => {
  test('needs come first, otherwise by name; what is needed is loaded, what is unknown is somebody else’s', () => {
    const known = new Map(
      [module('a', undefined, ['c']), module('b'), module('c', undefined, ['d']), module('d'), module('z')].map((m) => [
        m.name,
        m,
      ]),
    )
    const order = (...wanted: string[]): readonly string[] => loadOrder(wanted, known).map((m) => m.name)
    assert.deepEqual(order('b', 'a', 'dialback'), ['d', 'c', 'a', 'b'])
    assert.deepEqual(order('z', 'b'), ['b', 'z'])
    assert.deepEqual(order(), [])
  })

  test('modules that need each other load once each', () => {
    const known = new Map([module('a', undefined, ['b']), module('b', undefined, ['a'])].map((m) => [m.name, m]))
    assert.deepEqual(
      loadOrder(['a', 'b'], known).map((m) => m.name),
      ['b', 'a'],
    )
  })

  test('all that a module has registered dies with it', () => {
    const stage = new Stage({ modules: [] })
    const empty = held(stage)
    const instance = stage.load(everything)
    assert.deepEqual(held(stage), [1, 1, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 'hello'])
    instance.dispose()
    assert.deepEqual(held(stage), empty)
    stage.load(everything) // and there is room for it again
  })

  test('the same for every module that comes with the server, and neighbours keep theirs', () => {
    const stage = new Stage({ modules: MODULES })
    const all = held(stage)
    for (const declaration of MODULES) {
      stage.instances.get(declaration.name)!.dispose()
      stage.load(declaration)
      assert.deepEqual(held(stage), all, declaration.name)
    }
    for (const instance of stage.instances.values()) instance.dispose()
    assert.deepEqual(held(stage), held(new Stage({ modules: [] })))
  })

  test('two owners of one thing are an error that names both, and leaves nothing of the second', () => {
    const stage = new Stage({ modules: [] })
    stage.load(everything)
    const before = held(stage)
    const second = (setup: (ctx: ModuleContext) => void): void =>
      void stage.load(
        module('second', (ctx) => {
          ctx.advertise('urn:second')
          setup(ctx)
        }),
      )
    assert.throws(
      () => second((ctx) => ctx.claim('offline', async () => {})),
      /a\.example: both everything and second claim offline/,
    )
    const iq = { type: 'get', ns: 'urn:f', name: 'q', to: 'host', from: 'anybody', handle: () => assert.fail() } as const
    assert.throws(() => second((ctx) => ctx.iq(iq)), /both everything and second answer iq .*urn:f/)
    assert.deepEqual(held(stage), before)
  })

  test('stop runs in reverse, start in order', async () => {
    const said: string[] = []
    const stage = new Stage({ modules: [] })
    const instance = stage.load(
      module('m', (ctx) => {
        for (const n of ['1', '2']) {
          ctx.start(async () => void said.push(`start ${n}`))
          ctx.stop(() => void said.push(`stop ${n}`))
        }
      }),
    )
    await instance.start()
    instance.dispose()
    instance.dispose()
    assert.deepEqual(said, ['start 1', 'start 2', 'stop 2', 'stop 1'])
  })

  test('a module that fails concerns itself only: others are told, senders get internal-server-error, it is logged', async () => {
    const told: string[] = []
    const fail = (): never => {
      throw new Error('a bug')
    }
    const stage = new Stage({
      modules: [
        ...MODULES,
        module('a-bad', (ctx) => {
          ctx.sessionOpened(fail)
          ctx.sessionClosed(fail)
          ctx.accountRemoved(fail)
          ctx.observe({ direction: 'outbound', kind: 'message', type: ['headline'] }, fail)
          ctx.iq({ type: 'get', ns: 'urn:bad', name: 'q', to: 'host', from: 'anybody', handle: fail })
        }),
        module('b-good', (ctx) => {
          ctx.sessionOpened(() => void told.push('opened'))
          ctx.sessionClosed(async () => void told.push('closed'))
          ctx.accountRemoved(() => void told.push('removed'))
        }),
      ],
    })
    const romeo = stage.enter('romeo@a.example/x')
    romeo.say("<message type='headline' id='h'/><iq type='get' id='q' to='a.example'><q xmlns='urn:bad'/></iq>")
    const answers = romeo.take()
    assert.equal(answers.length, 2)
    for (const answer of answers) assert.match(answer, /internal-server-error/)
    assert.doesNotMatch(answers.join(), /a bug/, 'the sender is not told how')
    await stage.router.close(romeo.session)
    stage.router.accountRemoved(stage.host, 'romeo', await stage.host.rosters.of('romeo'))
    assert.deepEqual(told, ['opened', 'closed', 'removed'])
    assert.equal(stage.log.filter((line) => line.level === 'error').length, 5)
  })

  test('a gate refuses in the name of whom the stanza was for', () => {
    const refusing = module('no', (ctx) =>
      ctx.gate({ direction: 'outbound', kind: 'message' }, () => new StanzaError('policy-violation')),
    )
    const stage = new Stage({ modules: [...MODULES, refusing] })
    const romeo = stage.enter('romeo@a.example/x')
    romeo.say("<message to='juliet@b.example' id='m'/>")
    assert.match(romeo.take().join(), /from='juliet@b\.example'.*policy-violation/)
    romeo.say("<message to='juliet@b.example' id='m' type='error'/>")
    assert.deepEqual([romeo.take(), stage.takeRemote()], [[], []], 'an error is not answered')
  })

  test('what runs on a host is one answer', () => {
    const stage = new Stage({ modules: [module('ping')] })
    assert.deepEqual([stage.host.enabled('ping'), stage.host.enabled('offline')], [true, false])
  })
})
