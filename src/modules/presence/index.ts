import { defineModule } from '../../core/module.ts'
import { subscriptionType } from '../../core/subscription.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import type { Stanza } from '../../xmpp/stanza.ts'
import { answerProbe, toAccount } from './inbound.ts'
import { available, directed, sessionEnded, unavailable } from './outbound.ts'
import { receiveSubscription, sendSubscription, takeLeave } from './subscriptions.ts'

export const presence = defineModule({
  name: 'presence',
  summary: 'Tells contacts who is there, and handles their subscriptions.',
  implements: [{ rfc: 6121 }],
  setup(ctx) {
    ctx.claim('client-presence', (stanza, session) => {
      const subscription = subscriptionType(stanza.type)
      if (subscription !== undefined) return sendSubscription(ctx, subscription, stanza, session)
      switch (stanza.type) {
        case undefined:
          return stanza.to === undefined ? available(ctx, stanza, session) : directed(ctx, stanza, session)
        case 'unavailable':
          return stanza.to === undefined ? unavailable(ctx, stanza, session) : directed(ctx, stanza, session)
        case 'error':
        case 'probe': // a server's business (§4.3), yet some clients ask; answered for the account, not for a resource
          if (stanza.to !== undefined) {
            ctx.send(stanza.type === 'probe' ? stanza.with({ from: session.jid.bare }) : stanza, session.stream)
          }
          return undefined
        default:
          throw new StanzaError('bad-request')
      }
    })
    ctx.claim('account-presence', (stanza: Stanza, source) => {
      const subscription = subscriptionType(stanza.type)
      if (subscription !== undefined) return receiveSubscription(ctx, subscription, stanza)
      if (stanza.type === 'probe') return answerProbe(ctx, stanza)
      return toAccount(ctx, stanza, source)
    })
    ctx.sessionClosed((session) => sessionEnded(ctx, session))
    ctx.accountRemoved((local, roster) => takeLeave(ctx, local, roster))
  },
})
