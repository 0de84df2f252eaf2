import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Element } from '../../src/xmpp/element.ts'
import { NS } from '../../src/xmpp/ns.ts'
import { Network } from '../helpers/network.ts'
import type { TestClient } from '../helpers/test-client.ts'

/** The forms of the host, each as its fields. */
async function forms(client: TestClient, domain: string): Promise<readonly Record<string, readonly string[]>[]> {
  const info = await client.request('get', domain, `<query xmlns='${NS.discoInfo}'/>`)
  const fields = (form: Element) =>
    Object.fromEntries(form.childrenNamed('field').map((f) => [f.attr('var') ?? '', f.childrenNamed('value').map((v) => v.text)]))
  return info.child('query', NS.discoInfo)!.childrenNamed('x', NS.dataForms).map(fields)
}

test('contact_info is told to anybody who asks the host, also from elsewhere and after a reload', async () => {
  await using network = await Network.create()
  const a = await network.server('a.example', {
    modules: ['tls', 'saslauth', 'dialback', 'server_contact_info'],
    host: 'contact_info = { abuse = { "mailto:abuse@a.example", "xmpp:admin@a.example" }, support = "https://a.example/help" }',
  })
  await network.server('b.example', { users: ['juliet'] })
  const juliet = await network.client('juliet@b.example')
  const serverInfo = { FORM_TYPE: ['http://jabber.org/network/serverinfo'] }
  assert.deepEqual(await forms(juliet, 'a.example'), [
    {
      ...serverInfo,
      'abuse-addresses': ['mailto:abuse@a.example', 'xmpp:admin@a.example'],
      'support-addresses': ['https://a.example/help'],
    },
  ])
  assert.deepEqual(await forms(juliet, 'b.example'), [], 'nothing where the module is not enabled')

  const file = network.configFile('a.example')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/contact_info = .*/, 'admins = { "romeo@a.example" }'))
  const { done, lines } = await a.reload()
  assert.ok(done)
  assert.ok(lines.some((line) => /a\.example: no address for abuse is told/.test(line)))
  assert.deepEqual(await forms(juliet, 'a.example'), [{ ...serverInfo, 'admin-addresses': ['xmpp:romeo@a.example'] }])

  writeFileSync(file, readFileSync(file, 'utf8').replace(/admins = .*/, ''))
  await a.reload()
  assert.deepEqual(await forms(juliet, 'a.example'), [], 'no form without a field')
})
