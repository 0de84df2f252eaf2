import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { errorOf } from '../helpers/expect.ts'
import { Network, PASSWORD } from '../helpers/network.ts'
import type { TestClient } from '../helpers/test-client.ts'

const network = await Network.create()
after(() => network[Symbol.asyncDispose]())
const server = await network.server('a.example', { users: ['sender'], global: 'storage_synchronous = "normal"' })
await network.server('b.example', { users: ['sender'], more: 'VirtualHost "plain.b.example"\nmodules_disabled = { "offline" }' })
const here = await network.client('sender@a.example')
const abroad = await network.client('sender@b.example')

let made = 0
async function account(): Promise<string> {
  const address = `juliet${++made}@a.example`
  await server.createAccount(address, PASSWORD)
  return address
}

const messages = (e: Element): boolean => e.name === 'message'
const bodies = async (client: TestClient): Promise<readonly string[]> =>
  (await client.elements(messages)).map((m) => `${m.attr('type') ?? 'normal'} ${m.child('body')?.text ?? ''}`)

/** Sends a message and waits until it has been dealt with. Returns what came back: the condition of its error, or ''. */
async function outcome(from: TestClient, to: string, type: string): Promise<string> {
  const typed = type === 'normal' ? '' : ` type='${type}'`
  from.send(`<message to='${to}' id='m-${type}'${typed}><body>${type}</body></message>`)
  const ping = from.ask('get', to.split('/')[0]!, `<ping xmlns='${NS.ping}'/>`)
  let error = ''
  for (;;) {
    const e = await from.element((x) => x.name === 'message' || x.attr('id') === ping)
    if (e.name === 'iq') return error
    assert.equal(e.attr('id'), `m-${type}`)
    assert.equal(e.attr('from'), to, 'an error comes from whom the message was for')
    error = errorOf(e)
  }
}

const TYPES = ['normal', 'chat', 'headline', 'groupchat', 'error'] as const
const UNAVAILABLE = 'cancel/service-unavailable'

/** RFC 6121 §8.5: who gets what, by how the account stands; '' nobody and no error, 'kept' for later. */
const table: readonly (readonly [situation: string, to: 'bare' | 'full' | 'gone', ...results: readonly string[]])[] = [
  ['absent', 'bare', UNAVAILABLE, UNAVAILABLE, '', UNAVAILABLE, ''],
  ['absent', 'full', UNAVAILABLE, UNAVAILABLE, '', UNAVAILABLE, ''],
  ['offline', 'bare', 'kept', 'kept', '', UNAVAILABLE, ''],
  ['offline', 'full', 'kept', 'kept', '', UNAVAILABLE, ''],
  ['connected', 'bare', 'kept', 'kept', '', UNAVAILABLE, ''],
  ['connected', 'full', 'one', 'one', 'one', 'one', 'one'],
  ['negative', 'bare', 'kept', 'kept', '', UNAVAILABLE, ''],
  ['negative', 'full', 'one', 'one', 'one', 'one', 'one'],
  ['available', 'bare', 'one', 'one', 'one', UNAVAILABLE, ''],
  ['available', 'full', 'one', 'one', 'one', 'one', 'one'],
  ['available', 'gone', 'one', 'one', '', UNAVAILABLE, ''],
]

for (const [from, sender] of [
  ['home', here],
  ['abroad', abroad],
] as const) {
  for (const [situation, to, ...results] of table) {
    test(`from ${from} to a ${to} address, account ${situation}`, async () => {
      const address = situation === 'absent' ? `nobody${++made}@a.example` : await account()
      const client =
        situation === 'absent' || situation === 'offline'
          ? undefined
          : await network.client(address, { resource: 'one', presence: false })
      if (situation === 'available') client?.send('<presence/>')
      if (situation === 'negative') client?.send('<presence><priority>-1</priority></presence>')
      await client?.ping()
      const target = to === 'bare' ? address : `${address}/${to === 'gone' ? 'elsewhere' : 'one'}`
      const kept: string[] = []
      for (const [i, type] of TYPES.entries()) {
        const expected = results[i]!
        assert.equal(await outcome(sender, target, type), expected.includes('/') ? expected : '', type)
        const got = client === undefined ? [] : await bodies(client)
        assert.deepEqual(got, expected === 'one' ? [`${type} ${type}`] : [], type)
        if (expected === 'kept') kept.push(`${type} ${type}`)
      }
      client?.destroy()
      if (situation === 'absent') return
      const later = await network.client(address, { resource: 'later' })
      assert.deepEqual(await bodies(later), kept, 'what was kept')
    })
  }
}

