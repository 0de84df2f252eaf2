import { defineModule, type ModuleContext } from '../core/module.ts'
import { type FormField, resultForm } from '../xmpp/forms.ts'

const FORM_TYPE = 'http://jabber.org/network/serverinfo'
const ROLES = ['abuse', 'admin', 'feedback', 'sales', 'security', 'status', 'support'] as const

export const serverContactInfo = defineModule({
  name: 'server_contact_info',
  summary: 'Tells where the people who run the server can be reached.',
  implements: [{ xep: 157, version: '1.1.0' }],
  needs: ['disco'],
  setup(ctx) {
    // asked each time: a reload may have changed the options
    ctx.extension(() => {
      const fields = contactFields(ctx)
      return fields.length === 0 ? undefined : resultForm(FORM_TYPE, fields)
    })
  },
})

/** Without `contact_info` the admins of the host are who to turn to. */
function contactFields(ctx: ModuleContext): readonly FormField[] {
  const given = ctx.option('contact_info')
  if (given === undefined || Object.keys(given).length === 0) {
    const admins = [...ctx.option('admins')].map((admin) => `xmpp:${admin}`)
    return admins.length === 0 ? [] : [{ var: 'admin-addresses', type: 'list-multi', values: admins }]
  }
  return ROLES.flatMap((role): readonly FormField[] => {
    const values = given[role] ?? []
    return values.length === 0 ? [] : [{ var: `${role}-addresses`, type: 'list-multi', values }]
  })
}
