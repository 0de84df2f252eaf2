import packet from 'dns-packet'
import type { AskedType, DnsBehaviour, TestRecords } from './dns-records.ts'

const UDP_PAYLOAD_BYTES = 1232
const MAX_ALIASES = 8
const FLAGS = { authoritative: 0x0400, truncated: 0x0200, recursion: 0x0180, authenticated: 0x0020 } as const
const RCODE = { noError: 0, servFail: 2, nxDomain: 3, refused: 5 } as const
const BOGUS: packet.Record = { type: 'OPT', name: '.', options: [{ code: 15, data: Buffer.from([0, 6]) }] }

type Names = ReadonlyMap<string, TestRecords>
type Via = 'udp' | 'tcp'

/** The bytes of the answer to a query with one question; undefined for silence. */
export function answerQuery(names: Names, query: packet.Packet, via: Via): Uint8Array | undefined {
  const question = query.questions[0]!
  const reply = (flags: number, rest: Partial<packet.Packet> = {}): Uint8Array =>
    packet.encode({ type: 'response', id: query.id, flags: FLAGS.recursion | flags, questions: [question], ...rest })
  switch (behaviourOf(names.get(question.name.toLowerCase()), question.type)) {
    case 'silent':
      return undefined
    case 'garbage':
      return Buffer.from('not a name server')
    case 'servfail':
      return reply(RCODE.servFail)
    case 'refused':
      return reply(RCODE.refused)
    case 'bogus':
      return reply(RCODE.servFail, { additionals: [BOGUS] })
    case 'truncated':
      if (via === 'udp') return reply(FLAGS.truncated)
  }
  const { flags, ...sections } = resolve(names, question)
  const whole = reply(FLAGS.authoritative | flags, sections)
  return via === 'udp' && whole.length > UDP_PAYLOAD_BYTES ? reply(FLAGS.truncated) : whole
}

function behaviourOf(records: TestRecords | undefined, type: string): DnsBehaviour | undefined {
  const behaviour = records?.behaviour
  return typeof behaviour === 'object' ? behaviour[type as AskedType] : behaviour // another type has no entry
}

/** Follows aliases within the zones, as a recursive server does. */
function resolve(names: Names, { name, type }: packet.Question): Pick<packet.Packet, 'flags' | 'answers' | 'authorities'> {
  const answers: packet.Record[] = []
  const signed = names.get(name.toLowerCase())?.authenticated ? FLAGS.authenticated : 0
  let owner = name
  for (let aliases = 0; aliases < MAX_ALIASES; aliases++) {
    const records = names.get(owner.toLowerCase())
    const ttl = records?.ttlSeconds ?? 60
    const found = dataOf(records, type).map((data) => ({ name: owner, type, ttl, data }))
    if (found.length > 0) return { flags: signed, answers: [...answers, ...found] }
    if (records?.CNAME === undefined) {
      const soa: packet.Record = {
        name: owner,
        type: 'SOA',
        ttl,
        data: { mname: 'ns.test', rname: 'hostmaster.test', minimum: ttl },
      }
      return { flags: signed | (exists(names, owner) ? RCODE.noError : RCODE.nxDomain), answers, authorities: [soa] }
    }
    answers.push({ name: owner, type: 'CNAME', ttl, data: records.CNAME })
    owner = records.CNAME
  }
  return { flags: signed, answers }
}

function dataOf(records: TestRecords | undefined, type: string): readonly unknown[] {
  if (type === 'SRV') return (records?.SRV ?? []).map((srv) => ({ priority: 0, weight: 0, ...srv }))
  if (type === 'TLSA')
    return (records?.TLSA ?? []).map(({ matching, data, ...rest }) => ({
      ...rest,
      matchingType: matching,
      certificate: Buffer.from(data),
    }))
  return (type === 'A' ? records?.A : type === 'AAAA' ? records?.AAAA : undefined) ?? []
}

/** A name exists when it has records, or when a name below it has (RFC 8020). */
function exists(names: Names, name: string): boolean {
  const key = name.toLowerCase()
  return names.has(key) || [...names.keys()].some((other) => other.endsWith(`.${key}`))
}
