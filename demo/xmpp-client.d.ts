/** What the demo uses of @xmpp/client beyond what the tests use. */
declare module '@xmpp/client' {
  import type { TLSSocket } from 'node:tls'

  export interface XmppClient {
    /** After STARTTLS the library's socket wraps Node's. */
    readonly socket: { readonly socket: TLSSocket }
    /** How long the library waits for each answer of the server, in milliseconds. */
    timeout: number
  }
}
