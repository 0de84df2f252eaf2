import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Config } from '../config/config.ts'
import { isFamilyMissing, type Listening, listen } from '../net/listen.ts'
import type { Logger } from '../obs/log.ts'

export type ServiceName = 'c2s' | 'c2s_direct_tls' | 's2s' | 's2s_direct_tls'

interface Wanted {
  readonly service: ServiceName
  readonly address: string
  readonly port: number
}

/** Every port that the configuration names, on every interface of the families in use. */
function wanted(config: Config, services: readonly ServiceName[]): readonly Wanted[] {
  return services.flatMap((service) => {
    const own = config.get(undefined, `${service}_interfaces`)
    const addresses = [...(own ?? config.get(undefined, 'interfaces'))].filter((address) => {
      const six = address.includes(':')
      return six ? config.get(undefined, 'use_ipv6') : config.get(undefined, 'use_ipv4')
    })
    return [...config.get(undefined, `${service}_ports`)].flatMap((port) =>
      addresses.map((address) => ({ service, address, port })),
    )
  })
}

/** The open ports of the server. */
export class Listeners {
  readonly #open = new Map<string, Listening & { readonly service: ServiceName }>()
  readonly #accept: (service: ServiceName, socket: Socket) => void
  readonly #log: Logger

  constructor(log: Logger, accept: (service: ServiceName, socket: Socket) => void) {
    this.#log = log
    this.#accept = accept
  }

  /** Opens what is wanted and not open yet, and closes what is no longer wanted. Rejects with one sentence. */
  async arrange(config: Config, services: readonly ServiceName[]): Promise<void> {
    const plan = new Map(wanted(config, services).map((w) => [`${w.service} ${w.address} ${w.port}`, w]))
    for (const [key, listening] of this.#open) {
      if (plan.has(key)) continue
      listening.close()
      this.#open.delete(key)
    }
    for (const [key, where] of plan) {
      if (this.#open.has(key)) continue
      const listening = await this.#openPort(where, config)
      if (listening !== undefined) this.#open.set(key, { ...listening, service: where.service })
    }
  }

  async #openPort(where: Wanted, config: Config): Promise<Listening | undefined> {
    const use = where.service.startsWith('c2s') ? 'c2s' : 's2s'
    const keepAlive = config.get(undefined, `${use}_tcp_keepalives`) ?? config.get(undefined, 'tcp_keepalives')
    const backlog = config.get(undefined, 'network_settings').tcp_backlog ?? 511
    try {
      return await listen({ ...where, backlog }, (socket) => {
        if (keepAlive) socket.setKeepAlive(true, KEEPALIVE_MS)
        this.#accept(where.service, socket)
      })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      // a machine without IPv6 is no reason not to serve IPv4
      if (where.address !== '::' || !isFamilyMissing(message)) throw new Error(`${where.service}: ${message}`)
      this.#log.info('no IPv6 on this machine', { service: where.service })
      return undefined
    }
  }

  /** `c2s 0.0.0.0:5222`, for people. */
  describe(): readonly string[] {
    return [...this.#open.values()].map(
      ({ service, address, port }) => `${service} ${address.includes(':') ? `[${address}]` : address}:${port}`,
    )
  }

  ports(service: ServiceName): readonly number[] {
    return [...this.#open.values()].filter((l) => l.service === service).map((l) => l.port)
  }

  /** Would dialling this reach ourselves? */
  isOwn(address: string, port: number): boolean {
    for (const listening of this.#open.values()) {
      if (listening.port !== port) continue
      if (listening.address === address) return true
      if ((listening.address === '*' || listening.address === '::') && machineAddresses().has(address)) return true
    }
    return false
  }

  close(): void {
    for (const listening of this.#open.values()) listening.close()
    this.#open.clear()
  }
}

const KEEPALIVE_MS = 60_000

function machineAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => list?.map((i) => i.address) ?? []))
}
