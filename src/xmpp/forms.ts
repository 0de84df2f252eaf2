import { type Element, el } from './element.ts'
import { NS } from './ns.ts'

/** A field of a form (XEP-0004 §3.2); several values where its type is one for several. */
export interface FormField {
  readonly var: string
  readonly type?: 'boolean' | 'hidden' | 'jid-multi' | 'jid-single' | 'list-multi' | 'list-single' | 'text-multi' | 'text-single'
  readonly label?: string
  readonly values: readonly string[]
}

/** A form that tells something (XEP-0004 §3.1), named by its FORM_TYPE (XEP-0068). */
export function resultForm(formType: string, fields: readonly FormField[]): Element {
  const named: FormField = { var: 'FORM_TYPE', type: 'hidden', values: [formType] }
  return el('x', NS.dataForms, { type: 'result' }, ...[named, ...fields].map(fieldElement))
}

function fieldElement({ var: name, type, label, values }: FormField): Element {
  return el('field', NS.dataForms, { var: name, type, label }, ...values.map((value) => el('value', NS.dataForms, {}, value)))
}
