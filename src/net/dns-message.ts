import packet from 'dns-packet'
import type { SrvRecord } from './srv.ts'

/** What a domain says about the certificate of one of its services (RFC 6698 §2.1); the numbers may be ones that nobody knows. */
export interface TlsaRecord {
  readonly usage: number
  readonly selector: number
  readonly matching: number
  readonly data: Uint8Array
}

/** What we ask for, and what one record of it says. */
export interface RecordData {
  readonly A: string
  readonly AAAA: string
  readonly SRV: SrvRecord
  readonly TLSA: TlsaRecord
}
export type RecordType = keyof RecordData

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA' | 'CNAME'; readonly owner: string; readonly ttlMs: number; readonly data: string }
  | { readonly type: 'SRV'; readonly owner: string; readonly ttlMs: number; readonly data: SrvRecord }
  | { readonly type: 'TLSA'; readonly owner: string; readonly ttlMs: number; readonly data: TlsaRecord }

export interface Query {
  readonly id: number
  readonly name: string
  readonly type: RecordType
  readonly bytes: Uint8Array
}

export interface Reply {
  readonly rcode: number
  /** The TC bit: ask again over TCP. */
  readonly truncated: boolean
  /** The AD bit; worth something only from a server that we trust. */
  readonly authenticated: boolean
  /** The server says that DNSSEC validation has failed (RFC 8914 §4). */
  readonly bogus: boolean
  readonly answers: readonly DnsRecord[]
  /** How long a negative answer may be kept (RFC 2308 §5); undefined without an SOA record. */
  readonly negativeTtlMs: number | undefined
}

export const RCODE = { noError: 0, servFail: 2, nxDomain: 3, refused: 5 } as const

const CODES = { A: 1, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33, OPT: 41, TLSA: 52 } as const
const CLASS_IN = 1
/** Fits every path without fragments (RFC 9715). */
const UDP_PAYLOAD_BYTES = 1232
/** No honest answer to our questions is longer; what lies behind is not read. */
const MAX_ANSWERS = 64
const MAX_OTHERS = 64
const EXTENDED_ERROR = 15
/** DNSSEC Bogus, Signature Expired, Signature Not Yet Valid, DNSKEY Missing, RRSIGs Missing, No Zone Key Bit Set, NSEC Missing. */
const BOGUS_CODES = [6, 7, 8, 9, 10, 11, 12]

/** Whether the name may be asked for at all: it fits the wire format (RFC 1035 §2.3.4). */
export function isQueryName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => label.length > 0 && label.length <= 63) && /^[!-~]+$/.test(name)
}

/** One question; asks the server for its DNSSEC verdict by the AD bit (RFC 6840 §5.7), not for the signatures. */
export function encodeQuery(id: number, name: string, type: RecordType): Query {
  const bytes = packet.encode({
    type: 'query',
    id,
    flags: 0x0100 | 0x0020, // RD, AD
    questions: [{ type, name }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: UDP_PAYLOAD_BYTES, options: [] }],
  })
  return { id, name: name.toLowerCase(), type, bytes }
}

/** Reads an answer to exactly this query; undefined for anything else, whatever the bytes are. Never throws. */
export function decodeReply(query: Query, bytes: Uint8Array): Reply | undefined {
  try {
    return new Reader(bytes).reply(query)
  } catch {
    return undefined
  }
}

interface RawRecord {
  readonly owner: string
  readonly code: number
  readonly class: number
  readonly ttlMs: number
  /** Where RDLENGTH stands: what the decoders of the library start from. */
  readonly at: number
  readonly lengthBytes: number
}

