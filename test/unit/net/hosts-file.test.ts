import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseHosts, parseResolvConf } from '../../../src/net/hosts-file.ts'
import { parsedFile } from '../../../src/net/parsed-file.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

test('the hosts file: comments, several names, both families, repeated lines, nonsense', () => {
  const hosts = parseHosts(
    '# 1.1.1.1 no\n127.0.0.1\tlocalhost A.example # b\n::1 localhost\n\n127.0.0.1 localhost\nnonsense c\n10.0.0.1\r\n',
  )
  assert.deepEqual(
    [...hosts],
    [
      ['localhost', ['127.0.0.1', '::1']],
      ['a.example', ['127.0.0.1']],
    ],
  )
})

test('resolv.conf: name servers in their order, everything else passed over', () => {
  const servers = parseResolvConf(
    '; c\n# nameserver 9.9.9.9\nsearch example\nnameserver 192.0.2.1\nnameserver fe80::1%eth0 # x\nnameserver no\noptions edns0',
  )
  assert.deepEqual(servers, [
    { address: '192.0.2.1', port: 53 },
    { address: 'fe80::1%eth0', port: 53 },
  ])
})

test('resolv.conf without name servers means the one on this machine', () => {
  assert.deepEqual(parseResolvConf(''), [{ address: '127.0.0.1', port: 53 }])
})

test('a file is followed, but looked at every 5 s at most; a missing one is empty', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'entente-hosts-'))
  try {
    const clock = new FakeClock()
    const path = join(folder, 'hosts')
    const hosts = parsedFile(path, parseHosts, clock)
    assert.equal(hosts().size, 0)
    writeFileSync(path, '127.0.0.1 a')
    assert.equal(hosts().size, 0)
    await clock.advance(5_000)
    assert.equal(hosts().size, 1)
    assert.equal(hosts(), hosts())
    rmSync(path)
    await clock.advance(5_000)
    assert.equal(hosts().size, 0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
