import type { Command, Outcome } from './commands.ts'

/** What was asked for is not possible; the message is one sentence for whoever asked. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** The operations on accounts: by a running server, or on its store while it does not run. They throw CommandError. */
export interface Accounts {
  createAccount(address: string, password: string): Promise<void>
  setPassword(address: string, password: string): Promise<void>
  removeAccount(address: string): Promise<void>
}

const ADDRESS = { name: 'JID', help: 'the address, such as romeo@example.com' }
const PASSWORD = { name: 'PASSWORD', help: 'asked for when it is not given', secret: true }

export const accountCommands: readonly Command<Accounts>[] = [
  {
    name: 'adduser',
    summary: 'Makes an account.',
    parameters: [ADDRESS, PASSWORD],
    run: (accounts, [address, password]) =>
      outcome(() => accounts.createAccount(address!, password!), `The account ${address} is made.`),
  },
  {
    name: 'passwd',
    summary: 'Gives an account another password.',
    parameters: [ADDRESS, PASSWORD],
    run: (accounts, [address, password]) =>
      outcome(() => accounts.setPassword(address!, password!), `The password of ${address} is changed.`),
  },
  {
    name: 'deluser',
    summary: 'Deletes an account and everything stored for it.',
    parameters: [ADDRESS],
    run: (accounts, [address]) => outcome(() => accounts.removeAccount(address!), `The account ${address} is deleted.`),
  },
]

async function outcome(run: () => Promise<void>, done: string): Promise<Outcome> {
  try {
    await run()
    return { ok: true, lines: [done] }
  } catch (error) {
    if (error instanceof CommandError) return { ok: false, lines: [error.message] }
    throw error
  }
}
