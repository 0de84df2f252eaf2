import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { Actor, trustOnly } from '../demo/actors.ts'
import { TestAuthority } from '../src/testing/certificate-authority.ts'
import { Network, PASSWORD } from './helpers/network.ts'

const ROOT = join(import.meta.dirname, '..')

/** A demo that runs, with a folder of its own for temporary files; what it says line by line. */
class Performance implements Disposable {
  readonly lines: string[] = []
  readonly folder = mkdtempSync(join(tmpdir(), 'entente-test-'))
  readonly #child
  readonly #output
  readonly ended: Promise<number | null>

  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, ['--conditions=entente-source', join(ROOT, 'demo', 'main.ts'), ...args], {
      env: { ...process.env, TMPDIR: this.folder, FORCE_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#output = createInterface({ input: this.#child.stdout })
    this.#output.on('line', (line) => this.lines.push(line))
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null)
  }

  /** Waits for a line that contains this. */
  async says(part: string): Promise<void> {
    while (!this.lines.some((line) => line.includes(part))) await once(this.#output, 'line')
  }

  interrupt(): void {
    this.#child.kill('SIGINT')
  }

  /** The output with its line breaks taken for spaces, as a reader takes them. */
  get text(): string {
    return this.lines.map((line) => line.trim()).join(' ')
  }

  /** Every port that its servers said they listen on. */
  get ports(): readonly number[] {
    return this.lines.flatMap((line) => /port (\d+) for clients, (\d+) for servers/.exec(line)?.slice(1) ?? []).map(Number)
  }

  /** Its files and its servers are gone. */
  async leftNothing(): Promise<void> {
    assert.deepEqual(readdirSync(this.folder), [])
    assert.ok(this.ports.length >= 2)
    for (const port of this.ports) assert.equal(await refuses(port), true, `port ${port} is still open`)
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGTERM')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function refuses(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(false))
      socket.once('error', () => resolve(true))
    })
  } finally {
    socket.destroy()
  }
}

describe('npm run demo', () => {
  test('plays three acts, ends with a summary, and leaves nothing', async () => {
    using demo = new Performance()
    const startedMono = performance.now()
    assert.equal(await demo.ended, 0, demo.lines.join('\n'))
    assert.ok(performance.now() - startedMono < 60_000)
    assert.equal(demo.lines.filter((line) => line.includes('\x1b')).length, 0, 'escape codes, and there is no terminal')

    const [, first = '', second = '', third = ''] = demo.text.split(/ [123]\. (?=Certificates|A self)/)
    assert.match(first, /certificate of Entente demo CA verified/)
    assert.match(first, /SRV question +_xmpp-server\._tcp\.capulet\.example SRV answer +xmpp\.capulet\.example port \d+/)
    assert.match(first, /TLS +TLSv1\.3 montague\.example +certificate valid, authenticated by SASL EXTERNAL/)
    assert.match(first, /TLS +TLSv1\.3 capulet\.example +certificate valid, authenticated by SASL EXTERNAL/)
    assert.match(first, /juliet reads "Is the garden gate open\?" after [\d.]+ ms/)
    assert.match(first, /romeo reads "It is\. Mind the dog\." after [\d.]+ ms/)
    assert.match(second, /capulet\.example +certificate self-signed, authenticated by dialback/)
    assert.match(second, /romeo reads "Call my house and see\." after/)
    assert.match(third, /romeo gets it back after [\d.]+ ms: "[^"]*Remote server's certificate is self-signed"/)
    assert.match(third, /juliet gets it back after [\d.]+ ms: "[^"]*Your server's certificate is self-signed/)
    assert.doesNotMatch(third, / reads "/)

    const summary = demo.lines.slice(demo.lines.indexOf('Summary'))
    assert.ok(summary.length <= 24 && summary.every((line) => line.length <= 80), 'the summary fits one screen')
    assert.match(summary.at(-1)!, /^All as it should be, in [\d.]+ s\.$/)
    await demo.leftNothing()
  })

  test('--keep leaves the servers to a client of the reader until Ctrl-C', async () => {
    using demo = new Performance('--keep')
    await demo.says('Ctrl-C')
    const yours = demo.text.slice(demo.text.indexOf('Your turn'))
    const [, account, password, port] = /(romeo@\S+) password +(\S+) server +\S+ port (\d+)/.exec(yours)!
    trustOnly(readFileSync(/CA to trust +(\S+)/.exec(yours)![1]!, 'utf8'))
    const romeo = await Actor.login(account!, password!, Number(port))
    assert.equal(romeo.tls.version, 'TLSv1.3')
    demo.interrupt()
    assert.equal(await demo.ended, 0)
    await romeo.leave()
    await demo.leftNothing()
  })

  test('Ctrl-C in the middle ends it with 130 and leaves nothing', async () => {
    using demo = new Performance()
    await demo.says('romeo writes')
    demo.interrupt()
    assert.equal(await demo.ended, 130)
    assert.match(demo.lines.at(-1)!, /ended by SIGINT/)
    await demo.leftNothing()
  })

  test('an option that it does not have is refused', async () => {
    using demo = new Performance('--kep')
    assert.equal(await demo.ended, 64)
    assert.match(demo.text, /^Usage: npm run demo/)
  })
})

describe('the clients of the demo', () => {
  test('log in only where the certificate is of their authority and for their domain', async () => {
    await using network = await Network.create()
    const setup = { address: '127.0.0.1', users: ['romeo'] }
    const logIn = async (domain: string, port: number) => (await Actor.login(`romeo@${domain}`, PASSWORD, port)).leave()
    const good = await network.server('a.example', setup)
    const misnamed = await network.server('b.example', {
      ...setup,
      certificate: { dns: ['c.example'] },
      host: 'certificate = "certs/b.example.crt"; key = "certs/b.example.key"',
    })
    const selfSigned = await network.server('c.example', { ...setup, certificate: { dns: ['c.example'], selfSigned: true } })
    const port = (server: typeof good) => server.ports('c2s')[0]!

    trustOnly(network.ca.caPem)
    await logIn('a.example', port(good))
    await assert.rejects(logIn('b.example', port(misnamed)), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    await assert.rejects(logIn('c.example', port(selfSigned)), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })

    trustOnly(TestAuthority.root({ nowMs: Date.now() }).caPem)
    await assert.rejects(logIn('a.example', port(good)), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
  })
})
