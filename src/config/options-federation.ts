import { oneOf } from './kinds.ts'
import { withDefault } from './option.ts'
import { type RuleSetting, rules } from './rules-kind.ts'

/** Whom we federate with, and on what terms. */
export const FEDERATION_OPTIONS = {
  s2s_rules: withDefault(rules, [] as readonly RuleSetting[], {
    help: 'Rules about remote domains, such as { remote = "*.example.org", action = "block" }. Those of a host go before the global ones, all of them before the other s2s options; for each part the first that matches and speaks of it decides.',
  }),
  s2s_downgrade_policy: withDefault(oneOf('warn', 'refuse'), 'warn', {
    help: 'What to do when a domain proves itself worse than it did before: log it, or refuse it.',
  }),
}
