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

interface Open extends Wanted {
  readonly listening: Listening
}

/** Every port that the configuration names, on every interface of the families in use. */
function wanted(config: Config, services: readonly ServiceName[]): ReadonlyMap<string, Wanted> {
  const all = services.flatMap((service) => {
    const own = config.get(undefined, `${service}_interfaces`)
    const addresses = [...(own ?? config.get(undefined, 'interfaces'))].filter((address) => {
      const six = address.includes(':')
      return six ? config.get(undefined, 'use_ipv6') : config.get(undefined, 'use_ipv4')
    })
    return [...config.get(undefined, `${service}_ports`)].flatMap((port) =>
      addresses.map((address) => ({ service, address, port })),
    )
  })
  return new Map(all.map((where) => [keyOf(where), where]))
}

const keyOf = ({ service, address, port }: Wanted): string => `${service} ${address} ${port}`

/** The open ports of the server. */
export class Listeners {
  readonly #open = new Map<string, Open>()
  readonly #accept: (service: ServiceName, socket: Socket) => void
  readonly #log: Logger
  #config: Config | undefined
  #lastFailure = ''

  constructor(log: Logger, accept: (service: ServiceName, socket: Socket) => void) {
    this.#log = log
    this.#accept = accept
  }

  /**
   * Opens what is wanted and not open yet, and closes what is no longer wanted. Where a port of a service cannot be
   * opened, the service keeps the ports that it had. Never rejects.
   *
   * @returns one sentence for each port that cannot be opened
   */
  async arrange(config: Config, services: readonly ServiceName[]): Promise<readonly string[]> {
    this.#config = config
    const plan = wanted(config, services)
    const obsolete = new Set([...this.#open.keys()].filter((key) => !plan.has(key)))
    const problems: string[] = []
    const troubled = new Set<ServiceName>()
    for (const where of plan.values()) {
      if (this.#open.has(keyOf(where))) continue
      const problem = await this.#replace(where, obsolete)
      if (problem === undefined) continue
      problems.push(problem)
      troubled.add(where.service)
    }
    for (const key of obsolete) {
      const open = this.#open.get(key)
      if (open !== undefined && !troubled.has(open.service)) this.#close(key)
    }
    return problems
  }

  /** Opens a port; one that is to go and has the same number is in its way, and comes back when this fails. */
  async #replace(where: Wanted, obsolete: Set<string>): Promise<string | undefined> {
    const inTheWay = [...obsolete].map((key) => this.#open.get(key)!).filter(({ port }) => port === where.port && port !== 0)
    for (const old of inTheWay) this.#close(keyOf(old))
    const problem = await this.#openPort(where)
    for (const old of inTheWay) {
      if (problem === undefined) obsolete.delete(keyOf(old))
      else await this.#openPort(old)
    }
    return problem
  }

  async #openPort(where: Wanted): Promise<string | undefined> {
    const { service, address } = where
    const backlog = this.#config!.get(undefined, 'network_settings').tcp_backlog ?? 511
    try {
      const listening = await listen(
        { ...where, backlog },
        (socket) => this.#connected(service, socket),
        (error) => this.#notAccepted(error),
      )
      this.#open.set(keyOf(where), { ...where, listening })
      return undefined
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      // a machine without IPv6 is no reason not to serve IPv4
      if (address !== '::' || !isFamilyMissing(message)) return `${service}: ${message}`
      this.#log.info('no IPv6 on this machine', { service })
      return undefined
    }
  }

  #connected(service: ServiceName, socket: Socket): void {
    const use = service.startsWith('c2s') ? 'c2s' : 's2s'
    const config = this.#config!
    const keepAlive = config.get(undefined, `${use}_tcp_keepalives`) ?? config.get(undefined, 'tcp_keepalives')
    if (keepAlive) socket.setKeepAlive(true, KEEPALIVE_MS)
    this.#lastFailure = ''
    this.#accept(service, socket)
  }

  /** Said once until a connection is accepted again: it happens as often as somebody tries. */
  #notAccepted(error: NodeJS.ErrnoException): void {
    if (error.message === this.#lastFailure) return
    this.#lastFailure = error.message
    const outOfFiles = error.code === 'EMFILE' || error.code === 'ENFILE'
    this.#log.warn('a connection could not be accepted', { why: outOfFiles ? 'out of file descriptors' : error.message })
  }

  /** `c2s 0.0.0.0:5222`, for people. */
  describe(): readonly string[] {
    return [...this.#open.values()].map(
      ({ service, address, listening }) => `${service} ${address.includes(':') ? `[${address}]` : address}:${listening.port}`,
    )
  }

  ports(service: ServiceName): readonly number[] {
    return [...this.#open.values()].filter((l) => l.service === service).map(({ listening }) => listening.port)
  }

  /** Would dialling this reach ourselves? */
  isOwn(address: string, port: number): boolean {
    for (const { listening } of this.#open.values()) {
      if (listening.port !== port) continue
      if (listening.address === address) return true
      if ((listening.address === '*' || listening.address === '::') && machineAddresses().has(address)) return true
    }
    return false
  }

  #close(key: string): void {
    this.#open.get(key)?.listening.close()
    this.#open.delete(key)
  }

  close(): void {
    for (const key of [...this.#open.keys()]) this.#close(key)
  }
}

const KEEPALIVE_MS = 60_000

function machineAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => list?.map((i) => i.address) ?? []))
}