/** Walks through one message. Everything that is wrong with the bytes throws. */
class Reader {
  readonly #bytes: Buffer
  #at = 12

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  reply(query: Query): Reply | undefined {
    const bytes = this.#bytes
    const flags = bytes.readUInt16BE(2)
    const isAnswer = (flags & 0x8000) !== 0 && (flags & 0x7800) === 0
    if (bytes.readUInt16BE(0) !== query.id || !isAnswer || bytes.readUInt16BE(4) !== 1 || !this.#asks(query)) return undefined
    const head = { rcode: flags & 0xf, truncated: (flags & 0x0200) !== 0, authenticated: (flags & 0x0020) !== 0 }
    if (head.truncated) return { ...head, bogus: false, answers: [], negativeTtlMs: undefined }
    const count = bytes.readUInt16BE(6)
    const answers = this.#records(Math.min(count, MAX_ANSWERS)).flatMap((raw) => this.#answer(raw) ?? [])
    const others = count > MAX_ANSWERS ? [] : this.#records(Math.min(bytes.readUInt16BE(8) + bytes.readUInt16BE(10), MAX_OTHERS))
    const soa = others.find((raw) => raw.code === CODES.SOA && raw.class === CLASS_IN)
    const opt = others.find((raw) => raw.code === CODES.OPT)
    return {
      ...head,
      answers,
      negativeTtlMs: soa && Math.min(soa.ttlMs, ttl(bytes.readUInt32BE(soa.at + 2 + soa.lengthBytes - 4))),
      bogus: opt !== undefined && this.#saysBogus(opt),
    }
  }

  #asks(query: Query): boolean {
    const name = this.#name()
    const code = this.#bytes.readUInt16BE(this.#at)
    const klass = this.#bytes.readUInt16BE(this.#at + 2)
    this.#at += 4
    return name === query.name && code === CODES[query.type] && klass === CLASS_IN
  }

  #name(): string {
    const name = packet.name.decode(this.#bytes, this.#at)
    this.#at += packet.name.decode.bytes
    return name.toLowerCase()
  }

  #records(count: number): readonly RawRecord[] {
    const records: RawRecord[] = []
    while (records.length < count) {
      const owner = this.#name()
      const at = this.#at
      const lengthBytes = this.#bytes.readUInt16BE(at + 8)
      this.#at = at + 10 + lengthBytes
      if (this.#at > this.#bytes.length) throw new RangeError('record runs over the end')
      records.push({
        owner,
        code: this.#bytes.readUInt16BE(at),
        class: this.#bytes.readUInt16BE(at + 2),
        ttlMs: ttl(this.#bytes.readUInt32BE(at + 4)),
        at: at + 8,
        lengthBytes,
      })
    }
    return records
  }

  #answer({ owner, code, class: klass, ttlMs, at, lengthBytes }: RawRecord): DnsRecord | undefined {
    if (klass !== CLASS_IN) return undefined
    if (code === CODES.A && lengthBytes === 4) return { type: 'A', owner, ttlMs, data: packet.a.decode(this.#bytes, at) }
    if (code === CODES.AAAA && lengthBytes === 16)
      return { type: 'AAAA', owner, ttlMs, data: packet.aaaa.decode(this.#bytes, at) }
    if (code === CODES.CNAME) return { type: 'CNAME', owner, ttlMs, data: packet.name.decode(this.#bytes, at + 2).toLowerCase() }
    if (code === CODES.TLSA && lengthBytes >= 3) return { type: 'TLSA', owner, ttlMs, data: this.#tlsa(at + 2, lengthBytes) }
    if (code !== CODES.SRV) return undefined
    const { priority, weight, port, target } = packet.srv.decode(this.#bytes, at)
    return { type: 'SRV', owner, ttlMs, data: { priority, weight, port, target: target.toLowerCase() } }
  }

  #tlsa(at: number, lengthBytes: number): TlsaRecord {
    const [usage = 0, selector = 0, matching = 0] = this.#bytes.subarray(at, at + 3)
    return { usage, selector, matching, data: Uint8Array.from(this.#bytes.subarray(at + 3, at + lengthBytes)) }
  }

  #saysBogus(opt: RawRecord): boolean {
    const end = opt.at + 2 + opt.lengthBytes
    for (let at = opt.at + 2; at + 6 <= end; at += 4 + this.#bytes.readUInt16BE(at + 2)) {
      if (this.#bytes.readUInt16BE(at) === EXTENDED_ERROR && BOGUS_CODES.includes(this.#bytes.readUInt16BE(at + 4))) return true
    }
    return false
  }
}

/** RFC 2181 §8: a TTL with the highest bit set is zero. */
function ttl(seconds: number): number {
  return seconds > 0x7fffffff ? 0 : seconds * 1000
}
