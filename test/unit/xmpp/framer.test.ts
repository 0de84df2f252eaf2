import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Budget, PRE_AUTH_BUDGET } from '../../../src/xmpp/framer.ts'
import { bytesOf, CLIENT, faultOf, frame, ROOMY, recorder, STREAMS, stanzaOf, transcript } from './record.ts'

const words = (log: readonly { readonly on: string }[]): string => log.map((said) => said.on).join(' ')

describe('the stream header', () => {
  test('is told as it is written, unescaped, with its prefixes', () => {
    const [said] = frame(
      `<?xml version="1.0" encoding='utf-8' ?>\n<stream:stream xmlns:db='jabber:server:dialback' xmlns='jabber:server' xmlns:stream='${STREAMS}' ` +
        `from='a&amp;b' to="b.example" id='&#x31;' version='1.0' xml:lang='de'>`,
    )
    assert.ok(said?.on === 'header')
    const { prefixes, ...rest } = said.header
    assert.deepEqual(rest, {
      name: 'stream',
      ns: STREAMS,
      prefix: 'stream',
      contentNs: 'jabber:server',
      from: 'a&b',
      to: 'b.example',
      id: '1',
      version: '1.0',
      lang: 'de',
    })
    assert.deepEqual(
      [...prefixes],
      [
        ['db', 'jabber:server:dialback'],
        ['stream', STREAMS],
      ],
    )
  })

  test('of another root is told too: others judge it', () => {
    const [said] = frame("<x:flow xmlns:x='urn:x'>")
    assert.ok(said?.on === 'header')
    assert.deepEqual([said.header.name, said.header.ns, said.header.contentNs], ['flow', 'urn:x', ''])
  })

  test('a byte order mark is accepted once, before it', () => {
    assert.equal(words(frame(`\ufeff${CLIENT}<iq/>`)), 'header stanza')
    assert.equal(words(frame(`\ufeff<?xml version='1.0'?>${CLIENT}<iq/>`)), 'header stanza')
  })

  test('as an empty tag is a whole stream', () => {
    assert.equal(words(frame(`<stream:stream xmlns:stream='${STREAMS}'/><iq/>`)), 'header end')
  })

  test('without a content namespace lets each stanza name its own', () => {
    const log = frame(
      `<stream xmlns='${STREAMS}'><iq xmlns='jabber:server'/><message xmlns='jabber:client'/><message xmlns='u'/>`,
    )
    assert.equal(words(log), 'header stanza stanza element')
    assert.equal(log[0]?.on === 'header' && log[0].header.contentNs, '')
  })
})

describe('the end of a stream', () => {
  test('is told once, and what is behind it is never parsed', () => {
    for (const size of [1, 1000])
      assert.equal(words(frame(`${CLIENT}<iq/></stream:stream >\xff<!DOCTYPE`, size)), 'header stanza end')
  })

  test('inside a stanza is no end', () => {
    assert.equal(faultOf('<message></stream:stream>'), 'not-well-formed')
    assert.equal(faultOf('<message><body></stream:stream></body></message>'), 'not-well-formed')
  })
})