test('several resources: chat to the highest priority, headline to all that are not negative', async () => {
  const address = await account()
  const clients: TestClient[] = []
  for (const [resource, priority] of [
    ['low', 1],
    ['high', 5],
    ['equal', 5],
    ['negative', -1],
  ] as const) {
    const client = await network.client(address, { resource, presence: false })
    client.send(`<presence><priority>${priority}</priority></presence>`)
    await client.ping()
    clients.push(client)
  }
  clients.push(await network.client(address, { resource: 'silent', presence: false }))
  for (const type of ['chat', 'normal', 'headline']) assert.equal(await outcome(here, address, type), '')
  const got: (readonly string[])[] = []
  for (const client of clients) got.push(await bodies(client))
  const headline = ['headline headline']
  const everything = ['chat chat', 'normal normal', 'headline headline']
  assert.deepEqual(got, [headline, everything, everything, [], []])
})

test('a message without an address is for oneself', async () => {
  const client = await network.client(await account())
  client.send("<message type='chat'><body>note to self</body></message>")
  const note = await client.message()
  assert.equal(note.child('body')?.text, 'note to self')
  assert.equal(note.attr('from'), client.jid)
})

describe('offline', () => {
  test('messages come in order, once, with the time when they were taken, and from each sender', async () => {
    const address = await account()
    for (let i = 1; i <= 120; i++)
      here.send(`<message to='${address}' type='chat' id='i${i}' xml:lang='it'><body>${i}</body></message>`)
    assert.equal(await outcome(abroad, address, 'chat'), '')
    assert.equal(await outcome(here, address, 'normal'), '')
    const before = Date.now()
    const first = await network.client(address, { presence: false })
    assert.deepEqual(await bodies(first), [], 'not before presence')
    first.send('<presence><priority>-5</priority></presence>')
    assert.deepEqual(await bodies(first), [], 'not to a negative priority')
    first.send('<presence><priority>0</priority></presence>')
    const got: Element[] = []
    while (got.length < 122) got.push(await first.message())
    const mine = got.filter((m) => m.attr('from') === here.jid)
    assert.deepEqual(
      mine.map((m) => m.child('body')?.text ?? ''),
      [...Array.from({ length: 120 }, (_, i) => String(i + 1)), 'normal'],
    )
    assert.deepEqual([mine[0]?.attr('id'), mine[0]?.attr('xml:lang'), mine[0]?.attr('to')], ['i1', 'it', address])
    for (const message of got) {
      const delay = message.child('delay', NS.delay)
      assert.equal(delay?.attr('from'), 'a.example')
      const stamp = Date.parse(delay?.attr('stamp') ?? '')
      assert.ok(stamp <= before && stamp > before - 60_000, String(delay))
    }
    const second = await network.client(address, { resource: 'second' })
    assert.deepEqual(await bodies(second), [])
  })

  test('two resources that come at the same time get each message once between them', async () => {
    const address = await account()
    for (let i = 1; i <= 60; i++) here.send(`<message to='${address}' type='chat'><body>${i}</body></message>`)
    assert.equal(await outcome(here, address, 'chat'), '')
    const [one, two] = [
      await network.client(address, { resource: 'one', presence: false }),
      await network.client(address, { resource: 'two', presence: false }),
    ]
    one.send('<presence/>')
    two.send('<presence/>')
    const got: string[] = []
    for (const client of [one, two, one, two]) got.push(...(await bodies(client)))
    assert.equal(got.length, 61)
    assert.equal(new Set(got).size, 61)
  })

  test('they outlive a restart', async () => {
    const address = `keeper${++made}@b.example`
    await network.servers.get('b.example')!.createAccount(address, PASSWORD)
    const writer = await network.client('sender@b.example', { resource: 'writer' })
    writer.send(`<message to='${address}' type='chat'><body>still there</body></message>`)
    await writer.request('get', address, `<ping xmlns='${NS.ping}'/>`)
    await network.restart('b.example')
    const client = await network.client(address)
    assert.deepEqual(await bodies(client), ['chat still there'])
  })

  const inside: readonly (readonly [what: string, xml: string, kept: boolean])[] = [
    ['a chat state alone', `<composing xmlns='${NS.chatStates}'/>`, false],
    ['a chat state with its thread', `<thread>t</thread><paused xmlns='${NS.chatStates}'/>`, false],
    ['nothing', '', false],
    ['a body that must not be stored', `<body>x</body><no-store xmlns='${NS.hints}'/>`, false],
    ['a chat state with a body', `<body>x</body><active xmlns='${NS.chatStates}'/>`, true],
    ['a receipt', "<received xmlns='urn:xmpp:receipts' id='x'/>", true],
    ['a chat state that must be stored', `<gone xmlns='${NS.chatStates}'/><store xmlns='${NS.hints}'/>`, true],
  ]
  for (const [what, xml, isKept] of inside) {
    test(`${what} is ${isKept ? '' : 'not '}kept`, async () => {
      const address = await account()
      here.send(`<message to='${address}' type='chat' id='probe'>${xml}</message>`)
      await here.request('get', address, `<ping xmlns='${NS.ping}'/>`)
      const client = await network.client(address)
      assert.equal((await client.elements(messages)).length, isKept ? 1 : 0)
    })
  }

  test('a stamp that claims to be ours is taken off, others stay', async () => {
    const address = await account()
    const delay = (from: string): string => `<delay xmlns='${NS.delay}' from='${from}' stamp='2002-09-10T23:08:25Z'/>`
    here.send(`<message to='${address}' type='chat'><body>x</body>${delay('a.example')}${delay('c.example')}</message>`)
    await here.request('get', address, `<ping xmlns='${NS.ping}'/>`)
    const client = await network.client(address)
    const delays = (await client.message()).childrenNamed('delay', NS.delay)
    assert.deepEqual(
      delays.map((d) => d.attr('from')),
      ['c.example', 'a.example'],
    )
    assert.doesNotMatch(delays[1]?.attr('stamp') ?? '2002', /^2002/)
  })

  test('a full mailbox says so to the sender, and keeps what it has', async () => {
    const address = await account()
    for (let i = 1; i <= 1000; i++) here.send(`<message to='${address}' type='chat'><body>${i}</body></message>`)
    assert.equal(await outcome(here, address, 'chat'), 'wait/resource-constraint')
    const client = await network.client(address)
    const got: string[] = []
    while (got.length < 1000) got.push((await client.message()).child('body')!.text)
    assert.equal(got.at(-1), '1000')
    assert.equal(await outcome(here, address, 'chat'), '', 'there is room again')
  })
})

