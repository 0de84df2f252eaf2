import type { Identity, IqRequest, ModuleContext } from '../core/module.ts'
import { defineModule } from '../core/module.ts'
import { SOFTWARE } from '../core/software.ts'
import { type Element, el } from '../xmpp/element.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/ns.ts'
import type { Stanza } from '../xmpp/stanza.ts'

export const disco = defineModule({
  name: 'disco',
  summary: 'Service discovery: what the server and its accounts can do, and which services belong to it.',
  implements: [{ xep: 30, version: '2.5.0' }],
  setup(ctx) {
    ctx.advertise(NS.discoInfo)
    ctx.advertise(NS.discoItems)
    ctx.advertise(NS.discoInfo, 'account')
    ctx.advertise(NS.discoItems, 'account')
    if (ctx.host.kind === 'virtual') ctx.identity({ category: 'server', type: 'im', name: SOFTWARE.name })
    const isGuest = ctx.host.accounts?.anonymous !== undefined
    ctx.identity({ category: 'account', type: isGuest ? 'anonymous' : 'registered' }, 'account')
    for (const to of ['host', 'account'] as const) {
      const from = to === 'host' ? 'anybody' : 'contacts'
      ctx.iq({ type: 'get', ns: NS.discoInfo, name: 'query', to, from, handle: (iq) => info(ctx, iq, to) })
      ctx.iq({ type: 'get', ns: NS.discoItems, name: 'query', to, from, handle: (iq) => items(ctx, iq, to) })
    }
  },
})

function info(ctx: ModuleContext, iq: IqRequest, place: 'host' | 'account'): Stanza {
  const node = iq.payload.attr('node')
  if (node !== undefined) throw new StanzaError('item-not-found')
  const identities = ctx.host.identities[place].map(({ identity }) => identityElement(identity))
  const features = [...ctx.host.features[place].keys()].sort().map((feature) => el('feature', NS.discoInfo, { var: feature }))
  return iq.result(el('query', NS.discoInfo, {}, ...identities, ...features))
}

function items(ctx: ModuleContext, iq: IqRequest, place: 'host' | 'account'): Stanza {
  const node = iq.payload.attr('node')
  if (node !== undefined) throw new StanzaError('item-not-found')
  const services = place === 'host' ? ctx.host.services() : []
  return iq.result(el('query', NS.discoItems, {}, ...services.map((domain) => el('item', NS.discoItems, { jid: domain }))))
}

function identityElement(identity: Identity): Element {
  return el('identity', NS.discoInfo, { category: identity.category, type: identity.type, name: identity.name })
}
