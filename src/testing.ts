/** Real DNS and certificates for tests, on loopback and in memory: `import { TestDns } from 'entente/testing'`. */
export { type Issued, type IssueOptions, TestAuthority } from './testing/certificate-authority.ts'
export {
  type DnsBehaviour,
  TestDns,
  type TestDnsQuery,
  type TestRecords,
  type TestSrv,
  type TestTlsa,
} from './testing/dns-server.ts'
