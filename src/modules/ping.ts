import { defineModule } from '../core/module.ts'
import { NS } from '../xmpp/ns.ts'

export const ping = defineModule({
  name: 'ping',
  summary: 'Answers pings to the server and to accounts.',
  implements: [{ xep: 199, version: '2.0.1' }],
  setup(ctx) {
    ctx.advertise(NS.ping)
    ctx.iq({ type: 'get', ns: NS.ping, name: 'ping', to: 'host', from: 'anybody', handle: (iq) => iq.result() })
    ctx.iq({ type: 'get', ns: NS.ping, name: 'ping', to: 'account', from: 'contacts', handle: (iq) => iq.result() })
  },
})
