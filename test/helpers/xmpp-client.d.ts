/** What the tests use of @xmpp/client, which has no types of its own. */
declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events'

  export interface XmlElement {
    readonly name: string
    readonly attrs: Readonly<Record<string, string | undefined>>
    getChild(name: string, xmlns?: string): XmlElement | undefined
    getChildText(name: string, xmlns?: string): string | null
    getChildren(name: string, xmlns?: string): XmlElement[]
    getChildElements(): XmlElement[]
    is(name: string, xmlns?: string): boolean
    toString(): string
  }
  export interface XmppClient extends EventEmitter {
    readonly reconnect: { stop(): void }
    readonly iqCaller: { request(iq: XmlElement, timeoutMs?: number): Promise<XmlElement> }
    start(): Promise<{ toString(): string }>
    stop(): Promise<unknown>
    send(element: XmlElement): Promise<void>
  }
  export function client(options: {
    readonly service: string
    readonly domain: string
    readonly username: string
    readonly password: string
    readonly resource?: string
  }): XmppClient
  export function xml(name: string, attrs?: Readonly<Record<string, string>>, ...children: (XmlElement | string)[]): XmlElement
}
