import { defineModule } from '../core/module.ts'
import { SOFTWARE } from '../core/software.ts'
import { el } from '../xmpp/element.ts'
import { NS } from '../xmpp/ns.ts'

/** The operating system is not told: it helps nobody but an attacker. */
export const version = defineModule({
  name: 'version',
  summary: 'Says which software this is.',
  implements: [{ xep: 92, version: '1.1' }],
  setup(ctx) {
    ctx.advertise(NS.version)
    ctx.iq({
      type: 'get',
      ns: NS.version,
      name: 'query',
      to: 'host',
      from: 'anybody',
      handle: (iq) =>
        iq.result(
          el('query', NS.version, {}, el('name', NS.version, {}, SOFTWARE.name), el('version', NS.version, {}, SOFTWARE.version)),
        ),
    })
  },
})