describe('stanzas', () => {
  test('have their addresses, type, id, language and the rest', () => {
    const stanza = stanzaOf(
      "<message from='a@b.example/C' to='d.example' type='chat' id='1' xml:lang='fr' x='y'><body>z</body></message>",
    )
    assert.deepEqual(
      [stanza.kind, String(stanza.from), String(stanza.to), stanza.type, stanza.id, stanza.lang, stanza.extra],
      ['message', 'a@b.example/C', 'd.example', 'chat', '1', 'fr', [['x', 'y']]],
    )
    assert.equal(stanza.child('body')?.text, 'z')
  })

  test('tell which address is malformed; the sender first', () => {
    assert.equal(stanzaOf("<iq to=''/>").malformed, 'to')
    assert.equal(stanzaOf("<iq from='@'/>").malformed, 'from')
    assert.equal(stanzaOf("<iq from='@' to='@'/>").malformed, 'from')
    assert.equal(stanzaOf("<iq to='@' from='@'/>").malformed, 'from')
    assert.equal(stanzaOf("<iq to='@' from='a.example'/>").from?.toString(), 'a.example')
    assert.equal(stanzaOf("<iq to='@'><x xmlns='u'><![CDATA[]]></x></iq>").malformed, 'to')
    assert.equal(stanzaOf('<iq/>').malformed, undefined)
  })

  test('do not inherit anything from the one before', () => {
    const log = frame(`${CLIENT}<iq to='a.example' from='@' type='get' id='1' xml:lang='de' x='1'><q/></iq><iq/>`)
    const said = log[2]
    assert.ok(said?.on === 'stanza')
    assert.equal(said.stanza.toString(), '<iq/>')
    assert.equal(said.stanza.malformed, undefined)
    assert.deepEqual(said.stanza.entries, [])
  })

  test('have an entry for each direct child', () => {
    const stanza = stanzaOf("<message>\n<body>a<b/></body> <x xmlns='u'/><p:y xmlns:p='v'><z/></p:y></message>")
    assert.deepEqual(
      stanza.entries.map((e) => [e.name, e.ns, Buffer.from(stanza.inside.subarray(e.start, e.end)).toString()]),
      [
        ['body', 'jabber:client', '<body>a<b/></body>'],
        ['x', 'u', "<x xmlns='u'/>"],
        ['y', 'v', "<p:y xmlns:p='v'><z/></p:y>"],
      ],
    )
  })

  test('a prefix of a stanza is gone in the next one', () => {
    assert.equal(faultOf("<message xmlns:p='u'/><message><p:x/></message>"), 'not-well-formed')
    assert.equal(faultOf("<message><a xmlns:p='u'><p:b/></a><p:c/></message>"), 'not-well-formed')
  })
})

describe('control from inside an event', () => {
  test('pause keeps what follows until resume', () => {
    const { framer, log } = recorder(ROOMY, (_, f) => f.pause())
    framer.push(bytesOf(`${CLIENT}<iq/><message/>`))
    assert.equal(words(log), 'header')
    assert.equal(framer.unread, '<iq/><message/>'.length)
    framer.push(bytesOf('<presence/></stream:stream>'))
    framer.resume()
    assert.equal(words(log), 'header stanza')
    framer.resume()
    framer.resume()
    framer.resume()
    assert.equal(words(log), 'header stanza stanza stanza end')
    assert.equal(framer.unread, 0)
  })

  test('resume inside the event that paused goes on', () => {
    const { framer, log } = recorder(ROOMY, (_, f) => {
      f.pause()
      f.resume()
    })
    framer.push(bytesOf(`${CLIENT}<iq/><iq/>`))
    assert.equal(words(log), 'header stanza stanza')
  })

  test('push inside an event keeps the order', () => {
    const { framer, log } = recorder(ROOMY, (said, f) => {
      if (said.on === 'header') f.push(bytesOf('<presence/>'))
    })
    framer.push(bytesOf(`${CLIENT}<iq/>`))
    assert.deepEqual(transcript(log).slice(1), ['stanza  <iq/> []', 'stanza  <presence/> []'])
  })

  test('stop says nothing more', () => {
    const { framer, log } = recorder(ROOMY, (said, f) => {
      if (said.on === 'stanza') f.stop()
    })
    framer.push(bytesOf(`${CLIENT}<iq/><iq/>`))
    framer.push(bytesOf('<iq/>'))
    framer.restart()
    framer.resume()
    assert.equal(words(log), 'header stanza')
    assert.equal(framer.unread, 0)
  })

  test('restart begins a new stream with the next byte, without the old namespaces', () => {
    for (const size of [1, 4, 1000]) {
      const { framer, log } = recorder(ROOMY, (said, f) => {
        if (said.on === 'element') f.restart()
      })
      const second = `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='${STREAMS}'>`
      const bytes = bytesOf(`${CLIENT}<success xmlns='urn:s'/>\n ${second}<iq/><db:verify/>`)
      for (let p = 0; p < bytes.length; p += size) framer.push(bytes.slice(p, p + size))
      assert.equal(words(log), 'header element header stanza fault')
      assert.ok(log[2]?.on === 'header')
      assert.equal(log[2].header.contentNs, 'jabber:server')
      assert.equal(log[2].header.to, undefined)
    }
  })

  test('a handler that throws breaks nothing: the next event comes', () => {
    const { framer, log } = recorder(ROOMY, (said) => {
      if (said.on === 'header') throw new RangeError('of the handler')
    })
    assert.throws(() => framer.push(bytesOf(`${CLIENT}<iq/>`)), RangeError)
    framer.resume()
    assert.equal(words(log), 'header stanza')
  })
})

