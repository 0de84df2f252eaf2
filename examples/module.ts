/** A module of one's own: people leave a greeting, and whoever asks them gets it. */
import { defineModule, el, NS, StanzaError } from 'entente/module'

export const GREETING = 'urn:example:greeting'

/** @param longest how many characters a greeting may have */
export function greeting(longest = 200) {
  return defineModule({
    name: 'greeting',
    summary: 'Keeps a greeting for each account.',
    needs: ['disco'],
    setup(ctx) {
      if (ctx.host.kind !== 'virtual') return
      // 'account': gone with the account, whose name is the first part of each key
      const greetings = ctx.collection<string>('greetings', 'account')
      ctx.advertise(GREETING, 'account')

      ctx.iq({
        type: 'set',
        ns: GREETING,
        name: 'greeting',
        to: 'account',
        from: 'self',
        handle: async (iq) => {
          const { text } = iq.payload
          if (text.length > longest) throw new StanzaError('not-acceptable', `a greeting has at most ${longest} characters`)
          await greetings.put([iq.account!], text)
          return iq.result() // goes out after the commit
        },
      })

      ctx.iq({
        type: 'get',
        ns: GREETING,
        name: 'greeting',
        to: 'account',
        from: 'anybody',
        handle: async (iq) => {
          const text = await greetings.get([iq.account!])
          if (text === undefined) throw new StanzaError('item-not-found')
          return iq.result(el('greeting', GREETING, {}, text))
        },
      })

      const shouts = { direction: 'outbound', kind: 'message', child: { name: 'body', ns: NS.client } } as const
      ctx.gate(shouts, (stanza) => {
        const body = stanza.child('body')!.text
        const shouted = body.length > 10 && body === body.toUpperCase() && body !== body.toLowerCase()
        return shouted ? new StanzaError('policy-violation', 'please do not shout') : 'pass'
      })
    },
  })
}
