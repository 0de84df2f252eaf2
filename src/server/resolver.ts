import type { Config } from '../config/config.ts'
import type { Clock } from '../net/clock.ts'
import type { EndpointOptions } from '../net/endpoints.ts'
import { openResolver, type Resolver } from '../net/resolver.ts'

/** DNS as the configuration describes it. Belongs to the caller. */
export function configuredResolver(config: Config, clock: Clock): Resolver {
  const servers = config.get(undefined, 'dns_servers')
  const trusted = config.get(undefined, 'dns_trusted_servers')
  const { resolvconf, hoststxt } = config.get(undefined, 'unbound')
  return openResolver({
    clock,
    ...(servers === undefined ? {} : { servers }),
    ...(trusted === undefined ? {} : { trusted: [...trusted] }),
    ...(typeof resolvconf === 'string' ? { resolvconf } : {}),
    ...(hoststxt === undefined ? {} : { hosts: hoststxt === true ? '/etc/hosts' : hoststxt }),
  })
}

/** How the configuration wants endpoints to be looked up for a host of ours. */
export function endpointOptions(config: Config, local: string, resolver: Resolver, clock: Clock): EndpointOptions {
  return {
    resolver,
    clock,
    random: Math.random, // spreads load over SRV weights; nothing secret
    ipv4: config.get(undefined, 'use_ipv4'),
    ipv6: config.get(undefined, 'use_ipv6'),
    dane: config.get(local, 'use_dane'),
  }
}