describe('unread', () => {
  test('counts what no event has taken; white space between stanzas is taken at once', () => {
    const { framer } = recorder()
    framer.push(bytesOf(CLIENT))
    assert.equal(framer.unread, 0)
    framer.push(bytesOf('  \n'))
    assert.equal(framer.unread, 0)
    framer.push(bytesOf('<iq'))
    framer.push(bytesOf(' to'))
    assert.equal(framer.unread, 6)
    framer.push(bytesOf('="a"/> '))
    assert.equal(framer.unread, 0)
  })
})

describe('budgets end the stream with policy-violation', () => {
  const cases: readonly (readonly [Partial<Budget>, string, string])[] = [
    [{ stanzaBytes: 200 }, `<message>${'x'.repeat(181)}</message>`, `<message>${'x'.repeat(182)}</message>`],
    [{ elements: 3 }, '<iq><a/><b/></iq><iq><a/><b/></iq>', '<iq><a/><b/><c/></iq>'],
    [{ depth: 3 }, '<iq><a><b/></a></iq>', '<iq><a><b><c/></b></a></iq>'],
    [{ attributes: 3 }, "<iq a='' b='' c='' xmlns:d='u'/>", "<iq a='' b='' c='' d=''/>"],
    [{ declarations: 2 }, "<iq xmlns:a='u' xmlns='jabber:client' to='a'/>", "<iq xmlns:a='u' xmlns:b='u' xmlns:c='u'/>"],
    [{ nameBytes: 13 }, '<iq><abcdefghijklm/></iq>', '<iq><abcdefghijklmn/></iq>'],
    [{ nameBytes: 13 }, "<iq abcdefghijklm=''/>", "<iq abcdefghijklmn=''/>"],
    [{ nameBytes: 13 }, "<iq \u0416bcdefghijkl=''/>", "<iq \u0416bcdefghijkl\u0416=''/>"],
    [{ valueBytes: 40 }, `<iq a='${'x'.repeat(40)}'/>`, `<iq a='${'x'.repeat(41)}'/>`],
    [{ valueBytes: 40 }, `<iq a='${'&amp;'.repeat(8)}'/>`, `<iq a='${'&amp;'.repeat(8)}x'/>`],
    [{ totalBytes: CLIENT.length + 10 }, '     <iq/>', '      <iq/>'],
    [{ totalBytes: CLIENT.length + 10 }, '          ', '           '],
  ]
  for (const [change, fits, exceeds] of cases) {
    const budget = { ...ROOMY, ...change }
    test(`${JSON.stringify(change)}: ${exceeds.slice(0, 50)}`, () => {
      assert.equal(faultOf(fits, budget), undefined)
      const whole = frame(CLIENT + exceeds, undefined, budget)
      const last = whole.at(-1)
      assert.ok(last?.on === 'fault')
      assert.equal(last.condition, 'policy-violation')
      assert.equal(last.extra, 'stanzaBytes' in change ? "<stanza-too-big xmlns='urn:xmpp:errors'/>" : undefined)
      for (const size of [1, 3]) assert.deepEqual(transcript(frame(CLIENT + exceeds, size, budget)), transcript(whole))
    })
  }

  test('a header is bounded like a stanza', () => {
    const log = frame(CLIENT, undefined, { ...ROOMY, stanzaBytes: 80 })
    assert.deepEqual(transcript(log), ["fault policy-violation XML stanza is too big <stanza-too-big xmlns='urn:xmpp:errors'/>"])
  })

  test('is noticed at the bound, not at the end of what exceeds it', () => {
    assert.equal(faultOf(`<iq a='${'x'.repeat(5000)}`, PRE_AUTH_BUDGET), 'policy-violation')
    assert.equal(faultOf(`<${'x'.repeat(300)}`, PRE_AUTH_BUDGET), 'policy-violation')
    assert.equal(faultOf(`<iq>${'x'.repeat(10_000)}`, PRE_AUTH_BUDGET), 'policy-violation')
  })

  test('a new budget counts from the first byte that is not taken', () => {
    const tight: Budget = { ...ROOMY, totalBytes: CLIENT.length + 20 }
    const { framer, log } = recorder(tight, (said, f) => {
      if (said.on === 'element') f.setBudget({ ...ROOMY, totalBytes: 10 })
    })
    framer.push(bytesOf(`${CLIENT}          `))
    framer.push(bytesOf('<query/>          '))
    assert.equal(words(log), 'header element')
    framer.push(bytesOf(' '))
    assert.equal(words(log), 'header element fault')
  })
})
