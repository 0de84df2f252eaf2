/** The parts of dns-packet that we use; the package comes without types. */
declare module 'dns-packet' {
  interface Decoder<T> {
    (buffer: Uint8Array, offset: number): T
    /** How many bytes the last call has consumed. */
    bytes: number
  }
  interface Record {
    readonly type: string
    readonly name: string
    readonly ttl?: number
    readonly data?: unknown
    readonly udpPayloadSize?: number
    readonly options?: readonly { readonly code: number; readonly data: Uint8Array }[]
  }
  interface Question {
    readonly type: string
    readonly name: string
  }
  interface Packet {
    readonly type: 'query' | 'response'
    readonly id: number
    readonly flags: number
    readonly questions: readonly Question[]
    readonly answers?: readonly Record[]
    readonly authorities?: readonly Record[]
    readonly additionals?: readonly Record[]
  }
  namespace packet {
    export type { Packet, Question, Record }
  }
  const packet: {
    encode(packet: Packet): Buffer
    /** Throws on what is no DNS message. */
    decode(buffer: Uint8Array): Packet
    readonly name: { readonly decode: Decoder<string> }
    readonly a: { readonly decode: Decoder<string> }
    readonly aaaa: { readonly decode: Decoder<string> }
    readonly srv: {
      readonly decode: Decoder<{ priority: number; weight: number; port: number; target: string }>
    }
  }
  export default packet
}
