import { addressBytes } from '../net/address.ts'

/** Bounds what may be under way at once, in all and for one network, so that nobody takes all there is. */
export class FairShare {
  readonly #most: number
  readonly #mostOfOne: number
  readonly #networks = new Map<string, number>()
  #taken = 0

  /** @param mostOfOne for one IPv4 address or one IPv6 /64 */
  constructor(most: number, mostOfOne: number) {
    this.#most = most
    this.#mostOfOne = mostOfOne
  }

  /** Takes one for this address; what it gives back frees it, once. undefined where the bound is reached. */
  take(address: string): (() => void) | undefined {
    const network = networkOf(address)
    const own = this.#networks.get(network) ?? 0
    if (this.#taken >= this.#most || own >= this.#mostOfOne) return undefined
    this.#taken++
    this.#networks.set(network, own + 1)
    return () => this.#free(network)
  }

  #free(network: string): void {
    this.#taken--
    const left = this.#networks.get(network)! - 1
    if (left === 0) this.#networks.delete(network)
    else this.#networks.set(network, left)
  }
}

function networkOf(address: string): string {
  const bytes = addressBytes(address)
  return bytes?.length === 16 ? bytes.slice(0, 8).join('.') : address
}
