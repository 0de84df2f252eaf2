/**
 * `npm run demo`: two servers for two domains exchange messages under three policies. With `--keep` they stay up for the
 * reader's own client. Needs no root and no network but loopback, and leaves nothing behind.
 */
import { randomBytes } from 'node:crypto'
import { trustOnly } from './actors.ts'
import { CERTIFICATES_REQUIRED } from './acts.ts'
import { Screen } from './screen.ts'
import { ADDRESS, AUTHORITY, Stage } from './stage.ts'
import { type Outcome, Story } from './story.ts'

const USAGE = `Usage: npm run demo [-- --keep]

  --keep   leave the two servers running at the end, for a client of your own (Ctrl-C ends them)
`
/** After this the demo has failed, whatever it waits for. */
const LONGEST_MS = 50_000

/** Somebody or something ended the demo early. */
class Interrupted extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

async function perform(keep: boolean, screen: Screen, interrupted: Promise<never>): Promise<void> {
  await using stage = await Stage.open()
  const password = randomBytes(6).toString('hex')
  const story = new Story(stage, screen, password)
  trustOnly(stage.authority.caPem)
  introduce(stage, screen)
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`the demo did not end within ${LONGEST_MS / 1000} s`)), LONGEST_MS)
  try {
    summarize(await Promise.race([story.tell(), interrupted, stage.failed, late.promise]), screen)
    clearTimeout(timer)
    if (keep) await stayUp(stage, story, screen, password, interrupted)
  } catch (error) {
    if (!(error instanceof Interrupted)) for (const line of stage.lastWords) screen.line(line)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function introduce(stage: Stage, screen: Screen): void {
  screen.line('Entente: two servers for two domains, on this machine, with TLS between them.')
  screen.line()
  screen.item('name server', `${stage.nameServer}, asked by both servers`)
  screen.item('authority', `${AUTHORITY}; the servers trust it, the clients trust no other`)
  screen.item('files', `${stage.folder}, removed at the end`)
}

/** One screen: 24 lines of 80 columns. */
function summarize(outcomes: readonly Outcome[], screen: Screen): void {
  screen.heading('Summary')
  for (const [index, { act, romeoToJuliet, julietToRomeo }] of outcomes.entries()) {
    screen.line(`${index + 1}. ${act}`)
    screen.item('romeo to juliet', romeoToJuliet)
    screen.item('juliet to romeo', julietToRomeo)
  }
  screen.line()
  screen.line(`All as it should be, in ${screen.seconds.toFixed(1)} s.`)
}

/** Leaves the pair of the first act to the reader, until Ctrl-C. */
async function stayUp(stage: Stage, story: Story, screen: Screen, password: string, interrupted: Promise<never>): Promise<void> {
  const [montague, capulet] = await Promise.race([story.raise(CERTIFICATES_REQUIRED), interrupted, stage.failed])
  screen.heading('Your turn')
  screen.aside('Both servers are up again, as in the first act, and wait for a client of your own (STARTTLS).')
  for (const [user, { domain, c2s }] of [
    ['romeo', montague],
    ['juliet', capulet],
  ] as const) {
    screen.line(`${user}@${domain}`)
    screen.item('password', password)
    screen.item('server', `${ADDRESS} port ${c2s}`)
  }
  screen.line('For both')
  screen.item('CA to trust', stage.authorityFile)
  screen.line()
  screen.line('Ctrl-C ends the servers and removes their files.')
  try {
    await Promise.race([interrupted, stage.failed])
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error // asked for: the regular end
  }
}

/** Rejects at Ctrl-C and its like; a second one ends the process at once. */
function interruption(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  let asked = false
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => {
      if (asked) process.exit(128 + number)
      asked = true
      reject(new Interrupted(`ended by ${signal}`, 128 + number))
    })
  }
  // the reader of the output is gone (`npm run demo | head`)
  process.stdout.on('error', () => reject(new Interrupted('nobody reads this', 1)))
  promise.catch(() => {}) // whoever awaits it is told
  return promise
}

async function main(args: readonly string[]): Promise<number> {
  const screen = new Screen(process.stdout, process.env)
  if (args.includes('--help') || args.some((arg) => arg !== '--keep')) {
    screen.line(USAGE)
    return args.includes('--help') ? 0 : 64
  }
  try {
    await perform(args.includes('--keep'), screen, interruption())
    return 0
  } catch (error) {
    screen.line()
    screen.error(`The demo ended early: ${error instanceof Error ? error.message : String(error)}.`)
    return error instanceof Interrupted ? error.exitCode : 1
  }
}

process.exit(await main(process.argv.slice(2)))
