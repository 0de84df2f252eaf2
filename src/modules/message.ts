import { deliverMessage } from '../core/delivery.ts'
import { defineModule } from '../core/module.ts'

export const message = defineModule({
  name: 'message',
  summary: 'Delivers messages to the resources that RFC 6121 names, or to offline storage.',
  implements: [{ rfc: 6121 }],
  setup(ctx) {
    ctx.claim('account-message', (stanza, source) => deliverMessage(ctx.host, stanza, source))
  },
})
