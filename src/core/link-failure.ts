import type { StanzaCondition } from '../xmpp/errors.ts'

/** Why a remote domain cannot be reached, in words for the sender; the text names the stage and no address. */
export interface LinkFailure {
  readonly stage: 'lookup' | 'connect' | 'tls' | 'certificate' | 'stream' | 'auth' | 'policy' | 'queue' | 'stanza' | 'shutdown'
  readonly condition: StanzaCondition
  readonly text: string
  /**
   * What DNS said when this came about, as a word to compare; see {@link Connector.places}. Without it nothing was looked
   * up or dialled: such a failure has cost nothing and delays nothing.
   */
  readonly places?: string
}

export const SHUTDOWN: LinkFailure = {
  stage: 'shutdown',
  condition: 'remote-server-timeout',
  text: 'this server is shutting down',
}

export const QUEUE_FULL: LinkFailure = {
  stage: 'queue',
  condition: 'resource-constraint',
  text: 'Outgoing stanza queue full',
}

export const SHARE_FULL: LinkFailure = {
  stage: 'queue',
  condition: 'resource-constraint',
  text: 'Too much of yours already waits for that server',
}

export function tooOld(ageMs: number): LinkFailure {
  const text = `This could not be sent within ${inWords(ageMs)}: the remote server is not reached, or takes nothing`
  return { stage: 'queue', condition: 'remote-server-timeout', text }
}

/** The same failure, for what is sent while no attempt is made. */
export function notBefore(failure: LinkFailure, inMs: number): LinkFailure {
  return { ...failure, text: `${failure.text}; the next attempt is possible in ${inWords(inMs)}` }
}

/** A time as people say it, never shorter than it is. */
function inWords(ms: number): string {
  return ms <= 90_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.ceil(ms / 60_000)} min`
}
