import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type CertificateNames, nameFor, namesDomain } from '../../../src/policy/certificate.ts'

const names = (some: Partial<CertificateNames>): CertificateNames => ({ dns: [], srv: [], xmpp: [], ...some })

const table: readonly (readonly [string, Partial<CertificateNames>, domain: string, form: string | undefined])[] = [
  ['the same name', { dns: ['a.example'] }, 'a.example', 'dns'],
  ['in other case', { dns: ['A.Example'] }, 'a.example', 'dns'],
  ['one name of several', { dns: ['b.example', 'a.example'] }, 'a.example', 'dns'],
  ['a single label', { dns: ['localhost'] }, 'localhost', 'dns'],
  ['another name', { dns: ['b.example'] }, 'a.example', undefined],
  ['the parent', { dns: ['a.example'] }, 'x.a.example', undefined],
  ['a child', { dns: ['x.a.example'] }, 'a.example', undefined],
  ['a suffix that is no label', { dns: ['a.example'] }, 'ba.example', undefined],
  ['a trailing dot', { dns: ['a.example.'] }, 'a.example', undefined],
  ['nothing', {}, 'a.example', undefined],
  ['wildcard, one label', { dns: ['*.a.example'] }, 'x.a.example', 'wildcard'],
  ['wildcard, the domain itself', { dns: ['*.a.example'] }, 'a.example', undefined],
  ['wildcard, two labels', { dns: ['*.a.example'] }, 'x.y.a.example', undefined],
  ['wildcard, another parent', { dns: ['*.b.example'] }, 'x.a.example', undefined],
  ['wildcard over one label', { dns: ['*.com'] }, 'a.com', undefined],
  ['wildcard over everything', { dns: ['*'] }, 'localhost', undefined],
  ['wildcard dot', { dns: ['*.'] }, 'localhost', undefined],
  ['partial wildcard before', { dns: ['x*.a.example'] }, 'xy.a.example', undefined],
  ['partial wildcard after', { dns: ['*y.a.example'] }, 'xy.a.example', undefined],
  ['wildcard inside', { dns: ['a.*.example'] }, 'a.b.example', undefined],
  ['two wildcards', { dns: ['*.*.example'] }, 'a.b.example', undefined],
  ['SAN injection', { dns: ['evil.example, DNS:a.example'] }, 'a.example', undefined],
  ['NUL injection', { dns: ['a.example\0.evil.example'] }, 'a.example', undefined],
  ['SRVName', { srv: ['_xmpp-server.a.example'] }, 'a.example', 'srv'],
  ['SRVName in other case', { srv: ['_XMPP-Server.A.example'] }, 'a.example', 'srv'],
  ['SRVName of another service', { srv: ['_xmpp-client.a.example'] }, 'a.example', undefined],
  ['SRVName of another name', { srv: ['_xmpp-server.b.example'] }, 'a.example', undefined],
  ['SRVName without service', { srv: ['a.example'] }, 'a.example', undefined],
  ['SRVName with wildcard', { srv: ['_xmpp-server.*.a.example'] }, 'x.a.example', undefined],
  ['xmppAddr', { xmpp: ['a.example'] }, 'a.example', 'xmpp'],
  ['xmppAddr in other case', { xmpp: ['A.Example'] }, 'a.example', 'xmpp'],
  ['xmppAddr of an account', { xmpp: ['romeo@a.example'] }, 'a.example', undefined],
  ['xmppAddr with a resource', { xmpp: ['a.example/x'] }, 'a.example', undefined],
  ['xmppAddr with wildcard', { xmpp: ['*.a.example'] }, 'x.a.example', undefined],
  ['an IP address as a name', { dns: ['192.0.2.1'] }, '192.0.2.1', undefined],
  ['a DNS name in SRVName place', { dns: ['_xmpp-server.a.example'] }, 'a.example', undefined],
]

describe('nameFor', () => {
  for (const [what, some, domain, form] of table) {
    test(`${what}: ${JSON.stringify(some)} for ${domain} -> ${form ?? 'no'}`, () => {
      assert.equal(nameFor(names(some), domain)?.form, form)
      assert.equal(namesDomain(names(some), domain), form !== undefined)
    })
  }

  test('a client service has its own SRVName', () => {
    assert.equal(namesDomain(names({ srv: ['_xmpp-client.a.example'] }), 'a.example', 'xmpp-client'), true)
    assert.equal(namesDomain(names({ srv: ['_xmpp-server.a.example'] }), 'a.example', 'xmpp-client'), false)
  })

  test('a U-label equals its A-label, in every form of name', () => {
    const domain = 'bücher.example'
    for (const some of [
      { dns: ['xn--bcher-kva.example'] },
      { srv: ['_xmpp-server.xn--bcher-kva.example'] },
      { xmpp: ['bücher.example'] },
    ]) {
      assert.equal(namesDomain(names(some), domain), true, JSON.stringify(some))
    }
    assert.equal(namesDomain(names({ dns: ['bucher.example'] }), domain), false)
    assert.equal(nameFor(names({ dns: ['*.a.example'] }), 'bücher.a.example')?.form, 'wildcard')
    assert.equal(nameFor(names({ dns: ['*.xn--bcher-kva.example'] }), 'chat.bücher.example')?.form, 'wildcard')
  })

  test('whatever stands in the names, only an equal or a one-label wildcard name matches', () => {
    const label = fc.stringMatching(/^[a-z*]{1,3}$/)
    const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))
    fc.assert(
      fc.property(host, fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 4 }), (dns, labels) => {
        const expected = dns === labels.join('.') || (labels.length > 2 && dns === ['*', ...labels.slice(1)].join('.'))
        assert.equal(namesDomain(names({ dns: [dns] }), labels.join('.')), expected)
      }),
      { numRuns: 500 },
    )
  })
})