test('without the module offline the sender is told that nobody is there', async () => {
  const b = network.servers.get('b.example')!
  await b.createAccount('juliet@plain.b.example', PASSWORD)
  const sender = await network.client('sender@b.example', { resource: 'again' })
  assert.equal(await outcome(sender, 'juliet@plain.b.example', 'chat'), UNAVAILABLE)
})

describe('order', () => {
  test('1000 messages to one account keep their order while the account comes, goes and is written to', async () => {
    const address = await account()
    const send = (from: number, to: number): void => {
      for (let i = from; i <= to; i++) {
        here.send(`<message to='${address}' type='chat'><body>${i}</body></message>`)
        // work for the storage in between, to the same account and to others
        if (i % 50 === 0)
          here.send(
            `<presence type='subscribe' to='${address}'/><message to='sender@a.example/gone' type='chat'><body>-</body></message>`,
          )
      }
    }
    const got: number[] = []
    const read = async (client: TestClient, upTo: number): Promise<void> => {
      while (got.at(-1) !== upTo) got.push(Number((await client.message()).child('body')!.text))
    }
    send(1, 300)
    const one = await network.client(address, { presence: false })
    one.send('<presence/>') // some are kept, some are on their way
    send(301, 600)
    await read(one, 600)
    one.send("<presence type='unavailable'/>")
    await one.ping()
    send(601, 800)
    one.send('<presence/>')
    send(801, 1000)
    await read(one, 1000)
    assert.deepEqual(
      got,
      Array.from({ length: 1000 }, (_, i) => i + 1),
    )
    await here.elements()
  })

  test('a message does not overtake what its sender did before it: presence, subscription', async () => {
    for (const address of [await account(), 'sender@b.example']) {
      const juliet = await network.client(address, { resource: `w${++made}` })
      const romeo = await network.client(await account(), { presence: false })
      romeo.send(
        `<presence/><presence to='${juliet.jid}'/><message to='${juliet.jid}' type='chat'><body>1</body></message>` +
          `<presence type='subscribe' to='${address}'/><message to='${juliet.jid}' type='chat'><body>2</body></message>` +
          `<presence type='unavailable' to='${juliet.jid}'/><message to='${juliet.jid}' type='chat'><body>3</body></message>`,
      )
      const heard: string[] = []
      while (heard.length < 6) {
        const e = await juliet.element((x) => x.attr('from')?.startsWith(romeo.jid.split('/')[0]!) === true)
        heard.push(e.name === 'message' ? e.child('body')!.text : (e.attr('type') ?? 'available'))
      }
      assert.deepEqual(heard, ['available', '1', 'subscribe', '2', 'unavailable', '3'], address)
    }
  })
})

describe('language', () => {
  for (const where of ['a', 'b'] as const) {
    test(`what a client does not say itself, its stream says, to ${where}.example`, async () => {
      const juliet = await network.client(`sender@${where}.example`, { resource: `l${++made}` })
      const romeo = await network.client(await account(), { lang: 'it' })
      romeo.send(`<message to='${juliet.jid}' type='chat'><body>ciao</body></message>`)
      assert.equal((await juliet.message()).attr('xml:lang'), 'it')
      romeo.send(`<message to='${juliet.jid}' type='chat' xml:lang='de'><body>hallo</body></message>`)
      assert.equal((await juliet.message()).attr('xml:lang'), 'de')
    })
  }

  test('without a language at home there is none', async () => {
    const romeo = await network.client(await account())
    const juliet = await network.client(await account())
    romeo.send(`<message to='${juliet.jid}' type='chat'><body>?</body></message>`)
    assert.equal((await juliet.message()).attr('xml:lang'), undefined)
  })
})
