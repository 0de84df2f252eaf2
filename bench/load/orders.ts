import type { MessageShape } from './xml.ts'

/** Where a stream of the generator goes. */
export interface Place {
  readonly address: string
  readonly port: number
}

export interface Identity {
  readonly domain: string
  readonly certificate: string
  readonly key: string
}

/** A number that the generator gives to a stream it holds; 'accepted' means all streams that servers opened to it. */
export type StreamId = number | 'accepted'

export interface LoginOrder extends Place {
  readonly host: string
  readonly user: string
  readonly password: string
  readonly resource: string
}

export interface DialOrder extends Place {
  readonly from: string
  readonly to: string
  /** Tries until the port accepts and the stream is authenticated. */
  readonly retryForMs?: number
}

export interface FlowOrder extends MessageShape {
  readonly through: StreamId
  readonly counted: StreamId
  /** How many; or for how long, in milliseconds. */
  readonly amount: { readonly count: number } | { readonly forMs: number }
  /** Evenly, each in a write of its own; without it: flat out, with a bounded number on their way. */
  readonly perSecond?: number
}

export interface Flow {
  readonly sent: number
  readonly received: number
  readonly elapsedMs: number
  /** CPU time of the generator's process meanwhile. */
  readonly generatorCpuUs: number
  /** From the scheduled moment of sending; only with `perSecond`. */
  readonly latencyMs?: { readonly p50: number; readonly p99: number }
}

export interface ChurnOrder extends Place {
  readonly domains: readonly string[]
  readonly to: string
  readonly count: number
  readonly concurrent: number
}

export interface Churned {
  readonly made: number
  readonly elapsedMs: number
  readonly generatorCpuUs: number
}

/** What the bench asks of a generator process. Every order rejects with the peer's words when the peer refuses. */
export interface Orders {
  /** The remote domains that the generator may speak for. */
  know(order: { readonly identities: readonly Identity[] }): Promise<void>
  /** Accepts streams for all known domains. Resolves with the port when asked for port 0. */
  listen(order: Place): Promise<Place>
  login(order: LoginOrder): Promise<StreamId>
  /** `readyAtMs`: milliseconds since 1970, with fractions. */
  dial(order: DialOrder): Promise<{ readonly stream: StreamId; readonly readyAtMs: number }>
  flow(order: FlowOrder): Promise<Flow>
  /** Opens streams to the server one after the other and closes each as soon as it is authenticated. */
  churn(order: ChurnOrder): Promise<Churned>
  /** Closes every stream; the listener stays. */
  hangUp(): Promise<void>
}

export interface OrderMessage {
  readonly number: number
  readonly name: keyof Orders
  readonly order: unknown
}

export type AnswerMessage =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly error: string }
