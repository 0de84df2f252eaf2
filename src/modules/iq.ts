import { defineModule } from '../core/module.ts'
import { StanzaError } from '../xmpp/errors.ts'

/** RFC 6121 §8.5.1, §8.5.2.1.3, §8.5.3: whoever is absent, unknown or unwilling answers the same. */
export const iq = defineModule({
  name: 'iq',
  summary: 'Delivers iq stanzas to connected resources.',
  implements: [{ rfc: 6121 }],
  setup(ctx) {
    ctx.claim('account-iq', (stanza, source) => {
      const { local, resource } = stanza.to!
      const session = resource === '' ? undefined : ctx.host.sessions.get(local, resource)
      if (session === undefined) throw new StanzaError('service-unavailable')
      session.send(stanza, source)
      return undefined
    })
  },
})
